import assert from "node:assert/strict"
import { test } from "node:test"
import fc from "fast-check"
import { concat } from "./bytes.ts"
import { Seam } from "./seam.ts"

test("everything that is looked for is whole in some call, however the stream is cut", () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 9 }), { maxLength: 12 })
  fc.assert(
    fc.property(pieces, fc.integer({ min: 1, max: 6 }), (parts, length) => {
      const seen = new Set<string>()
      const seam = new Seam(length)
      for (const part of parts) {
        seam.update(part, (bytes, count) => {
          for (let at = 0; at + length <= count; at++) seen.add(bytes.subarray(at, at + length).join())
        })
      }
      const whole = concat(parts)
      const there = new Set<string>()
      for (let at = 0; at + length <= whole.length; at++) there.add(whole.subarray(at, at + length).join())
      assert.deepEqual(seen, there)
    }),
  )
})

test("nothing is found across a cut", () => {
  const seam = new Seam(2)
  const calls: number[][] = []
  const note = (bytes: Uint8Array, length: number): void => void calls.push([...bytes.subarray(0, length)])
  seam.update(Uint8Array.of(1), note)
  seam.cut()
  seam.update(Uint8Array.of(2, 3), note)
  assert.ok(calls.every((bytes) => !bytes.join().includes("1,2")))
})
