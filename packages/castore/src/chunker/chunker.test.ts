import { hash } from "@tvix-ts/hash"
import fc from "fast-check"
import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { describe, test } from "node:test"
import { cutInput, type CutVectors } from "../testing/cut-vectors.ts"
import { Chunker } from "./chunker.ts"
import { cutChunk, cutWith } from "./cut.ts"
import { CHUNK_AVERAGE, CHUNK_MAX, CHUNK_MIN, gearTable, MASK_AFTER, MASK_BEFORE } from "./gear.ts"
import { scriptScanner, wasmScanner, type Scanner } from "./scanner.ts"

const { cuts } = JSON.parse(readFileSync(new URL("vectors.json", import.meta.url), "utf8")) as CutVectors

function lengthsOf(bytes: Uint8Array, cut: (from: number) => number): number[] {
  const lengths: number[] = []
  for (let at = 0; at < bytes.length;) {
    const next = cut(at)
    lengths.push(next - at)
    at = next
  }
  return lengths
}
const cutBy =
  (scanner: Scanner, bytes: Uint8Array) =>
  (from: number): number =>
    bytes.length - from <= CHUNK_MIN ? bytes.length : cutWith(scanner, bytes, from, bytes.length)

/** The algorithm as the paper puts it, on all 64 bits, two bytes at a time. */
function referenceCut(bytes: Uint8Array, from: number): number {
  const gear = gearTable()
  const size = Math.min(bytes.length - from, CHUNK_MAX)
  if (size <= CHUNK_MIN) return from + size
  let hash = 0n
  for (let at = CHUNK_MIN; at < size - (size % 2); at += 2) {
    const mask = at < CHUNK_AVERAGE ? MASK_BEFORE : MASK_AFTER
    hash = BigInt.asUintN(64, (hash << 2n) + (gear[bytes[from + at]!]! << 1n))
    if ((hash & (mask << 1n)) === 0n) return from + at
    hash = BigInt.asUintN(64, hash + gear[bytes[from + at + 1]!]!)
    if ((hash & mask) === 0n) return from + at + 1
  }
  return from + size
}

const scanners = { wasm: wasmScanner()!, script: scriptScanner() }

describe("cut points of the Rust crate", () => {
  for (const { input, lengths } of cuts) {
    test(JSON.stringify(input), () => {
      const bytes = cutInput(input)
      for (const [name, scanner] of Object.entries(scanners)) {
        assert.deepEqual(lengthsOf(bytes, cutBy(scanner, bytes)), lengths, name)
      }
      assert.deepEqual(
        lengthsOf(bytes, (from) => cutChunk(bytes, from, bytes.length, true)),
        lengths,
      )
    })
  }
})

test("both scanners and the paper agree, whatever the bytes", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2 ** 31 - 1 }),
      fc.constantFrom(undefined, 1, 2, 4, 16),
      fc.integer({ min: 0, max: 3 * 2 ** 19 }),
      (xorshift32, letters, size) => {
        const bytes = cutInput({ size, xorshift32, ...(letters === undefined ? {} : { letters }) })
        const wasm = lengthsOf(bytes, cutBy(scanners.wasm, bytes))
        assert.deepEqual(lengthsOf(bytes, cutBy(scanners.script, bytes)), wasm)
        if (size > 0) assert.equal(referenceCut(bytes, 0), wasm[0])
      },
    ),
    { numRuns: 15 },
  )
})

test("how a blob arrives does not change where it is cut", () => {
  const bytes = cutInput({ size: 3_000_001, xorshift32: 5 })
  const whole = lengthsOf(bytes, cutBy(scanners.wasm, bytes))
  const PIECE = fc.oneof(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 0, max: 2_000_000 }))
  fc.assert(
    fc.property(fc.array(PIECE, { maxLength: 40 }), fc.boolean(), (pieces, endWith) => {
      const lengths: number[] = []
      const digests: Uint8Array[] = []
      const chunker = new Chunker((chunk) => {
        lengths.push(chunk.length)
        digests.push(hash("blake3", chunk))
      })
      let at = 0
      for (const length of pieces) {
        // The caller may use one buffer for all pieces.
        const piece = bytes.slice(at, at + length)
        chunker.write(piece)
        piece.fill(0)
        at = Math.min(bytes.length, at + length)
      }
      if (endWith) chunker.endWith(bytes.slice(at))
      else {
        chunker.write(bytes.slice(at))
        chunker.end()
      }
      assert.deepEqual(lengths, whole)
      let from = 0
      for (const [i, length] of lengths.entries()) {
        assert.deepEqual(digests[i], hash("blake3", bytes.subarray(from, from + length)))
        from += length
      }
    }),
    { numRuns: 25 },
  )
})

test("without the end, nothing is cut before there is as much as a chunk can have", () => {
  const bytes = cutInput({ size: CHUNK_MAX, xorshift32: 1 })
  assert.equal(cutChunk(bytes, 0, CHUNK_MAX - 1, false), -1)
  assert.equal(cutChunk(bytes, 0, CHUNK_MAX, false), 318468)
})

test("most cuts survive an insertion at the front", () => {
  const bytes = cutInput({ size: 8_000_000, xorshift32: 6 })
  const shifted = new Uint8Array(bytes.length + 1)
  shifted.set(bytes, 1)
  const ends = (data: Uint8Array, offset: number): Set<number> => {
    let at = -offset
    return new Set(lengthsOf(data, cutBy(scanners.wasm, data)).map((length) => (at += length)))
  }
  const before = ends(bytes, 0)
  const after = ends(shifted, 1)
  const kept = [...before].filter((end) => after.has(end)).length
  assert.ok(kept > before.size / 2, `${kept} of ${before.size}`)
})
