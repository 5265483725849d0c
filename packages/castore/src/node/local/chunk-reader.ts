import { equal } from "@tvix-ts/bytes"
import { digestOf, formatDigest, type B3Digest } from "../../digest.ts"
import { CastoreError } from "../../problem.ts"
import type { BlobReader, ChunkMeta } from "../../blob/service.ts"
import { storageError } from "./failure.ts"
import type { ChunkRow, IndexReader } from "./index-reader.ts"
import type { Layout } from "./layout.ts"
import type { PackReader } from "./pack-reader.ts"

/** Bytes that are read at once, if chunks lie side by side. */
const RUN_BYTES = 2 ** 20
/** Runs that are being read while one is with the caller: the threads that read must not wait for the one that hashes. */
const RUNS_AHEAD = 3
/** Buffers of {@link RUN_BYTES} that are kept for the next reader. */
const SPARE_MAX = 2 * (RUNS_AHEAD + 1)

/** Bytes that are read ahead when chunks are asked for in the order in which they lie. */
const WINDOW_BYTES = 2 ** 18

/** Chunks that lie side by side in a pack. */
interface Run {
  readonly chunks: ChunkMeta[]
  readonly pack: number
  readonly offset: number
  length: number
}

/** A run on its way. */
interface ReadRun {
  readonly run: Run
  /** Memory that is used again. */
  readonly buffer: ArrayBuffer | undefined
  /** `undefined` if it could not be read. */
  readonly bytes: Promise<Uint8Array | undefined>
}

/** Reads chunks and checks them: nothing leaves here that is not what its digest says. */
export class ChunkReader {
  private readonly layout: Layout
  private readonly index: IndexReader
  private readonly packs: PackReader
  /** Memory of {@link RUN_BYTES} that nobody uses: to get new, and to give it back, takes longer than to read into it. */
  private readonly spare: ArrayBuffer[] = []

  constructor(layout: Layout, index: IndexReader, packs: PackReader) {
    this.layout = layout
    this.index = index
    this.packs = packs
  }

  /** One chunk, at once. `row` is what the index says, if that is known. */
  readSync(digest: B3Digest, row: ChunkRow): Uint8Array {
    for (let tries = 0; ; tries++) {
      const bytes = new Uint8Array(row.length)
      try {
        if (!this.packs.readSync(row.pack, row.offset, bytes)) throw truncated(digest)
        verify(digest, bytes)
        return bytes
      } catch (error) {
        row = this.moved(digest, row, error, tries)
      }
    }
  }

  /** Reads blobs of one chunk each, ahead where they lie in the order in which they are asked for: as most trees do. */
  smallReader(): BlobReader {
    /** Part of a pack: `length` bytes from `offset`. */
    const window = { pack: 0, offset: 0, length: 0, bytes: unsafe(WINDOW_BYTES) }
    let last = { pack: 0, end: 0 }
    const fill = ({ pack, offset, length }: ChunkRow, wanted: number): void => {
      const size = Math.max(wanted, length)
      if (window.bytes.length < size) window.bytes = unsafe(size)
      window.pack = pack
      window.offset = offset
      window.length = 0
      try {
        window.length = this.packs.readSomeSync(pack, offset, window.bytes.subarray(0, size))
      } catch {
        // Reading it alone tells why.
      }
    }
    return {
      read: (digest) => {
        const row = this.index.chunk(digest)
        if (row === undefined) return undefined
        const { pack, offset, length } = row
        const end = offset + length
        const isInside = (): boolean =>
          window.pack === pack && offset >= window.offset && end <= window.offset + window.length
        if (!isInside()) fill(row, pack === last.pack && offset === last.end ? WINDOW_BYTES : length)
        last = { pack, end }
        const bytes = window.bytes.subarray(offset - window.offset, end - window.offset)
        // The slow way looks again, and says what is wrong.
        return isInside() && isIntact(digest, bytes) ? bytes : this.readSync(digest, row)
      },
    }
  }

