import assert from "node:assert/strict"
import { test } from "node:test"
import fc from "fast-check"
import { frame, FrameError, FrameReader, frames, PAYLOAD_BYTES_MAX, type Frame } from "./frames.ts"

const kinds = fc.constantFrom("ready", "request", "output", "error", "wants-input", "input", "exit", "declined")

const payload = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))

/** What a reader makes of `bytes` that come in pieces of `size`. */
function read(bytes: Buffer, size: number): Frame[] {
  const reader = new FrameReader()
  const found: Frame[] = []
  for (let at = 0; at < bytes.length; at += size) found.push(...reader.push(bytes.subarray(at, at + size)))
  return found
}

test("frames come through, in whatever pieces", () => {
  const sent = fc.array(fc.tuple(kinds, payload).map(([kind, payload]) => ({ kind, payload })))
  const law = fc.property(sent, fc.integer({ min: 1, max: 400 }), (sent, size) => {
    assert.deepEqual(read(Buffer.concat(sent.map(({ kind, payload }) => frame(kind, payload))), size), sent)
  })
  fc.assert(law)
})

test("what is long goes in several", () => {
  const bytes = Buffer.alloc(2 * PAYLOAD_BYTES_MAX + 1, "x")
  const found = read(Buffer.concat([...frames("output", bytes)]), 65_536)
  assert.deepEqual(
    found.map(({ payload }) => payload.length),
    [PAYLOAD_BYTES_MAX, PAYLOAD_BYTES_MAX, 1],
  )
  assert.deepEqual(Buffer.concat(found.map(({ payload }) => payload)), bytes)
  assert.deepEqual([...frames("output", Buffer.alloc(0))], [])
  assert.throws(() => frame("output", bytes), FrameError)
})

test("whatever comes, it is frames or refused, and at most one is waited for", () => {
  const law = fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 50 }), (bytes, size) => {
    try {
      for (const { payload } of read(Buffer.from(bytes), size)) assert.ok(payload.length <= bytes.length)
    } catch (error) {
      assert.ok(error instanceof FrameError)
    }
  })
  fc.assert(law, { numRuns: 2000 })
})

for (const [what, bytes] of [
  ["a kind that there is not", [200, 0, 0, 0, 0]],
  ["a length that no frame has", [4, 0xff, 0xff, 0xff, 0xff]],
  ["a longer one than its kind may have", [7, 1, 0, 0x10, 0]],
] as const) {
  test(`refused as soon as it is seen: ${what}`, () => {
    assert.throws(() => new FrameReader().push(Buffer.from(bytes)), FrameError)
  })
}
