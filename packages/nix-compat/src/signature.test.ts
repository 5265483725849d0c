import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { inspect } from "node:util"
import { byteStringFrom, decodeHex, encodeBase64, encodeHex } from "@tvix-ts/bytes"
import fc from "fast-check"
import {
  formatPublicKey,
  formatSignature,
  KeyError,
  parsePublicKey,
  parseSignature,
  SecretKey,
  verifySignature,
} from "./index.ts"

/** RFC 8032 section 7.1, tests 1 to 3. */
const VECTORS = [
  {
    seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    public: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    message: "",
    signature:
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  },
  {
    seed: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    public: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    message: "72",
    signature:
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  },
] as const
const base64 = (hex: string): string => encodeBase64(decodeHex(hex)!)
const message = (hex: string): string => byteStringFrom(decodeHex(hex)!)

describe("signatures", () => {
  for (const [i, vector] of VECTORS.entries()) {
    test(`RFC 8032, test ${i + 1}`, async () => {
      const key = SecretKey.parse(`k-1:${base64(vector.seed + vector.public)}`)
      assert.equal(formatPublicKey(key.publicKey), `k-1:${base64(vector.public)}`)
      const signature = await key.sign(message(vector.message))
      assert.equal(encodeHex(signature.bytes), vector.signature)
      assert.ok(await verifySignature(message(vector.message), signature, [key.publicKey]))
      assert.ok(!(await verifySignature(`${message(vector.message)} `, signature, [key.publicKey])))
    })
  }

  test("of one key are not of another, nor of another name", async () => {
    const [a, b] = await Promise.all([SecretKey.generate("a"), SecretKey.generate("a")])
    const signature = await a.sign("text")
    assert.ok(await verifySignature("text", signature, [b.publicKey, a.publicKey]))
    assert.ok(!(await verifySignature("text", signature, [b.publicKey])))
    assert.ok(!(await verifySignature("text", { ...signature, name: "b" }, [a.publicKey])))
    assert.ok(!(await verifySignature("text", signature, [])))
    assert.ok(!(await verifySignature("text", { ...signature, bytes: new Uint8Array(64) }, [a.publicKey])))
  })

  test("and keys are read back", async () => {
    const key = await SecretKey.generate("cache.example.org-1")
    const read = SecretKey.parse(key.reveal())
    assert.deepEqual(read.publicKey, key.publicKey)
    assert.deepEqual(await read.sign("x"), await key.sign("x"))
    assert.deepEqual(parsePublicKey(formatPublicKey(key.publicKey)), key.publicKey)
    const name = fc.stringMatching(/^[A-Za-z0-9.-]+$/)
    const bytes = fc.uint8Array({ minLength: 64, maxLength: 64 })
    fc.assert(
      fc.property(name, bytes, (one, many) => {
        const signature = { name: one, bytes: many }
        assert.deepEqual(parseSignature(formatSignature(signature)), signature)
      }),
    )
  })

  test("secrets are neither printed nor told", async () => {
    const key = await SecretKey.generate("k")
    const secret = key.reveal().slice(2)
    for (const shown of [inspect(key, { depth: 9, showHidden: true }), JSON.stringify(key)]) {
      assert.ok(!shown.includes(secret.slice(0, 10)), shown)
    }
    const bad = [secret, `:${secret}`, `k:${secret.slice(4)}`, `k:${secret}A`, `a b:${secret}`, secret.replace("=", "")]
    for (const text of bad) {
      assert.throws(
        () => SecretKey.parse(text),
        (error) => error instanceof KeyError && !inspect(error).includes(secret.slice(8, 20)),
      )
    }
    const halves = SecretKey.parse(`k:${base64(VECTORS[0].seed + VECTORS[1].public)}`)
    await assert.rejects(
      halves.sign("x"),
      (error) =>
        error instanceof KeyError && error.problem.code === "halves" && !inspect(error).includes(secret.slice(8, 20)),
    )
  })

  const bad: [text: string, code: string][] = [
    ["", "form"],
    ["k", "form"],
    [":AAAA", "form"],
    ["k:", "form"],
    ["k:!", "form"],
    ["k\n:AAAA", "form"],
    ["k:AAAA", "length"],
    [`k:${"A".repeat(88)}`, "length"],
    [`k:${"A".repeat(86)}`, "form"],
  ]
  for (const [text, code] of bad) {
    test(`refuses ${JSON.stringify(text.slice(0, 10))}`, () => {
      assert.throws(
        () => parseSignature(text),
        (error) => error instanceof KeyError && error.problem.code === code,
      )
    })
  }
  test("refuses to make a key that could not be read", async () => {
    for (const name of ["", "a:b", "a b", "a\n"]) await assert.rejects(SecretKey.generate(name), KeyError)
  })
})
