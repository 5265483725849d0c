import assert from "node:assert/strict"
import { test } from "node:test"
import fc from "fast-check"
import { ANSWERS, formatAnswer, formatRequest, LineReader, parseAnswer, ProtocolError } from "./protocol.ts"

const byteStrings = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((byte) => String.fromCharCode(byte)) })

test("answers come through, in whatever pieces", () => {
  const answer = fc
    .tuple(fc.constantFrom(...ANSWERS), fc.nat(), byteStrings)
    .map(([kind, index, bytes]) => ({ kind, index, text: JSON.stringify(bytes) }))
  const law = fc.property(fc.array(answer), fc.integer({ min: 1, max: 50 }), (answers, size) => {
    const bytes = Buffer.from(answers.map(formatAnswer).join(""), "latin1")
    const read: unknown[] = []
    const reader = new LineReader((line) => void read.push(parseAnswer(line)))
    for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size))
    assert.deepEqual(read, answers)
  })
  fc.assert(law)
})

test("requests are one line of ASCII", () => {
  const law = fc.property(fc.array(byteStrings), fc.array(byteStrings), (path, names) => {
    const line = formatRequest({ path, names })
    assert.match(line, /^[\x20-\x7f]*\n$/)
    assert.deepEqual(JSON.parse(line), { path, names })
  })
  fc.assert(law)
})

for (const line of ["", "d", "d x y", "q 0 x", "d -1 x", "d 0", "Segmentation fault"]) {
  test(`refused: '${line}'`, () => {
    assert.throws(() => parseAnswer(line), ProtocolError)
  })
}
