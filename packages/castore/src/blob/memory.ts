import { concat } from "@tvix-ts/bytes"
import { startHash, type Hasher } from "@tvix-ts/hash"
import type { CallOptions } from "../call.ts"
import { Chunker } from "../chunker/chunker.ts"
import { CHUNK_MIN } from "../chunker/gear.ts"
import { digestKey, digestOf, type B3Digest } from "../digest.ts"
import { putInto } from "./put.ts"
import { rangeOf } from "./range.ts"
import type {
  BlobBatch,
  BlobMeta,
  BlobReader,
  BlobService,
  BlobWriter,
  ChunkMeta,
  Contents,
  ReadOptions,
} from "./service.ts"

/** Blobs for as long as the program runs, each chunk once. For tests, pages, and in front of something slower. */
export function memoryBlobService(): BlobService {
  return new MemoryBlobs()
}

interface Stored {
  /** By {@link digestKey}. */
  readonly chunks: Map<string, Uint8Array>
  /** Blobs that are not one chunk. */
  readonly blobs: Map<string, BlobMeta>
}

function nothingStored(): Stored {
  return { chunks: new Map(), blobs: new Map() }
}

class MemoryBlobs implements BlobService {
  private readonly stored = nothingStored()

  async stat(digest: B3Digest, options?: CallOptions): Promise<BlobMeta | undefined> {
    options?.signal?.throwIfAborted()
    return this.meta(digest)
  }

  async read(digest: B3Digest, options?: ReadOptions): Promise<AsyncIterable<Uint8Array> | undefined> {
    options?.signal?.throwIfAborted()
    const meta = this.meta(digest)
    if (meta === undefined) return undefined
    const { from, to } = rangeOf(options, meta.size)
    return this.pieces(meta.chunks, from, to, options?.signal)
  }

  reader(): BlobReader {
    return { read: (digest) => this.stored.chunks.get(digestKey(digest)) }
  }

  put(contents: Contents, options?: CallOptions): Promise<B3Digest> {
    return putInto(this.batch(options), contents, options?.signal)
  }

  batch(options?: CallOptions): BlobBatch {
    return new MemoryBatch(this.stored, options?.signal)
  }

  async close(): Promise<void> {}

  private meta(digest: B3Digest): BlobMeta | undefined {
    const key = digestKey(digest)
    const chunk = this.stored.chunks.get(key)
    if (chunk === undefined) return this.stored.blobs.get(key)
    return { size: chunk.length, chunks: [{ digest, size: chunk.length }] }
  }

  private async *pieces(
    chunks: readonly ChunkMeta[],
    from: number,
    to: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    let start = 0
    for (const { digest, size } of chunks) {
      if (start >= to) return
      const end = start + size
      if (end > from) {
        signal?.throwIfAborted()
        const chunk = this.stored.chunks.get(digestKey(digest))!
        const first = Math.max(from - start, 0)
        const last = Math.min(to - start, size)
        // A copy: the caller may keep it, and whoever keeps bytes writes into them some day.
        if (last > first) yield chunk.slice(first, last)
      }
      start = end
    }
  }
}

class MemoryBatch implements BlobBatch {
  private readonly stored: Stored
  private readonly signal: AbortSignal | undefined
  private staged = nothingStored()
  private ended = false

  constructor(stored: Stored, signal: AbortSignal | undefined) {
    this.stored = stored
    this.signal = signal
  }

  blob(): BlobWriter {
    if (this.ended) throw new TypeError("this batch was given up")
    return new MemoryWriter(this.staged, this.signal)
  }

  async commit(): Promise<void> {
    if (this.signal?.aborted === true) {
      await this.abort()
      this.signal.throwIfAborted()
    }
    for (const [key, chunk] of this.staged.chunks) this.stored.chunks.set(key, chunk)
    for (const [key, blob] of this.staged.blobs) this.stored.blobs.set(key, blob)
    this.staged.chunks.clear()
    this.staged.blobs.clear()
  }

  async abort(): Promise<void> {
    this.ended = true
    this.staged = nothingStored()
  }
}

class MemoryWriter implements BlobWriter {
  private readonly stage: Stored
  private readonly signal: AbortSignal | undefined
  private readonly chunks: ChunkMeta[] = []
  private size = 0
  /** What there is of a blob that may still turn out too small to be cut. */
  private pieces: Uint8Array[] = []
  private chunker: Chunker | undefined
  private whole: Hasher | undefined

  constructor(stage: Stored, signal: AbortSignal | undefined) {
    this.stage = stage
    this.signal = signal
  }

  write(bytes: Uint8Array): void {
    this.signal?.throwIfAborted()
    this.size += bytes.length
    if (this.chunker === undefined) {
      if (this.size <= CHUNK_MIN) {
        this.pieces.push(bytes.slice())
        return
      }
      this.chunker = new Chunker((chunk) => this.keep(chunk.slice()))
      this.whole = startHash("blake3")
      for (const piece of this.pieces) this.pass(piece)
      this.pieces = []
    }
    this.pass(bytes)
  }

  async end(): Promise<B3Digest> {
    this.signal?.throwIfAborted()
    if (this.chunker === undefined) {
      const bytes = this.pieces.length === 1 ? this.pieces[0]! : concat(this.pieces)
      if (bytes.length > 0) return this.keep(bytes)
      const digest = digestOf(bytes)
      this.stage.blobs.set(digestKey(digest), { size: 0, chunks: [] })
      return digest
    }
    this.chunker.end()
    const digest = this.whole!.digest() as B3Digest
    if (this.chunks.length > 1) this.stage.blobs.set(digestKey(digest), { size: this.size, chunks: this.chunks })
    return digest
  }

  private pass(bytes: Uint8Array): void {
    this.whole!.update(bytes)
    this.chunker!.write(bytes)
  }

  private keep(chunk: Uint8Array): B3Digest {
    const digest = digestOf(chunk)
    this.stage.chunks.set(digestKey(digest), chunk)
    this.chunks.push({ digest, size: chunk.length })
    return digest
  }
}
