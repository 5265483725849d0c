import assert from "node:assert/strict"
import { describe, test } from "node:test"
import fc from "fast-check"
import { formatStoreReference, parseStoreReference, StoreReferenceError, type StoreReference } from "./index.ts"

const auto = (parameters: Record<string, string> = {}): StoreReference => ({
  type: "auto",
  parameters: new Map(Object.entries(parameters)),
})
const at = (scheme: string, authority: string, parameters: Record<string, string> = {}): StoreReference => ({
  type: "specified",
  scheme,
  authority,
  parameters: new Map(Object.entries(parameters)),
})

/** `full` where it is not what was given. */
const GOOD: readonly [text: string, StoreReference, full?: string][] = [
  ["auto", auto()],
  ["", auto(), "auto"],
  ["auto?root=/foo", auto({ root: "/foo" })],
  ["?a=b", auto({ a: "b" }), "auto?a=b"],
  ["daemon", at("unix", ""), "unix://"],
  ["local", at("local", ""), "local://"],
  ["local://", at("local", "")],
  ["/foo bar", at("local", "/foo bar"), "local:///foo%20bar"],
  ["/", at("local", "/"), "local:///"],
  ["ssh://user@host:22", at("ssh", "user@host:22")],
  ["ssh-ng://[::1]", at("ssh-ng", "[::1]")],
  ["grpc+http://host:8000", at("grpc+http", "host:8000")],
  ["s3://bucket/a%20b?region=eu-1", at("s3", "bucket/a b", { region: "eu-1" })],
  ["file:///a?b=%26%3d%3F&a=c=d", at("file", "/a", { b: "&=?", a: "c=d" }), "file:///a?a=c%3Dd&b=%26%3D?"],
  ["auto?a=1&a=2&", auto({ a: "1" }), "auto?a=1"],
]
const BAD: readonly [text: string, code: string][] = [
  ["foo", "form"],
  ["Local://", "form"],
  ["1a://", "form"],
  ["://", "form"],
  ["http://a#b", "form"],
  ["http://a b", "form"],
  ["http://a%2", "form"],
  ["./a", "relative"],
  ["a/b", "relative"],
  ["auto?a", "parameter"],
  ["auto?=a", "parameter"],
  ["auto?a=%", "parameter"],
  ["auto?a=%zz", "parameter"],
]

describe("store references", () => {
  for (const [text, reference, full = text] of GOOD) {
    test(JSON.stringify(text), () => {
      assert.deepEqual(parseStoreReference(text), reference)
      assert.equal(formatStoreReference(reference), full)
    })
  }
  for (const [text, code] of BAD) {
    test(`refused: ${text}`, () => {
      assert.throws(
        () => parseStoreReference(text),
        (error) => error instanceof StoreReferenceError && error.problem.code === code,
      )
    })
  }

  test("are read back", () => {
    const byteString = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) })
    const parameters = fc.uniqueArray(
      fc.tuple(
        byteString.filter((name) => name !== ""),
        byteString,
      ),
      { selector: ([name]) => name },
    )
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z][a-z0-9+.-]*$/), byteString, parameters, (scheme, authority, list) => {
        const reference: StoreReference = { type: "specified", scheme, authority, parameters: new Map(list) }
        assert.deepEqual(parseStoreReference(formatStoreReference(reference)), reference)
      }),
    )
  })
})
