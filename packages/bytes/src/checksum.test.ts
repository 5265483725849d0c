import assert from "node:assert/strict"
import { test } from "node:test"
import fc from "fast-check"
import { CHECKSUM_BYTES, checksumHolds, writeChecksum } from "./checksum.ts"

const written = fc.uint8Array({ maxLength: 5000 }).map((contents) => {
  const bytes = new Uint8Array(CHECKSUM_BYTES + Math.ceil(contents.length / 4) * 4)
  bytes.set(contents, CHECKSUM_BYTES)
  writeChecksum(bytes)
  return bytes
})

test("a checksum holds until a word has changed", () => {
  const change = fc.record({ bytes: written, at: fc.nat(), by: fc.integer({ min: 1, max: 255 }) })
  fc.assert(
    fc.property(change, ({ bytes, at, by }) => {
      assert.ok(checksumHolds(bytes))
      bytes[at % bytes.length]! ^= by
      assert.ok(!checksumHolds(bytes))
    }),
  )
})

test("nor does it if there is less, or more", () => {
  fc.assert(
    fc.property(written, (bytes) => {
      assert.ok(!checksumHolds(Uint8Array.of(...bytes, 0, 0, 0, 0)))
      if (bytes.length > CHECKSUM_BYTES) assert.ok(!checksumHolds(bytes.slice(0, -4)))
    }),
  )
})

test("nor of what is too short, or no whole number of words", () => {
  for (const length of [0, 1, 4, 7, 9, 10, 11]) assert.ok(!checksumHolds(new Uint8Array(length)), `${length} bytes`)
  const bytes = new Uint8Array(16)
  writeChecksum(bytes)
  assert.ok(!checksumHolds(Uint8Array.of(...bytes, 0)))
})

test("zeros, which a power failure may leave, have another", () => {
  for (let length = CHECKSUM_BYTES; length < 4096; length += 4) assert.ok(!checksumHolds(new Uint8Array(length)))
})
