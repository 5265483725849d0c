import { startHash, type Hasher } from "@tvix-ts/hash"
import { cutChunk } from "../../chunker/cut.ts"
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
export class ChunkBuffers {
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

/**
 * A blob that arrives in pieces. Chunks that lie within one piece are handed on where they are; the others are joined in a
 * buffer. `keep` may hold on to them until the buffers are recycled.
 */
export class BlobInProgress {
  private readonly keep: (digest: B3Digest, chunk: Uint8Array) => void
  private readonly buffers: ChunkBuffers
  private readonly chunks = new ChunkListWriter()
  private size = 0
  private whole: Hasher | undefined
  private carry: Uint8Array | undefined
  private carried = 0

  constructor(keep: (digest: B3Digest, chunk: Uint8Array) => void, buffers: ChunkBuffers) {
    this.keep = keep
    this.buffers = buffers
  }

  write(bytes: Uint8Array): void {
    this.take(bytes, false)
  }

  end(bytes: Uint8Array): FinishedBlob {
    this.take(bytes, true)
    const { size } = this
    if (size === 0) return { digest: digestOf(bytes), size, chunks: undefined }
    if (this.chunks.count === 1) return { digest: this.chunks.first(), size, chunks: undefined }
    return { digest: this.whole!.digest() as B3Digest, size, chunks: this.chunks.finish() }
  }

  private take(bytes: Uint8Array, final: boolean): void {
    this.size += bytes.length
    let at = 0
    while (this.carried > 0) {
      const carry = this.carry!
      const before = this.carried
      const count = Math.min(carry.length - before, bytes.length - at)
      carry.set(bytes.subarray(at, at + count), before)
      const length = cutChunk(carry, 0, before + count, final && at + count === bytes.length)
      if (length < 0) {
        this.carried += count
        return
      }
      this.carry = undefined
      this.carried = 0
      this.emit(carry.subarray(0, length), final && before - length + bytes.length - at === 0)
      this.buffers.giveBack(carry)
      // What follows the cut is looked at where it came from, unless that is gone.
      if (length < before) this.carryOn(carry.subarray(length, before))
      else at += length - before
    }
    while (at < bytes.length) {
      const end = cutChunk(bytes, at, bytes.length, final)
      if (end < 0) {
        this.carryOn(bytes.subarray(at))
        return
      }
      this.emit(bytes.subarray(at, end), final && end === bytes.length)
      at = end
    }
  }

  private carryOn(bytes: Uint8Array): void {
    this.carry = this.buffers.take()
    this.carry.set(bytes)
    this.carried = bytes.length
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
