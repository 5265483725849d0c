import assert from "node:assert/strict"
import { test } from "node:test"
import { bytesOf } from "@tvix-ts/bytes"
import fc from "fast-check"
import { NeedleScanner } from "./needles.ts"

function scan(needles: readonly string[], ...pieces: readonly string[]): readonly number[] {
  const scanner = new NeedleScanner(needles)
  for (const piece of pieces) scanner.update(bytesOf(piece))
  return scanner.found
}

const DIGEST = "0123456789abcdfghijklmnpqrsvwxyz"
for (const [what, needles, pieces, expected] of [
  ["nothing to find", [], ["abc"], []],
  ["nothing to search", ["abc"], [], []],
  ["one", ["abc"], ["xxabcxx"], [0]],
  ["at the beginning and the end", ["abc", "xyz"], ["abcxyz"], [0, 1]],
  ["a single byte", ["a", "b"], ["xxbxx"], [1]],
  ["two bytes", ["ab", "ba"], ["xxabxx"], [0]],
  ["one that is there twice", ["abc", "abc"], ["abc"], [0, 1]],
  ["ones that overlap", ["abcd", "cdef", "bc"], ["abcdef"], [0, 1, 2]],
  ["one in the other", ["abcdef", "cd"], ["xcdx"], [1]],
  ["a digest", [DIGEST], [`/nix/store/${DIGEST}-x`], [0]],
  ["nearly a digest", [DIGEST], [`/nix/store/${DIGEST.slice(0, 31)}Z-x`], []],
  ["across pieces", [DIGEST], [`xx${DIGEST.slice(0, 9)}`, DIGEST.slice(9, 20), `${DIGEST.slice(20)}xx`], [0]],
  ["byte by byte", ["abc"], "xxabcxx".split(""), [0]],
  ["bytes that are no text", ["\xff\xfe\x00"], ["\xff\xff\xfe\x00"], [0]],
] as const) {
  test(`finds ${what}`, () => assert.deepEqual(scan(needles, ...pieces), expected))
}

test("finds nothing that begins before a cut", () => {
  const scanner = new NeedleScanner(["abc"])
  scanner.update(bytesOf("ab"))
  scanner.cut()
  scanner.update(bytesOf("c"))
  assert.deepEqual(scanner.found, [])
})

test("finds what a search for each finds, however the bytes arrive", () => {
  // Few letters, so that there is something to be found.
  const text = fc.array(fc.constantFrom("a", "b", "\xff"), { maxLength: 60 }).map((letters) => letters.join(""))
  const needle = fc
    .array(fc.constantFrom("a", "b", "\xff"), { minLength: 1, maxLength: 6 })
    .map((letters) => letters.join(""))
  fc.assert(
    fc.property(fc.array(needle, { maxLength: 8 }), fc.array(text, { maxLength: 5 }), (needles, pieces) => {
      const all = pieces.join("")
      const expected = needles.flatMap((one, index) => (all.includes(one) ? [index] : []))
      assert.deepEqual(scan(needles, ...pieces), expected)
    }),
  )
})
