/** What every {@link BlobService} promises. A back end's test file calls this; anything it cannot promise is skipped by name. */
import { concat, equal, utf8 } from "@tvix-ts/bytes"
import assert from "node:assert/strict"
import { afterEach, beforeEach, describe, test } from "node:test"
import { cutChunk } from "../chunker/cut.ts"
import type { BlobService, ReadOptions } from "../blob/service.ts"
import { digestOf, type B3Digest } from "../digest.ts"
import { noise, pieces } from "./bytes.ts"
import { problem } from "./problem.ts"

export interface OpenBlobService {
  readonly service: BlobService
  /** Releases what the service was opened with. The service itself is closed before. */
  readonly close?: () => Promise<void>
}

const KIB = 1024
const BLOBS = [
  { name: "empty", bytes: new Uint8Array() },
  { name: "1 byte", bytes: Uint8Array.of(0) },
  { name: "text", bytes: utf8("Hello World!") },
  { name: "128 KiB", bytes: noise(128 * KIB, 2) },
  { name: "128 KiB and 1 byte", bytes: noise(128 * KIB + 1, 3) },
  { name: "512 KiB of zeros", bytes: new Uint8Array(512 * KIB) },
  { name: "several MiB of zeros", bytes: new Uint8Array(3 * KIB * KIB + 1) },
  { name: "several MiB", bytes: noise(5 * KIB * KIB + 7, 4) },
] as const
const LARGE = BLOBS.at(-1)!.bytes

