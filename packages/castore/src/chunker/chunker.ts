import { cutChunk } from "./cut.ts"
import { CHUNK_MAX } from "./gear.ts"

/** Memory of {@link CHUNK_MAX} bytes for chunks that lie across pieces. */
export interface ChunkBuffers {
  take(): Uint8Array
  /** The chunk in it was emitted. */
  giveBack(buffer: Uint8Array): void
}

/**
 * Cuts what arrives in pieces. A chunk that lies within one piece is handed on where it is; others are joined in a buffer.
 */
export class Chunker {
  private readonly emit: (chunk: Uint8Array, last: boolean) => void
  private readonly buffers: ChunkBuffers
  private carry: Uint8Array | undefined
  private carried = 0

  /**
   * @param emit gets each chunk, none of them empty, in order, and whether it was the last. The array is good until it
   *   returns, or for as long as the buffers allow
   */
  constructor(emit: (chunk: Uint8Array, last: boolean) => void, buffers: ChunkBuffers = oneBuffer()) {
    this.emit = emit
    this.buffers = buffers
  }

  write(bytes: Uint8Array): void {
    this.take(bytes, false)
  }

  end(): void {
    this.take(new Uint8Array(), true)
  }

  /** The last piece: a blob that is written in one go is then not copied at all. */
  endWith(bytes: Uint8Array): void {
    this.take(bytes, true)
  }

  private take(bytes: Uint8Array, final: boolean): void {
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
    // It may be the buffer that the bytes are in.
    this.carry.set(bytes)
    this.carried = bytes.length
  }
}

function oneBuffer(): ChunkBuffers {
  let buffer: Uint8Array | undefined
  return {
    take: () => (buffer ??= new Uint8Array(CHUNK_MAX)),
    giveBack: () => undefined,
  }
}
