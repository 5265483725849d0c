import assert from "node:assert/strict"
import { test } from "node:test"
import { digestOf } from "../../digest.ts"
import { noise } from "../../testing/bytes.ts"
import { FrameCache } from "./frame-cache.ts"

const KIB = 1024
const frame = (seed: number): Uint8Array<ArrayBuffer> => noise(16 * KIB, seed)

/** Asks for frames in turn, and adds those that are not there: how many were, in the last of the rounds. */
function hits(cache: FrameCache, frames: readonly number[], rounds: number): number {
  let found = 0
  for (let round = 0; round < rounds; round++) {
    found = 0
    for (const offset of frames) {
      const known = cache.get(1, offset)
      if (known !== undefined) found++
      ;(known ?? cache.add(1, offset, frame(offset))).release()
    }
  }
  return found
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)

test("what fits stays", () => {
  assert.equal(hits(new FrameCache(64 * 16 * KIB), range(1, 50), 2), 49)
})

test("of what does not fit, most that there is room for stays, though it is asked for in turns", () => {
  const found = hits(new FrameCache(64 * 16 * KIB), range(1, 101), 4)
  assert.ok(found >= 40 && found <= 64, `${found}`)
})

test("what is not asked for any more makes room for what is", () => {
  const cache = new FrameCache(64 * 16 * KIB)
  hits(cache, range(1, 100), 4)
  assert.ok(hits(cache, range(200, 240), 40) >= 38)
})

test("a cache of nothing keeps nothing, but what is retained stays until it is released", () => {
  const cache = new FrameCache(0)
  const bytes = frame(1)
  const expected = bytes.slice()
  const held = cache.add(1, 1, bytes)
  assert.equal(cache.get(1, 1), undefined)
  assert.deepEqual(held.chunk(digestOf(expected), 0, expected.length), expected)
  held.release()
  assert.equal(bytes.length, 0)
})

test("a smaller cache gives memory back", () => {
  const cache = new FrameCache(2 ** 20)
  const frames = [1, 2, 3].map(frame)
  for (const [offset, bytes] of frames.entries()) cache.add(1, offset, bytes).release()
  cache.resize(20 * KIB)
  assert.deepEqual(
    frames.map(({ length }) => length),
    [0, 0, 16 * KIB],
  )
  cache.clear()
  assert.equal(frames[2]!.length, 0)
})

test("chunks of a frame are what their digests say, or are not", () => {
  const bytes = frame(1)
  const held = new FrameCache(2 ** 20).add(1, 1, bytes)
  const digest = digestOf(bytes.subarray(100, 300))
  for (let run = 0; run < 2; run++) {
    assert.deepEqual(held.chunk(digest, 100, 200), bytes.subarray(100, 300))
    assert.equal(held.chunk(digest, 101, 200), undefined)
    assert.equal(held.chunk(digest, 100, 201), undefined)
    assert.equal(held.chunk(digestOf(bytes), 100, 200), undefined)
    assert.equal(held.chunk(digest, bytes.length - 100, 200), undefined)
    // Where there are not that many, it is what there is that counts.
    assert.equal(held.chunk(digestOf(bytes.subarray(100)), 100, 2 * bytes.length)?.length, bytes.length - 100)
  }
})