export function testBlobService(
  backend: string,
  open: () => Promise<OpenBlobService>,
  skip: Readonly<Record<string, string>> = {},
): void {
  describe(`BlobService: ${backend}`, () => {
    let service: BlobService
    let close: OpenBlobService["close"]
    beforeEach(async () => {
      const opened = await open()
      service = opened.service
      close = opened.close
    })
    afterEach(async () => {
      await service.close()
      await close?.()
    })

    const unused = new Set(Object.keys(skip))
    const it = (name: string, body: () => Promise<void>): void => {
      unused.delete(name)
      test(name, { skip: skip[name] ?? false }, body)
    }
    const readAll = (digest: B3Digest, options?: ReadOptions): Promise<Uint8Array | undefined> =>
      readBlob(service, digest, options)
    const assertHas = async (bytes: Uint8Array): Promise<void> => {
      const digest = digestOf(bytes)
      const meta = await service.stat(digest)
      assert.equal(meta?.size, bytes.length)
      assertSame(await readAll(digest), bytes)
    }
    const assertLacks = async (bytes: Uint8Array): Promise<void> => {
      assert.equal(await service.stat(digestOf(bytes)), undefined)
      assert.equal(await service.read(digestOf(bytes)), undefined)
    }

    it("what is at hand is given at once, or not, but never as something else", async () => {
      const digests: B3Digest[] = []
      for (const { bytes } of BLOBS) digests.push(await service.put([bytes]))
      // Two who read at the same time do not get into each other's way.
      const [reader, other] = [service.reader?.(), service.reader?.()]
      for (const [i, digest] of digests.entries()) {
        const bytes = reader?.read(digest)
        for (const different of digests) other?.read(different)
        if (bytes !== undefined) assertSame(bytes, BLOBS[i]!.bytes)
      }
      assert.equal(reader?.read(digestOf(utf8("never put"))), undefined)
    })

    it("a blob that is not there", () => assertLacks(utf8("never put")))

    for (const { name, bytes } of BLOBS) {
      it(`round trip: ${name}`, async () => {
        assert.deepEqual(plain(await service.put(pieces(bytes, 70_000))), plain(digestOf(bytes)))
        await assertHas(bytes)
      })

      it(`chunks: ${name}`, async () => {
        const digest = await service.put([bytes])
        const { chunks, size } = (await service.stat(digest))!
        assert.equal(size, bytes.length)
        const expected: Uint8Array[] = []
        for (let at = 0; at < bytes.length;) {
          const end = cutChunk(bytes, at, bytes.length, true)
          expected.push(bytes.subarray(at, end))
          at = end
        }
        assert.deepEqual(
          chunks.map((chunk) => chunk.size),
          expected.map((chunk) => chunk.length),
        )
        for (const [i, chunk] of chunks.entries()) {
          assert.deepEqual(plain(chunk.digest), plain(digestOf(expected[i]!)))
          // A chunk is a blob, too.
          assert.deepEqual((await service.stat(chunk.digest))?.size, chunk.size)
          assertSame(await readAll(chunk.digest), expected[i]!)
        }
      })
    }

    it("how contents arrive changes nothing", async () => {
      const bytes = noise(300_000, 5)
      async function* slowly(): AsyncGenerator<Uint8Array, void, undefined> {
        yield* pieces(bytes, 999)
      }
      const digests = [
        await service.put([bytes]),
        await service.put(pieces(bytes, 100_001)),
        await service.put(slowly()),
        await service.put([new Uint8Array(), bytes, new Uint8Array()]),
      ]
      for (const digest of digests) assert.deepEqual(plain(digest), plain(digestOf(bytes)))
    })

    it("the caller may use one buffer for all pieces", async () => {
      const buffer = new Uint8Array(200_000)
      function* reusing(): Generator<Uint8Array, void, undefined> {
        for (const fill of [1, 2, 3]) yield buffer.fill(fill)
      }
      const digest = await service.put(reusing())
      buffer.fill(0)
      const expected = concat([1, 2, 3].map((fill) => new Uint8Array(200_000).fill(fill)))
      assert.deepEqual(plain(digest), plain(digestOf(expected)))
      await assertHas(expected)
    })

    it("what was read may be kept and written to", async () => {
      const bytes = noise(900_000, 6)
      const digest = await service.put([bytes])
      for await (const piece of (await service.read(digest))!) piece.fill(0)
      await assertHas(bytes)
    })

    it("putting the same again", async () => {
      await service.put([LARGE])
      await service.put(pieces(LARGE, 1_000_000))
      await assertHas(LARGE)
    })

    it("a put whose contents fail leaves nothing", async () => {
      for (const bytes of [utf8("partial"), noise(2_000_000, 7)]) {
        function* failing(): Generator<Uint8Array, void, undefined> {
          yield bytes
          throw new Error("disk on fire")
        }
        await assert.rejects(service.put(failing()), /disk on fire/)
        await assertLacks(bytes)
        const first = bytes.subarray(0, cutChunk(bytes, 0, bytes.length, true))
        await assertLacks(first)
      }
    })

    it("concurrent puts of the same and of different contents", async () => {
      const blobs = [LARGE, LARGE, noise(600_000, 8), noise(10, 9), noise(10, 9), noise(10, 10), LARGE]
      const digests = await Promise.all(blobs.map((bytes, i) => service.put(pieces(bytes, 50_000 + i))))
      for (const [i, bytes] of blobs.entries()) assert.deepEqual(plain(digests[i]!), plain(digestOf(bytes)))
      for (const bytes of blobs) await assertHas(bytes)
    })

    it("ranges", async () => {
      const digest = await service.put([LARGE])
      const border = (await service.stat(digest))!.chunks[0]!.size
      const size = LARGE.length
      for (const [from, to] of [
        [0, size],
        [0, 0],
        [0, 1],
        [border - 1, border + 1],
        [border, border + 1],
        [border - 1, border],
        [100, 4 * KIB * KIB],
        [size - 1, size],
        [size - 1, size + 100],
        [size, size + 1],
        [size + 5, size + 6],
        [7, 7],
        [9, 8],
      ] as const) {
        const expected = from < to ? LARGE.subarray(from, to) : new Uint8Array()
        assertSame(await readAll(digest, { from, to }), expected, `[${from}, ${to})`)
      }
      assertSame(await readAll(digest, { from: size - 3 }), LARGE.subarray(size - 3))
      assertSame(await readAll(digest, { to: 3 }), LARGE.subarray(0, 3))
      const small = await service.put([utf8("Hello World!")])
      assertSame(await readAll(small, { from: 6, to: 11 }), utf8("World"))
    })

    it("a range that is none", async () => {
      for (const bytes of [Uint8Array.of(1, 2, 3), LARGE]) {
        const digest = await service.put([bytes])
        for (const range of [{ from: -1 }, { from: 0.5 }, { from: NaN }, { to: -1 }, { to: NaN }]) {
          await assert.rejects(readBlob(service, digest, range), problem("invalid"))
        }
      }
    })

    it("a range of a blob that is not there", async () => {
      assert.equal(await service.read(digestOf(utf8("never put")), { from: 1, to: 2 }), undefined)
    })

    it("reading can be given up", async () => {
      const digest = await service.put([LARGE])
      for await (const piece of (await service.read(digest))!) {
        assert.ok(piece.length > 0)
        break
      }
      await assertHas(LARGE)
    })

    it("a signal that was aborted before", async () => {
      const signal = AbortSignal.abort(new Error("too late"))
      const digest = await service.put([utf8("there")])
      await assert.rejects(service.stat(digest, { signal }), /too late/)
      await assert.rejects(readAll(digest, { signal }), /too late/)
      await assert.rejects(service.put([utf8("not there")], { signal }), /too late/)
      await assertLacks(utf8("not there"))
    })

    it("a signal that is aborted meanwhile", async () => {
      const bytes = noise(3_000_000, 11)
      const writing = new AbortController()
      function* aborting(): Generator<Uint8Array, void, undefined> {
        yield bytes
        writing.abort(new Error("never mind"))
        yield utf8("more")
      }
      await assert.rejects(service.put(aborting(), { signal: writing.signal }), /never mind/)
      await assertLacks(concat([bytes, utf8("more")]))
      const digest = await service.put([bytes])
      const reading = new AbortController()
      await assert.rejects(async () => {
        for await (const _ of (await service.read(digest, { signal: reading.signal }))!) {
          reading.abort(new Error("enough"))
        }
      }, /enough/)
    })

    it("a batch: nothing is promised before the commit, everything after it", async () => {
      const batch = service.batch()
      const blobs = [new Uint8Array(), utf8("one"), LARGE, utf8("two"), noise(200_000, 12), utf8("one")]
      const ends: Promise<B3Digest>[] = []
      for (const [i, bytes] of blobs.entries()) {
        const writer = i % 2 === 0 ? batch.blob(bytes.length) : batch.blob()
        for (const piece of pieces(bytes, 65_536)) await writer.write(piece)
        ends.push(writer.end())
      }
      await batch.commit()
      const digests = await Promise.all(ends)
      for (const [i, bytes] of blobs.entries()) assert.deepEqual(plain(digests[i]!), plain(digestOf(bytes)))
      for (const bytes of blobs) await assertHas(bytes)
      // Further blobs can follow.
      const writer = batch.blob()
      await writer.write(utf8("three"))
      const third = writer.end()
      await batch.commit()
      assert.deepEqual(plain(await third), plain(digestOf(utf8("three"))))
      await assertHas(utf8("three"))
      await batch.abort()
      await assertHas(utf8("three"))
    })

    it("a batch of thousands of small blobs", async () => {
      const batch = service.batch()
      const ends: Promise<B3Digest>[] = []
      const buffer = new Uint8Array(8)
      for (let i = 0; i < 3000; i++) {
        new DataView(buffer.buffer).setUint32(0, i % 2000)
        const writer = batch.blob(8)
        await writer.write(buffer)
        ends.push(writer.end())
      }
      await batch.commit()
      const digests = await Promise.all(ends)
      for (const i of [0, 1, 1999, 2000, 2999]) {
        new DataView(buffer.buffer).setUint32(0, i % 2000)
        assert.deepEqual(plain(digests[i]!), plain(digestOf(buffer)))
        assertSame(await readAll(digests[i]!), buffer)
      }
    })

    it("an empty commit", async () => {
      const batch = service.batch()
      await batch.commit()
      await batch.commit()
      await batch.abort()
    })

    it("a batch that is given up leaves nothing", async () => {
      const batch = service.batch()
      const kept = batch.blob()
      await kept.write(utf8("kept"))
      const keptEnd = kept.end()
      await batch.commit()
      await keptEnd
      for (const bytes of [utf8("given up"), noise(700_000, 13)]) {
        const writer = batch.blob()
        await writer.write(bytes)
        writer.end().catch(() => {})
      }
      const unfinished = batch.blob()
      await unfinished.write(noise(700_000, 14))
      await batch.abort()
      await assertHas(utf8("kept"))
      await assertLacks(utf8("given up"))
      await assertLacks(noise(700_000, 13))
      await assertLacks(noise(700_000, 14))
    })

    it("batches side by side", async () => {
      const first = service.batch()
      const second = service.batch()
      const writers = [first.blob(), second.blob()]
      for (const piece of pieces(LARGE, 400_000)) for (const writer of writers) await writer.write(piece)
      const ends = writers.map((writer) => writer.end())
      const lost = ends[1]!.catch(() => undefined)
      await Promise.all([first.commit(), second.abort()])
      assert.deepEqual(plain((await ends[0])!), plain(digestOf(LARGE)))
      await lost
      await assertHas(LARGE)
    })

    it("closing twice", async () => {
      await service.put([utf8("last")])
      await service.close()
      await service.close()
    })

    test("every skip names a test", () => assert.deepEqual([...unused], []))
  })
}

/** All of a blob, or of a range of it; `undefined` if it is not there. */
export async function readBlob(
  service: BlobService,
  digest: B3Digest,
  options?: ReadOptions,
): Promise<Uint8Array | undefined> {
  const contents = await service.read(digest, options)
  if (contents === undefined) return undefined
  const read: Uint8Array[] = []
  for await (const piece of contents) {
    assert.ok(piece.length > 0, "pieces are never empty")
    read.push(piece)
  }
  return concat(read)
}

/** `deepEqual` would print megabytes. */
function assertSame(actual: Uint8Array | undefined, expected: Uint8Array, what = ""): void {
  assert.notEqual(actual, undefined, `${what} is not there`)
  assert.equal(actual!.length, expected.length, `${what}: length`)
  assert.ok(equal(actual!, expected), `${what}: other bytes`)
}

/** Back ends may give a Buffer, which is a Uint8Array, but not deeply equal to one. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}
