import { startHash, type Hasher } from "@tvix-ts/hash"
import { digestOf, type B3Digest } from "../../digest.ts"
import { ChunkListWriter } from "./chunk-list.ts"

/** Bytes. A blob up to this size is never cut. */
export const WHOLE_UP_TO = 2 ** 17
const CHUNK_MAX = 2 ** 19
const cut = (bytes: Uint8Array, final: boolean): number =>
  bytes.length >= CHUNK_MAX / 2 ? CHUNK_MAX / 2 : final ? bytes.length : 0

export interface FinishedBlob {
  readonly digest: B3Digest
  /** Bytes. */
  readonly size: number
  /** As chunk-list.ts has it; `undefined` if the blob is a chunk itself, or empty. */
  readonly chunks: Uint8Array | undefined
}

/**
 * A blob that arrives in pieces. Chunks that lie within one piece are handed on where they are; the others are joined in a
 * buffer, which is not used again afterwards.
 */
export class BlobInProgress {
  private readonly keep: (digest: B3Digest, chunk: Uint8Array) => void
  private readonly chunks = new ChunkListWriter()
  private size = 0
  private whole: Hasher | undefined
  private carry: Uint8Array | undefined
  private carried = 0

  constructor(keep: (digest: B3Digest, chunk: Uint8Array) => void) {
    this.keep = keep
  }

  write(bytes: Uint8Array): void {
    this.take(bytes, false)
  }

  end(bytes: Uint8Array): FinishedBlob {
    const digest = this.take(bytes, true)
    if (digest !== undefined) return { digest, size: this.size, chunks: undefined }
    // If the last cut fell on the end of the piece before, it was not known yet that nothing follows.
    if (this.chunks.count === 1) return { digest: this.chunks.first(), size: this.size, chunks: undefined }
    return { digest: this.whole!.digest() as B3Digest, size: this.size, chunks: this.chunks.finish() }
  }

  /** The digest of the blob if it turns out to be a single chunk. */
  private take(bytes: Uint8Array, final: boolean): B3Digest | undefined {
    let at = 0
    let single: B3Digest | undefined
    this.size += bytes.length
    if (final && this.size === 0) return digestOf(bytes)
    while (this.carried > 0) {
      const carry = this.carry!
      const before = this.carried
      const count = Math.min(carry.length - before, bytes.length - at)
      carry.set(bytes.subarray(at, at + count), before)
      const length = cut(carry.subarray(0, before + count), final && at + count === bytes.length)
      if (length === 0) {
        this.carried += count
        return undefined
      }
      this.carried = 0
      single = this.emit(carry.subarray(0, length), final && before + count === length && at + count === bytes.length)
      this.carry = undefined
      // What follows the cut is cut again where it came from.
      at += length - before
    }
    while (at < bytes.length) {
      const rest = bytes.subarray(at)
      const length = cut(
        rest.length > CHUNK_MAX ? rest.subarray(0, CHUNK_MAX) : rest,
        final && rest.length <= CHUNK_MAX,
      )
      if (length === 0) {
        this.carry = new Uint8Array(CHUNK_MAX)
        this.carry.set(rest)
        this.carried = rest.length
        return undefined
      }
      single = this.emit(rest.subarray(0, length), final && length === rest.length)
      at += length
    }
    return single
  }

  private emit(chunk: Uint8Array, last: boolean): B3Digest | undefined {
    const digest = digestOf(chunk)
    this.keep(digest, chunk)
    if (last && this.chunks.count === 0) return digest
    this.chunks.add(digest, chunk.length)
    this.whole ??= startHash("blake3")
    this.whole.update(chunk)
    return undefined
  }
}
