import assert from "node:assert/strict"
import { test } from "node:test"
import fc from "fast-check"
import { noise } from "../../testing/bytes.ts"
import { FRAME_MAX, makeFrames, unpack, unpackSync, type Frame } from "./frames.ts"
import { text } from "./testing/castore-folder.ts"

interface Chunk {
  readonly name: string
  readonly bytes: Uint8Array
}

const chunk = (name: string, bytes: Uint8Array): Chunk => ({ name, bytes })

/** What is in each frame, `packed` if it is compressed. */
const shape = (frames: readonly Frame<Chunk>[]): string[] =>
  frames.map(
    ({ chunks, packed }) => `${packed === undefined ? "" : "packed "}${chunks.map(({ name }) => name).join(" ")}`,
  )

for (const { name, chunks, expected } of [
  { name: "nothing", chunks: [], expected: [] },
  { name: "a few bytes", chunks: [chunk("a", text(100))], expected: ["a"] },
  { name: "a large chunk", chunks: [chunk("a", text(300_000))], expected: ["packed a"] },
  {
    name: "large chunks",
    chunks: [chunk("a", text(200_000)), chunk("b", text(400_000))],
    expected: ["packed a", "packed b"],
  },
  { name: "noise", chunks: [chunk("a", noise(200_000)), chunk("b", noise(5000))], expected: ["a b"] },
  {
    name: "small chunks, up to 128 KiB together",
    chunks: ["a", "b", "c", "d", "e"].map((letter) => chunk(letter, text(50_000))),
    expected: ["packed a b c", "packed d e"],
  },
  {
    name: "noise between text, which is left out",
    chunks: [chunk("a", text(3000)), chunk("b", noise(9000)), chunk("c", text(3000))],
    expected: ["packed a c", "b"],
  },
  {
    name: "noise too short to tell by looking",
    chunks: [chunk("a", noise(1000, 1)), ...["b", "c", "d", "e"].map((letter, i) => chunk(letter, noise(1000, i + 2)))],
    expected: ["a b c d e"],
  },
  {
    name: "a large chunk behind a small one",
    chunks: [chunk("a", text(5000)), chunk("b", text(FRAME_MAX / 2))],
    expected: ["packed a", "packed b"],
  },
]) {
  test(`frames of ${name}`, async () => {
    assert.deepEqual(shape(await makeFrames(chunks)), expected)
  })
}

test("what was put into frames comes out of them", async () => {
  const contents = fc.oneof(
    fc.nat(60_000).map((length) => text(length)),
    fc.tuple(fc.nat(60_000), fc.nat()).map(([length, seed]) => noise(length, seed)),
    fc.uint8Array({ maxLength: 2000 }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(contents, { maxLength: 12 }), async (list) => {
      const out: string[] = []
      for (const { chunks, packed, unpacked } of await makeFrames(list.map((bytes) => ({ bytes })))) {
        const together = Buffer.concat(chunks.map(({ bytes }) => bytes))
        assert.equal(unpacked, together.length)
        if (packed !== undefined) {
          assert.ok(packed.length < unpacked)
          assert.deepEqual(Buffer.from(unpackSync(packed, unpacked)!), together)
          assert.deepEqual(Buffer.from((await unpack(packed, unpacked))!), together)
        }
        for (const { bytes } of chunks) out.push(Buffer.from(bytes).toString("latin1"))
      }
      assert.deepEqual(out.sort(), list.map((bytes) => Buffer.from(bytes).toString("latin1")).sort())
    }),
    { numRuns: 40 },
  )
})

test("a damaged frame is nothing, and never makes more bytes than it should", async () => {
  const [frame] = await makeFrames([{ bytes: text(200_000) }])
  const packed = frame!.packed!
  const broken = packed.slice()
  broken[packed.length >> 1]! ^= 1
  for (const { bytes, length } of [
    { bytes: packed, length: 199_999 },
    { bytes: packed, length: 200_001 },
    { bytes: packed, length: 0 },
    { bytes: packed, length: FRAME_MAX + 1 },
    { bytes: packed.subarray(0, -1), length: 200_000 },
    { bytes: packed.subarray(1), length: 200_000 },
    { bytes: new Uint8Array(0), length: 200_000 },
  ]) {
    assert.equal(unpackSync(bytes, length), undefined)
    assert.equal(await unpack(bytes, length), undefined)
  }
  // A flipped bit may go unnoticed here: the digests of the chunks tell.
  for (const contents of [unpackSync(broken, 200_000), await unpack(broken, 200_000)]) {
    if (contents !== undefined) assert.notDeepEqual(Buffer.from(contents), Buffer.from(text(200_000)))
  }
})
