import { byteStringOf } from "@tvix-ts/bytes"
import assert from "node:assert/strict"
import { test } from "node:test"
import fc from "fast-check"
import {
  decodeNix32,
  digestLength,
  encodeNix32,
  formatHash,
  formatPrefixedHash,
  HashError,
  isHashAlgorithm,
  parseBareHash,
  parseHash,
  parseHashAlgorithm,
  parseHashFormat,
  parsePrefixedHash,
  parseSriHash,
  type HashFormat,
} from "./index.ts"
import vectors from "./vectors.json" with { type: "json" }

const FORMATS: readonly HashFormat[] = ["base16", "nix32", "base64", "sri"]

function converted(text: string, algorithm: string, format: string): string {
  try {
    const known = algorithm === "" ? undefined : parseHashAlgorithm(algorithm)
    const to = parseHashFormat(format)
    return formatHash(parseHash(text, known), to)
  } catch (error) {
    if (error instanceof HashError) return `error: ${error.message}`
    throw error
  }
}

test("converts and complains as C++ Nix does", () => {
  for (const [text, algorithm, format, result] of vectors.cases as [string, string, string, string][]) {
    assert.equal(converted(byteStringOf(text), algorithm, format), byteStringOf(result), JSON.stringify(text))
  }
})

test("every hash reads back from every notation", () => {
  const algorithms = Object.keys(digestLength).filter(isHashAlgorithm)
  const hashes = fc.constantFrom(...algorithms).chain((algorithm) => {
    const length = digestLength[algorithm]
    return fc.record({
      algorithm: fc.constant(algorithm),
      digest: fc.uint8Array({ minLength: length, maxLength: length }),
    })
  })
  fc.assert(
    fc.property(hashes, fc.constantFrom(...FORMATS), (hash, format) => {
      assert.deepEqual(parseHash(formatHash(hash, format), hash.algorithm), { ...hash })
      assert.deepEqual(parsePrefixedHash(formatPrefixedHash(hash, format)), { ...hash })
      if (format !== "sri") assert.deepEqual(parseBareHash(formatHash(hash, format), hash.algorithm), { ...hash })
      else assert.deepEqual(parseSriHash(formatHash(hash, format)), { ...hash })
    }),
  )
})

test("nix32 reads back whatever bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => assert.deepEqual(decodeNix32(encodeNix32(bytes)), bytes)),
  )
  assert.equal(encodeNix32(Uint8Array.of(0x1f)), "0z")
  for (const text of ["e", "o", "u", "t", "A", "\xe9", "0-"]) assert.equal(decodeNix32(text), undefined, text)
})

test("what only other callers can meet", () => {
  assert.throws(() => parsePrefixedHash("abc"), { message: "hash 'abc' does not include a type" })
  assert.throws(() => parseSriHash("abc"), { message: "hash 'abc' is not SRI" })
  const forbidden = (algorithm: string): void => {
    throw new Error(`${algorithm} is experimental`)
  }
  assert.throws(() => parseHash("blake3-AA", undefined, forbidden), /blake3 is experimental/)
})
