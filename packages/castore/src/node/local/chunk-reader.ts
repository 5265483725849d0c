import { digestOf, formatDigest, type B3Digest } from "../../digest.ts"
import { CastoreError } from "../../problem.ts"
import type { ChunkMeta } from "../../blob/service.ts"
import { storageError } from "./failure.ts"
import type { ChunkRow, IndexReader } from "./index-reader.ts"
import type { Layout } from "./layout.ts"
import type { PackReader } from "./pack-reader.ts"

/** Bytes that are read at once, if chunks lie side by side. */
const RUN_BYTES = 2 ** 21
/** Buffers of {@link RUN_BYTES} that are kept for the next reader. */
const SPARE_MAX = 4

/**
 * Small chunks that are read one after the other were mostly written so: what comes next is read with them. Pieces of this
 * memory are handed out, so whoever keeps one keeps all of it.
 */
const WINDOW_BYTES = 2 ** 17
const WINDOW_CHUNK_MAX = 2 ** 14

/** Bytes of a pack that were read together. */
interface Window {
  readonly pack: number
  readonly offset: number
  /** Where the part begins that nobody has: callers own what they get. */
  handedOut: number
  readonly bytes: Uint8Array
}

/** Chunks that lie side by side in a pack. */
interface Run {
  readonly chunks: ChunkMeta[]
  readonly pack: number
  readonly offset: number
  length: number
}

/** Reads chunks and checks them: nothing leaves here that is not what its digest says. */
export class ChunkReader {
  private readonly layout: Layout
  private readonly index: IndexReader
  private readonly packs: PackReader
  /** Memory of {@link RUN_BYTES} that nobody uses: to get new, and to give it back, takes longer than to read into it. */
  private readonly spare: ArrayBuffer[] = []
  private window: Window | undefined
  /** The small chunk read last. */
  private last = { pack: 0, end: 0 }

  constructor(layout: Layout, index: IndexReader, packs: PackReader) {
    this.layout = layout
    this.index = index
    this.packs = packs
  }

  /** One chunk, at once. `row` is what the index says, if that is known. */
  readSync(digest: B3Digest, row: ChunkRow): Uint8Array {
    const ahead = row.length <= WINDOW_CHUNK_MAX ? this.readAhead(row) : undefined
    if (ahead !== undefined && isIntact(digest, ahead)) return ahead
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
    /** One run is with the caller, another being read. */
    const memory: (ArrayBuffer | undefined)[] = [undefined, undefined]
    let turn = 0
    let reading: Promise<unknown> = Promise.resolve()
    const next = (): { readonly run: Run; readonly bytes: Promise<Uint8Array | undefined> } | undefined => {
      if (at === chunks.length) return undefined
      const run = this.runFrom(chunks, at)
      at += run.chunks.length
      turn ^= 1
      const buffer = fleeting ? (memory[turn] ??= this.spare.pop() ?? new ArrayBuffer(RUN_BYTES)) : undefined
      const bytes = this.readRun(run, buffer)
      reading = bytes
      return { run, bytes }
    }
    try {
      let current = next()
      while (current !== undefined) {
        const following = next()
        signal?.throwIfAborted()
        const { run } = current
        const bytes = await current.bytes
        let from = 0
        for (const { digest, size } of run.chunks) {
          const piece = bytes?.subarray(from, from + size)
          from += size
          if (piece !== undefined && isIntact(digest, piece)) yield piece
          // The slow way, which looks again and says what is wrong.
          else yield this.readSync(digest, this.row(digest, size))
          signal?.throwIfAborted()
        }
        current = following
      }
    } finally {
      if (fleeting) {
        // Whoever stops early leaves a read behind, which still writes.
        await reading
        for (const buffer of memory) if (buffer !== undefined && this.spare.length < SPARE_MAX) this.spare.push(buffer)
      }
    }
  }

  /** The chunk out of the window, which goes where it is if the one before it was just read; or else `undefined`. */
  private readAhead({ pack, offset, length }: ChunkRow): Uint8Array | undefined {
    const { pack: lastPack, end: lastEnd } = this.last
    this.last = { pack, end: offset + length }
    let { window } = this
    if (window?.pack !== pack || offset < window.handedOut || offset + length > window.offset + window.bytes.length) {
      if (pack !== lastPack || offset !== lastEnd) return undefined
      try {
        const bytes = unsafe(WINDOW_BYTES)
        const count = this.packs.readSomeSync(pack, offset, bytes)
        window = { pack, offset, handedOut: offset, bytes: bytes.subarray(0, count) }
      } catch {
        // The slow way tells why.
        return undefined
      }
      this.window = window
      if (length > window.bytes.length) return undefined
    }
    const from = offset - window.offset
    window.handedOut = offset + length
    return window.bytes.subarray(from, from + length)
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

  /** @param memory where to; new memory without, or if it does not suffice */
  private async readRun({ pack, offset, length }: Run, memory?: ArrayBuffer): Promise<Uint8Array | undefined> {
    const bytes =
      memory !== undefined && length <= memory.byteLength ? new Uint8Array(memory, 0, length) : unsafe(length)
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
  return same(digestOf(bytes), digest)
}

function verify(digest: B3Digest, bytes: Uint8Array): void {
  const actual = digestOf(bytes)
  if (same(actual, digest)) return
  const reason = `its bytes are those of ${formatDigest(actual)}`
  throw new CastoreError({ code: "corrupt", what: `chunk ${formatDigest(digest)}`, reason })
}

function truncated(digest: B3Digest): CastoreError {
  const reason = "its pack ends before it does"
  return new CastoreError({ code: "corrupt", what: `chunk ${formatDigest(digest)}`, reason })
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return a.length === b.length
}
