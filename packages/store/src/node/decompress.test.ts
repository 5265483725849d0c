import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { describe, test } from "node:test"
import { brotliCompressSync, constants, gzipSync, zstdCompressSync } from "node:zlib"
import { concat, equal, utf8 } from "@tvix-ts/bytes"
import fc from "fast-check"
import { CompressionError, type Compression } from "../compression/problem.ts"
import { noise, piecesOf } from "../testing/trees.ts"
import { decompress } from "./decompress.ts"

const program =
  (...command: readonly [string, ...string[]]) =>
  (bytes: Uint8Array): Uint8Array =>
    execFileSync(command[0], command.slice(1), { input: bytes, maxBuffer: 2 ** 28 })
const COMPRESS: Readonly<Record<Exclude<Compression, "none">, (bytes: Uint8Array) => Uint8Array>> = {
  gzip: gzipSync,
  zstd: zstdCompressSync,
  br: (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 3 } }),
  xz: program("xz", "-1"),
  bzip2: program("bzip2"),
}

async function* stream(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  // In one buffer, which is used again and again.
  const buffer = new Uint8Array(length)
  for (const piece of piecesOf(bytes, length)) {
    buffer.set(piece)
    yield buffer.subarray(0, piece.length)
  }
}
async function decompressed(bytes: Uint8Array, compression: Compression, length = 5000): Promise<Uint8Array> {
  return concat(await Array.fromAsync(decompress(stream(bytes, length), compression)))
}

/** Runs of all lengths, which is what bzip2 has most to do with. */
const runs = concat(Array.from({ length: 1200 }, (_, i) => new Uint8Array(i % 700).fill(i)))
const INPUTS: Readonly<Record<string, Uint8Array>> = {
  nothing: new Uint8Array(0),
  "a byte": Uint8Array.of(7),
  "four equal bytes": new Uint8Array(4),
  "259 equal bytes": new Uint8Array(259),
  runs,
  text: utf8("a line of text that comes again\n".repeat(5000)),
  "what does not compress": noise(1_200_000),
  "what compresses very well": new Uint8Array(5_000_000),
}

for (const [name, compress] of Object.entries(COMPRESS) as [Exclude<Compression, "none">, typeof gzipSync][]) {
  describe(name, () => {
    for (const [what, bytes] of Object.entries(INPUTS)) {
      test(`gives back ${what}`, async () => {
        const compressed = compress(bytes)
        for (const length of [compressed.length || 1, 1000]) {
          assert.ok(equal(await decompressed(compressed, name, length), bytes))
        }
      })
    }
    const compressed = compress(runs)
    const refused =
      (code: string) =>
      (error: unknown): true => {
        assert.ok(error instanceof CompressionError, String(error))
        assert.equal(error.problem.compression, name)
        // Some decoders do not tell what follows the end from what is damaged.
        assert.ok(error.problem.code === code || error.problem.code === "damaged", error.message)
        return true
      }
    test("refuses what is cut off, wherever", async () => {
      for (const length of [0, 1, 5, 20, compressed.length >> 1, compressed.length - 9, compressed.length - 1]) {
        await assert.rejects(decompressed(compressed.subarray(0, length), name), refused("damaged"), `${length}`)
      }
    })
    test("refuses what goes on behind its end", async () => {
      for (const more of ["x", "BZh9", "garbage, and not little of it"]) {
        await assert.rejects(decompressed(concat([compressed, utf8(more)]), name), refused("trailing"), more)
      }
    })
    test("refuses other data", async () => {
      await assert.rejects(decompressed(noise(5000), name), refused("damaged"))
    })
    test("passes on what the source throws", async () => {
      const failing = async function* (): AsyncGenerator<Uint8Array> {
        yield compressed.slice(0, 100)
        throw new Error("the line is cut")
      }
      await assert.rejects(Array.fromAsync(decompress(failing(), name)), /^Error: the line is cut$/)
    })
    test("closes the source when nobody wants more", async () => {
      let closed = false
      const endless = async function* (): AsyncGenerator<Uint8Array> {
        try {
          yield* stream(compress(noise(1_500_000)), 1000)
        } finally {
          closed = true
        }
      }
      for await (const piece of decompress(endless(), name)) if (piece.length > 0) break
      await new Promise(setImmediate)
      assert.ok(closed)
    })
    test("what is damaged is refused, or was of no importance", async () => {
      const small = compress(utf8("hello ".repeat(300)))
      await fc.assert(
        fc.asyncProperty(fc.nat(small.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
          try {
            await decompressed(small.with(at, small[at]! ^ flip), name)
          } catch (error) {
            assert.ok(error instanceof CompressionError, String(error))
          }
        }),
        { numRuns: 60 },
      )
    })
  })
}

test("several streams of bzip2, one behind the other", async () => {
  const compressed = concat([COMPRESS.bzip2(utf8("one ")), COMPRESS.bzip2(new Uint8Array(0)), COMPRESS.bzip2(runs)])
  assert.ok(equal(await decompressed(compressed, "bzip2"), concat([utf8("one "), runs])))
})

describe("checksums of bzip2", () => {
  const bytes = noise(1_200_000)
  const compressed = COMPRESS.bzip2(bytes)
  // Behind `BZh9` and the six bytes that begin a block, and before the end, whatever bit that is at.
  const places: [name: string, at: number, lengthMax: number][] = [
    ["that of a block, before the next one", 10, 900_000],
    ["that of all", compressed.length - 3, bytes.length],
  ]
  for (const [name, at, lengthMax] of places) {
    test(name, async () => {
      let length = 0
      const reading = async (): Promise<void> => {
        const damaged = compressed.with(at, compressed[at]! ^ 0xff)
        for await (const piece of decompress(stream(damaged, 5000), "bzip2")) length += piece.length
      }
      await assert.rejects(reading, /checksum/)
      assert.ok(length <= lengthMax, `${length}`)
    })
  }
})

test("what is not compressed comes as it is", async () => {
  assert.ok(equal(await decompressed(runs, "none", runs.length), runs))
})
