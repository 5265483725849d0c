import { digestOf, formatDigest, type B3Digest } from "../../digest.ts"
import { CastoreError } from "../../problem.ts"
import type { ChunkMeta } from "../../blob/service.ts"
import { storageError } from "./failure.ts"
import type { ChunkRow, IndexReader } from "./index-reader.ts"
import type { Layout } from "./layout.ts"
import type { PackReader } from "./pack-reader.ts"

/** Bytes that are read at once, if chunks lie side by side. */
const RUN_BYTES = 2 ** 20

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

  /** Chunks in order. While one is with the caller, the next ones are being read. */
  async *read(chunks: readonly ChunkMeta[], signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    let at = 0
    const next = (): { readonly run: Run; readonly bytes: Promise<Uint8Array | undefined> } | undefined => {
      if (at === chunks.length) return undefined
      const run = this.runFrom(chunks, at)
      at += run.chunks.length
      const bytes = this.readRun(run)
      bytes.catch(() => undefined)
      return { run, bytes }
    }
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

  private async readRun({ pack, offset, length }: Run): Promise<Uint8Array | undefined> {
    // Not zeroed: it is filled entirely, or not used.
    const buffer = Buffer.allocUnsafeSlow(length)
    const bytes = new Uint8Array(buffer.buffer, buffer.byteOffset, length)
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
