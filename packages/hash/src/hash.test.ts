import { blake3 as referenceBlake3 } from "@noble/hashes/blake3.js"
import { encodeHex } from "@tvix-ts/bytes"
import assert from "node:assert/strict"
import crypto from "node:crypto"
import { describe, test } from "node:test"
import {
  digestLength,
  hash,
  hashByteString,
  hexDigest,
  isHashAlgorithm,
  startHash,
  type HashAlgorithm,
} from "./index.ts"
import { engine as native } from "./node/native.ts"
import { engine as portable } from "./portable.ts"

const ALGORITHMS = Object.keys(digestLength).filter(isHashAlgorithm)

// Published by the algorithms' authors (RFC 1321, FIPS 180-4, the BLAKE3 paper's test vectors).
const KNOWN: { readonly [A in HashAlgorithm]: readonly [text: string, digest: string] } = {
  md5: ["abc", "900150983cd24fb0d6963f7d28e17f72"],
  sha1: ["abc", "a9993e364706816aba3e25717850c26c9cd0d89d"],
  sha256: ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  sha512: [
    "abc",
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
  ],
  blake3: ["", "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"],
}

// Around the borders of blocks, chunks and of what goes to the addon.
const SIZES = [0, 1, 55, 56, 63, 64, 65, 127, 128, 1023, 1024, 1025, 2048, 4095, 4096, 5000, 70_000]
const sample = (size: number): Uint8Array => new Uint8Array(size).map((_, i) => i % 251)

function reference(algorithm: HashAlgorithm, bytes: Uint8Array): string {
  if (algorithm === "blake3") return encodeHex(referenceBlake3(bytes))
  return crypto.createHash(algorithm).update(bytes).digest("hex")
}

for (const [name, engine] of Object.entries({ native, portable })) {
  describe(name, () => {
    for (const algorithm of ALGORITHMS) {
      test(algorithm, () => {
        for (const size of SIZES) {
          const bytes = sample(size)
          const digest = engine.hash(algorithm, bytes)
          assert.equal(encodeHex(digest), reference(algorithm, bytes), `${size} bytes`)
          assert.equal(digest.length, digestLength[algorithm])
          assert.equal(Object.getPrototypeOf(digest), Uint8Array.prototype)
          const running = engine.startHash(algorithm)
          const buffer = new Uint8Array(1000)
          for (let at = 0; at < size; at += buffer.length) {
            const piece = bytes.subarray(at, at + buffer.length)
            buffer.set(piece)
            running.update(buffer.subarray(0, piece.length))
            // The caller may reuse its buffer.
            buffer.fill(0)
          }
          assert.deepEqual(running.digest(), digest, `${size} bytes in pieces`)
        }
      })
    }
  })
}

test("known digests", () => {
  for (const algorithm of ALGORITHMS) {
    const [text, digest] = KNOWN[algorithm]
    assert.equal(encodeHex(hashByteString(algorithm, text)), digest)
    assert.equal(hexDigest(algorithm, text), digest)
    assert.equal(encodeHex(hash(algorithm, sample(0))), encodeHex(startHash(algorithm).digest()))
  }
  assert.deepEqual(hashByteString("md5", "\xff\x00"), hash("md5", Uint8Array.of(255, 0)))
  assert.equal(hexDigest("md5", "\xff\x00"), encodeHex(hash("md5", Uint8Array.of(255, 0))))
})

test("pieces of a text have its digest", () => {
  for (const pieces of [[], [""], ["\xff\x00", "", "a"], ["a".repeat(200_000), "\xe9".repeat(200_000), ""], ["b"]]) {
    for (const algorithm of ALGORITHMS) {
      assert.equal(hexDigest(algorithm, pieces), hexDigest(algorithm, pieces.join("")))
      assert.deepEqual(hashByteString(algorithm, pieces), hashByteString(algorithm, pieces.join("")))
    }
  }
})
