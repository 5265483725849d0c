import assert from "node:assert/strict"
import { test } from "node:test"
import fc from "fast-check"
import { exactWords, wordBytes, wordPath } from "./command-line.ts"

const latin1 = (text: string): Uint8Array => Buffer.from(text, "latin1")
const decoded = (bytes: string): string => latin1(bytes).toString()

test("what is text stays as it is, and nobody asks the system", () => {
  const words = ["a", "\u00e9", "\ud83c\udf31"]
  const exact = exactWords(words, () => assert.fail())
  assert.deepEqual(exact, words)
  assert.deepEqual(exact.map(wordPath), words)
  assert.equal(wordBytes("\u00e9"), "\xc3\xa9")
})

test("every word has its bytes", () => {
  const word = fc
    .uint8Array({ maxLength: 8 })
    .map((bytes) => Buffer.from(bytes).toString("latin1").replaceAll("\0", ""))
  fc.assert(
    fc.property(fc.array(word, { minLength: 1 }), (words) => {
      const exact = exactWords(words.map(decoded), () => latin1(["node", "main.js", ...words, ""].join("\0")))
      assert.deepEqual(exact.map(wordBytes), words)
    }),
  )
})

test("without a word from the system, the replacement character it is", () => {
  assert.deepEqual(
    exactWords(["\ufffd"], () => new Uint8Array()),
    ["\ufffd"],
  )
})
