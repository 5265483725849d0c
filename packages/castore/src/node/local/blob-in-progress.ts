import { startHash, type Hasher } from "@tvix-ts/hash"
import { Chunker, type ChunkBuffers } from "../../chunker/chunker.ts"
import { CHUNK_MAX } from "../../chunker/gear.ts"
import { digestOf, type B3Digest } from "../../digest.ts"
import { ChunkListWriter } from "./chunk-list.ts"

export interface FinishedBlob {
  readonly digest: B3Digest
  /** Bytes. */
  readonly size: number
  /** As chunk-list.ts has it; `undefined` if the blob is a chunk itself, or empty. */
  readonly chunks: Uint8Array | undefined
}

/**
 * Buffers of one chunk each, lent to blobs whose chunks lie across pieces. Those that hold a chunk on its way to the disk
 * come back all at once.
 */
export class LentBuffers implements ChunkBuffers {
  private readonly free: Uint8Array[] = []
  private readonly lent: Uint8Array[] = []

  take(): Uint8Array {
    return this.free.pop() ?? new Uint8Array(CHUNK_MAX)
  }

  /** To be used again, but not before {@link recycle}. */
  giveBack(buffer: Uint8Array): void {
    this.lent.push(buffer)
  }

  recycle(): void {
    for (const buffer of this.lent.splice(0)) if (this.free.length < 4) this.free.push(buffer)
  }
}

/** A blob that arrives in pieces. `keep` may hold on to the chunks until the buffers are recycled. */
export class BlobInProgress {
  private readonly keep: (digest: B3Digest, chunk: Uint8Array) => void
  private readonly chunker: Chunker
  private readonly chunks = new ChunkListWriter()
  private size = 0
  private whole: Hasher | undefined

  constructor(keep: (digest: B3Digest, chunk: Uint8Array) => void, buffers: ChunkBuffers) {
    this.keep = keep
    this.chunker = new Chunker((chunk, last) => this.emit(chunk, last), buffers)
  }

  write(bytes: Uint8Array): void {
    this.size += bytes.length
    this.chunker.write(bytes)
  }

  end(bytes: Uint8Array): FinishedBlob {
    this.size += bytes.length
    this.chunker.endWith(bytes)
    const { size } = this
    if (size === 0) return { digest: digestOf(bytes), size, chunks: undefined }
    if (this.chunks.count === 1) return { digest: this.chunks.first(), size, chunks: undefined }
    return { digest: this.whole!.digest() as B3Digest, size, chunks: this.chunks.finish() }
  }

  private emit(chunk: Uint8Array, last: boolean): void {
    const digest = digestOf(chunk)
    this.keep(digest, chunk)
    const isWhole = last && this.chunks.count === 0
    this.chunks.add(digest, chunk.length)
    // A blob of one chunk has been hashed by now.
    if (!isWhole) (this.whole ??= startHash("blake3")).update(chunk)
  }
}
