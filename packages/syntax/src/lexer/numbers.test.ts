import assert from "node:assert/strict"
import { test } from "node:test"
import { parseFloatLiteral, parseInteger } from "./numbers.ts"

test("integers", () => {
  const cases: readonly (readonly [string, number | bigint | undefined])[] = [
    ["0", 0],
    ["00012", 12],
    ["9007199254740991", 9007199254740991],
    ["9007199254740992", 9007199254740992n],
    ["9007199254740993", 9007199254740993n],
    ["9223372036854775807", 9223372036854775807n],
    ["9223372036854775808", undefined],
    ["9".repeat(1000), undefined],
  ]
  for (const [digits, value] of cases) assert.equal(parseInteger(digits), value, digits)
})

test("floats, undefined where strtod sets ERANGE", () => {
  const cases: readonly (readonly [string, number | undefined])[] = [
    ["1.", 1],
    [".5", 0.5],
    ["1.7976931348623157e308", Number.MAX_VALUE],
    ["1.7976931348623159e308", undefined],
    ["0.0e-999", 0],
    ["1.0e-400", undefined],
    ["2.2250738585072014e-308", 2.2250738585072014e-308],
    ["1.0e-310", undefined],
    // 2^-1074 written out: subnormal, and exact.
    [`0.${"0".repeat(323)}${(5n ** 1074n).toString()}`, 5e-324],
    [`0.${"0".repeat(323)}${(5n ** 1074n + 1n).toString()}`, undefined],
    ["1.0e-99999999999", undefined],
  ]
  for (const [text, value] of cases) assert.equal(parseFloatLiteral(text), value, text.slice(0, 40))
})
