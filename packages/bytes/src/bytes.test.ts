import assert from "node:assert/strict"
import { test } from "node:test"
import fc from "fast-check"
import * as ByteStrings from "./byte-string.ts"
import {
  byteStringOf,
  bytesOf,
  compare,
  concat,
  decodeBase64,
  decodeHex,
  encodeBase64,
  encodeHex,
  equal,
  isUtf8,
  textOf,
  utf8,
} from "./index.ts"

const bytes = fc.uint8Array({ maxLength: 40 })
const property = (check: (a: Uint8Array, b: Uint8Array) => void): void => fc.assert(fc.property(bytes, bytes, check))

test("concat, compare and equal agree with Buffer", () => {
  assert.deepEqual(concat([]), new Uint8Array(0))
  property((a, b) => {
    assert.deepEqual(concat([a, b, a]), new Uint8Array(Buffer.concat([a, b, a])))
    assert.equal(Math.sign(compare(a, b)), Buffer.compare(a, b))
    assert.equal(equal(a, b), Buffer.from(a).equals(b))
    assert.ok(equal(a, a.slice()))
  })
})

test("hex and Base64 agree with Buffer and read back what they wrote", () => {
  property((a) => {
    assert.equal(encodeHex(a), Buffer.from(a).toString("hex"))
    assert.equal(encodeBase64(a), Buffer.from(a).toString("base64"))
    assert.deepEqual(decodeHex(encodeHex(a).toUpperCase()), a)
    assert.deepEqual(decodeBase64(encodeBase64(a)), a)
  })
})

test("what is not one encoding of some bytes is refused", () => {
  for (const text of ["a", "0g", "0x", "é0"]) assert.equal(decodeHex(text), undefined, text)
  // The last two carry bits that no byte accounts for.
  const refused = ["A", "AA", "AAA", "=", "====", "AA=A", "AAA\n", "AAAA=", "AA==AAAA", "AA-_", "é===", "AB==", "AAB="]
  for (const text of refused) assert.equal(decodeBase64(text), undefined, text)
})

/** The same module where the host has no Buffer, as in a browser. */
async function withoutBuffer(): Promise<Pick<typeof ByteStrings, "byteStringFrom" | "bytesOf">> {
  const { Buffer } = globalThis
  Reflect.deleteProperty(globalThis, "Buffer")
  try {
    return (await import(`${import.meta.resolve("./byte-string.ts")}?without-buffer`)) as typeof ByteStrings
  } finally {
    globalThis.Buffer = Buffer
  }
}

for (const host of ["Node", "a browser"]) {
  test(`byte strings round-trip all bytes, whatever the length, in ${host}`, async () => {
    const { bytesOf, byteStringFrom } = host === "Node" ? ByteStrings : await withoutBuffer()
    for (const length of [0, 1, 64, 65, 256, 8192, 8193, 100_000]) {
      // Not all of the memory that they are in.
      const mixed = new Uint8Array(length + 2).map((_, i) => i % 256).subarray(1, -1)
      assert.deepEqual(bytesOf(byteStringFrom(mixed)), mixed, `${length} mixed bytes`)
      assert.equal(byteStringFrom(mixed), Buffer.from(mixed).toString("latin1"))
      assert.equal(bytesOf(byteStringFrom(mixed)).buffer.byteLength, length, "memory of their own")
      const ascii = mixed.map((byte) => byte % 128)
      assert.deepEqual(bytesOf(byteStringFrom(ascii)), ascii, `${length} ASCII bytes`)
    }
  })

  test(`a byte string is not mistaken for ASCII by the length of what it decodes to, in ${host}`, async () => {
    const { byteStringFrom } = host === "Node" ? ByteStrings : await withoutBuffer()
    const invalid = new Uint8Array(100).fill(0xff)
    assert.equal(byteStringFrom(invalid), "\xff".repeat(100))
  })
}

test("text to UTF-8 and back", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      assert.equal(byteStringOf(text), Buffer.from(text).toString("latin1"))
      assert.equal(textOf(byteStringOf(text)), Buffer.from(text).toString())
      assert.deepEqual(utf8(text), new Uint8Array(Buffer.from(text)))
    }),
  )
  assert.equal(byteStringOf("\ufeffé"), "\xef\xbb\xbf\xc3\xa9")
  assert.equal(textOf("\xef\xbb\xbf\xc3\xa9"), "\ufeffé", "a byte order mark is kept")
  assert.equal(textOf("a\xff\xc3"), "a\ufffd\ufffd")
})

const UTF8: readonly [byteString: string, well: boolean][] = [
  ["", true],
  ["abc\x7f\0", true],
  ["\xc3\xa9", true],
  ["\xed\x9f\xbf", true],
  ["\xf4\x8f\xbf\xbf", true],
  ["\x80", false],
  ["\xc3", false],
  ["\xc0\x80", false],
  ["\xe0\x80\x80", false],
  ["\xed\xa0\x80", false],
  ["\xf4\x90\x80\x80", false],
  ["\xf5\x80\x80\x80", false],
  ["\xff", false],
]
test("isUtf8", () => {
  for (const [byteString, well] of UTF8) assert.equal(isUtf8(byteString), well, encodeHex(bytesOf(byteString)))
})