  /**
   * Chunks in order. While one is with the caller, the next ones are being read.
   *
   * @param fleeting whether a chunk is done with when the next is asked for
   */
  async *read(
    chunks: readonly ChunkMeta[],
    signal?: AbortSignal,
    fleeting: boolean = false,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    let at = 0
    const memory: ArrayBuffer[] = []
    /** The run that is with the caller first, then those that are being read. */
    const runs: ReadRun[] = []
    const readAhead = (): void => {
      while (runs.length <= RUNS_AHEAD && at < chunks.length) {
        const run = this.runFrom(chunks, at)
        at += run.chunks.length
        const buffer = fleeting ? (memory.pop() ?? this.spare.pop() ?? new ArrayBuffer(RUN_BYTES)) : undefined
        runs.push({ run, buffer, bytes: this.fetch(run, buffer) })
      }
    }
    try {
      for (readAhead(); runs.length > 0; readAhead()) {
        const current = runs[0]!
        signal?.throwIfAborted()
        const bytes = await current.bytes
        let from = 0
        for (const { digest, size } of current.run.chunks) {
          const piece = bytes?.subarray(from, from + size)
          from += size
          if (piece !== undefined && isIntact(digest, piece)) yield piece
          // The slow way, which looks again and says what is wrong.
          else yield this.readSync(digest, this.row(digest, size))
          signal?.throwIfAborted()
        }
        runs.shift()
        if (current.buffer !== undefined) memory.push(current.buffer)
      }
    } finally {
      // Whoever stops early leaves reads behind, which still write.
      await Promise.all(runs.map(({ bytes }) => bytes))
      for (const { buffer } of runs) if (buffer !== undefined) memory.push(buffer)
      while (this.spare.length < SPARE_MAX && memory.length > 0) this.spare.push(memory.pop()!)
    }
  }

  private runFrom(chunks: readonly ChunkMeta[], first: number): Run {
    const { digest, size } = chunks[first]!
    const { pack, offset } = this.row(digest, size)
    const run: Run = { chunks: [chunks[first]!], pack, offset, length: size }
    for (let i = first + 1; i < chunks.length; i++) {
      const next = chunks[i]!
      if (run.length + next.size > RUN_BYTES) break
      const row = this.row(next.digest, next.size)
      if (row.pack !== pack || row.offset !== offset + run.length) break
      run.chunks.push(next)
      run.length += next.size
    }
    return run
  }

  /** `undefined` if it could not be read. @param buffer where to; new memory without, or if it does not suffice */
  private async fetch({ pack, offset, length }: Run, buffer: ArrayBuffer | undefined): Promise<Uint8Array | undefined> {
    const bytes =
      buffer !== undefined && length <= buffer.byteLength ? new Uint8Array(buffer, 0, length) : unsafe(length)
    try {
      return (await this.packs.read(pack, offset, bytes)) ? bytes : undefined
    } catch {
      return undefined
    }
  }

  private row(digest: B3Digest, size: number): ChunkRow {
    const row = this.index.chunk(digest)
    if (row === undefined) throw new CastoreError({ code: "missing", what: `chunk ${formatDigest(digest)}` })
    if (row.length !== size) {
      const reason = `it has ${row.length} bytes, a blob that it is part of says ${size}`
      throw new CastoreError({ code: "corrupt", what: `chunk ${formatDigest(digest)}`, reason })
    }
    return row
  }

  /** Where the chunk is now, if a collection has moved it since; throws if it has not. */
  private moved(digest: B3Digest, before: ChunkRow, error: unknown, tries: number): ChunkRow {
    const row = tries < 3 ? this.index.chunk(digest) : undefined
    if (row !== undefined && (row.pack !== before.pack || row.offset !== before.offset)) return row
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      const reason = `pack ${before.pack.toString(16)} is gone`
      throw new CastoreError({ code: "corrupt", what: `chunk ${formatDigest(digest)}`, reason }, { cause: error })
    }
    throw storageError(error, this.layout.packs)
  }
}

/** Not zeroed: it is filled entirely, or not used. */
function unsafe(length: number): Uint8Array {
  const buffer = Buffer.allocUnsafeSlow(length)
  return new Uint8Array(buffer.buffer, buffer.byteOffset, length)
}

function isIntact(digest: B3Digest, bytes: Uint8Array): boolean {
  return equal(digestOf(bytes), digest)
}

function verify(digest: B3Digest, bytes: Uint8Array): void {
  const actual = digestOf(bytes)
  if (equal(actual, digest)) return
  const reason = `its bytes are those of ${formatDigest(actual)}`
  throw new CastoreError({ code: "corrupt", what: `chunk ${formatDigest(digest)}`, reason })
}

function truncated(digest: B3Digest): CastoreError {
  const reason = "its pack ends before it does"
  return new CastoreError({ code: "corrupt", what: `chunk ${formatDigest(digest)}`, reason })
}
