import { byteStringOf } from "@tvix-ts/bytes"
import assert from "node:assert/strict"
import { describe, test } from "node:test"
import fc from "fast-check"
import { absPath, baseNameOf, canonPath, dirOf, parentPath } from "./canon-path.ts"
import { elided, escapeXml, isVariableName, printAttributeName, printString } from "./escape.ts"
import { formatFloat, parseInteger, printFloat, roundFloat, roundInteger, type Integer } from "./number.ts"
import { didYouMean, editDistance, suggestions } from "./suggest.ts"
import vectors from "./vectors.json" with { type: "json" }

const UNDER_TEST: { readonly [name: string]: (...args: string[]) => unknown } = {
  baseNameOf,
  dirOf,
  canonPath,
  formatFloat: (written) => formatFloat(Number(written)),
  printFloat: (written) => printFloat(Number(written)),
  printString: (value) => printString(value),
  printAttributeName,
  escapeXml,
}

describe("as C++ Nix does", () => {
  const { madeBy: _, ...functions } = vectors as unknown as Record<string, [...args: string[], result: unknown][]>
  for (const [name, cases] of Object.entries(functions)) {
    test(name, () => {
      for (const [...args] of cases) {
        const result = inBytes(args.pop())
        assert.deepEqual(UNDER_TEST[name]!(...(args as string[]).map(byteStringOf)), result, JSON.stringify(args))
      }
    })
  }
})

function inBytes(value: unknown): unknown {
  if (typeof value === "string") return byteStringOf(value)
  if (Array.isArray(value)) return value.map(inBytes)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, inBytes(inner)]))
}

test("floats that no literal gives", () => {
  const printed: [value: number, short: string, fixed: string][] = [
    [Infinity, "inf", "inf"],
    [-Infinity, "-inf", "-inf"],
    [NaN, "-nan", "-nan"],
    [0, "0", "0.000000"],
    [-0, "-0", "-0.000000"],
    [-100000.5, "-100000", "-100000.500000"],
    [5e-324, "4.94066e-324", "0.000000"],
  ]
  for (const [value, short, fixed] of printed) assert.deepEqual([printFloat(value), formatFloat(value)], [short, fixed])
})

test("rounding stays within int64", () => {
  const rounded: ["ceil" | "floor", number, Integer][] = [
    ["ceil", 1.2, 2],
    ["floor", -1.2, -2],
    ["ceil", -0.5, 0],
    ["floor", 2 ** 62, 2n ** 62n],
    ["floor", -(2 ** 63), -(2n ** 63n)],
  ]
  for (const [round, value, result] of rounded) assert.ok(Object.is(roundFloat(round, value), result), `${value}`)
  for (const value of [2 ** 63, -(2 ** 64), Infinity, NaN]) {
    assert.throws(() => roundFloat("ceil", value), { problem: { code: "float-not-an-integer", value } })
  }
  assert.throws(() => roundFloat("ceil", 1e300), { message: "NixFloat argument 1e+300 is not in the range of NixInt" })
  for (const value of [7, -(2n ** 63n), 2n ** 60n]) assert.equal(roundInteger(value), value)
  assert.throws(() => roundInteger(2n ** 63n - 1n), {
    problem: { code: "integer-beyond-float", value: 2n ** 63n - 1n },
  })
  const value = 2n ** 53n + 1n
  assert.throws(() => roundInteger(value), { problem: { code: "integer-loses-precision", value, rounded: 2n ** 53n } })
})

test("integers are read if they fit", () => {
  const read: [text: string, value: Integer | undefined][] = [
    ["0", 0],
    ["-0", 0],
    ["+7", 7],
    ["007", 7],
    ["9007199254740993", 9007199254740993n],
    ["9223372036854775807", 2n ** 63n - 1n],
    ["-9223372036854775808", -(2n ** 63n)],
    ["+9223372036854775807", 2n ** 63n - 1n],
    ["9223372036854775808", undefined],
    ["", undefined],
    ["-", undefined],
    ["1 ", undefined],
    ["1.0", undefined],
    ["0x1", undefined],
  ]
  for (const [text, value] of read) assert.equal(parseInteger(text), value, text)
})

test("long strings can be cut", () => {
  assert.equal(printString("abc", 3), '"abc"')
  assert.equal(printString('a"bc', 2), '"a\\"" \xc2\xab2 bytes elided\xc2\xbb')
  assert.equal(printString("a${b", 2), '"a\\$" \xc2\xab2 bytes elided\xc2\xbb')
  assert.equal(printString("a$b", 2), '"a$" \xc2\xab1 byte elided\xc2\xbb')
  assert.equal(elided(0, "item"), "\xc2\xab0 items elided\xc2\xbb")
})

test("a name is quoted exactly if it is not a variable's", () => {
  fc.assert(fc.property(fc.string(), (name) => assert.equal(printAttributeName(name) === name, isVariableName(name))))
})

test("canonical paths", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom("a", "b.c", ".", "..", "", "...", "..d")), (components) => {
      const path = canonPath(`/${components.join("/")}`)
      assert.equal(canonPath(path), path, "once is enough")
      assert.match(path, /^\/$|^(\/(?!\.{1,2}(\/|$))[^/]+)+$/)
      assert.equal(path === "/" ? path : canonPath(`${parentPath(path)}/${baseNameOf(path)}`), path)
    }),
  )
  assert.equal(absPath("../b", "/a/c"), "/a/b")
  assert.equal(absPath("/x/../y", "/a"), "/y")
  assert.equal(canonPath("a/b"), "/a/b")
  assert.equal(parentPath("/a"), "/")
})

test("suggestions", () => {
  const names = ["foo", "fooo", "bar", "fo", "boo", "f", "fob", "oof", "foobar"]
  assert.deepEqual(suggestions(names, "foo"), ["foo", "boo", "fo", "fob", "fooo"])
  const asked: [names: string[], wanted: string, text: string | undefined][] = [
    [["foo"], "fop", "Did you mean foo?"],
    [["foo", "fop"], "fox", "Did you mean one of foo or fop?"],
    [["foo", "fop", "fo"], "fox", "Did you mean one of fo, foo or fop?"],
    [["something else"], "fox", undefined],
    [[], "fox", undefined],
  ]
  for (const [names, wanted, text] of asked) assert.equal(didYouMean(names, wanted), text)
  assert.equal(
    didYouMean(["foo"], "fop", (name) => `<${name}>`),
    "Did you mean <foo>?",
  )
})

test("edit distance is a metric", () => {
  const word = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 6 })
  fc.assert(
    fc.property(word, word, word, (a, b, c) => {
      assert.equal(editDistance(a, b), editDistance(b, a))
      assert.equal(editDistance(a, b) === 0, a === b)
      assert.ok(editDistance(a, c) <= editDistance(a, b) + editDistance(b, c))
    }),
  )
})
