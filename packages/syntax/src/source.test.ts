import assert from "node:assert/strict"
import { test } from "node:test"
import { SourceFile } from "./source.ts"

const place = (text: string, offset: number): string => {
  const { line, column } = new SourceFile("f", text).position(offset)
  return `${line}:${column}`
}

test("positions: LF, CR LF and CR end a line", () => {
  const cases: readonly (readonly [text: string, offset: number, place: string])[] = [
    ["", 0, "1:1"],
    ["abc", 2, "1:3"],
    ["abc", 3, "1:4"],
    ["a\nb", 1, "1:2"],
    ["a\nb", 2, "2:1"],
    ["a\n", 2, "2:1"],
    ["a\r\nb", 2, "1:3"],
    ["a\r\nb", 3, "2:1"],
    ["a\rb", 2, "2:1"],
    ["a\r\rb", 3, "3:1"],
    ["a\n\rb", 3, "3:1"],
    ["\xc3\xa9x", 2, "1:3"],
  ]
  for (const [text, offset, expected] of cases)
    assert.equal(place(text, offset), expected, JSON.stringify([text, offset]))
})

test("lines come without their ends", () => {
  const file = new SourceFile("f", "one\r\ntwo\rthree\n\nfive")
  assert.equal(file.lineCount, 5)
  assert.deepEqual(
    [0, 1, 2, 3, 4, 5, 6].map((n) => file.line(n)),
    [undefined, "one", "two", "three", "", "five", undefined],
  )
})
