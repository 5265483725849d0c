import assert from "node:assert/strict"
import { test } from "node:test"
import fc from "fast-check"
import { parseJson, type JsonBuilder } from "./parser.ts"
import { JsonError } from "./problem.ts"
import vectors from "./vectors.json" with { type: "json" }
import { jsonFloat, quoteJson } from "./writer.ts"

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number =>
  a < b ? -1 : a > b ? 1 : 0

/** Writes what it reads, as `toJSON (fromJSON text)` would. */
const rewriting: JsonBuilder<string> = {
  null: () => "null",
  boolean: String,
  integer: String,
  float: jsonFloat,
  string: quoteJson,
  list: (values) => `[${values.join(",")}]`,
  set: (values) =>
    `{${[...values]
      .sort(byName)
      .map(([name, value]) => `${quoteJson(name)}:${value}`)
      .join(",")}}`,
}

function rewritten(text: string): string {
  try {
    return parseJson(text, rewriting)
  } catch (error) {
    if (error instanceof JsonError) return `error: ${error.message}`
    throw error
  }
}

test("reads, writes and complains as C++ Nix does", () => {
  for (const [text, result] of vectors.cases as [string, string][]) assert.equal(rewritten(text), result, text)
})

test("agrees with JSON.parse on what that writes", () => {
  const plain: JsonBuilder<unknown> = {
    null: () => null,
    boolean: (value) => value,
    integer: Number,
    float: (value) => value,
    string: (value) => Buffer.from(value, "latin1").toString(),
    list: (values) => values,
    set: (values) =>
      Object.fromEntries([...values].map(([name, value]) => [Buffer.from(name, "latin1").toString(), value])),
  }
  // Nix refuses null bytes, and integers from 2^63 to 2^64, which have 19 or 20 digits.
  const value = fc
    .jsonValue({ noUnicodeString: false })
    .filter((value) => !/\\u0000|\d{19}/.test(JSON.stringify(value)))
  fc.assert(
    fc.property(value, (value) => {
      const text = Buffer.from(JSON.stringify(value)).toString("latin1")
      // -0 is written as 0.
      assert.deepEqual(JSON.stringify(parseJson(text, plain)), JSON.stringify(JSON.parse(JSON.stringify(value))))
    }),
  )
})

test("floats read back as themselves", () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      assert.ok(Object.is(Number(jsonFloat(value)), value), `${value} -> ${jsonFloat(value)}`)
    }),
  )
  assert.equal(jsonFloat(NaN), "null")
  assert.equal(jsonFloat(-Infinity), "null")
})

const NOT_UTF8: readonly [value: string, message: string][] = [
  ["a\xff", "[json.exception.type_error.316] invalid UTF-8 byte at index 1: 0xFF"],
  ["\xc3(", "[json.exception.type_error.316] invalid UTF-8 byte at index 1: 0x28"],
  ["\xe2\x82", "[json.exception.type_error.316] incomplete UTF-8 string; last byte: 0x82"],
  ["\xed\xa0\x80", "[json.exception.type_error.316] invalid UTF-8 byte at index 1: 0xA0"],
]
test("strings that are not UTF-8 cannot be written", () => {
  for (const [value, message] of NOT_UTF8) assert.throws(() => quoteJson(value), { message })
})

test("control characters are escaped, and nothing that need not be", () => {
  assert.equal(quoteJson('\b\t\n\f\r\x01\x1f"\\/\x7f\xc3\xa9'), '"\\b\\t\\n\\f\\r\\u0001\\u001f\\"\\\\/\x7f\xc3\xa9"')
})

test("a hundred thousand levels do not overflow a stack", () => {
  const depth = 100_000
  const deepest: JsonBuilder<number> = {
    null: () => 0,
    boolean: () => 0,
    integer: () => 0,
    float: () => 0,
    string: () => 0,
    list: ([inner = 0]) => inner + 1,
    set: (values) => (values.get("a") ?? 0) + 1,
  }
  assert.equal(parseJson("[".repeat(depth) + "]".repeat(depth), deepest), depth)
  assert.equal(parseJson('{"a":'.repeat(depth) + "1" + "}".repeat(depth), deepest), depth)
  assert.throws(() => parseJson("[".repeat(depth), deepest), JsonError)
})
