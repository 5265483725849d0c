import { cutChunk } from "./cut.ts"
import { CHUNK_MAX } from "./gear.ts"

/**
 * Cuts what arrives in pieces. A chunk that lies within one piece is handed on where it is; others are joined in a buffer of
 * {@link CHUNK_MAX} bytes. Either way the array is good until `emit` returns.
 */
export class Chunker {
  private readonly emit: (chunk: Uint8Array) => void
  private carry: Uint8Array | undefined
  private carried = 0

  /** @param emit gets each chunk, none of them empty, in order */
  constructor(emit: (chunk: Uint8Array) => void) {
    this.emit = emit
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
      const have = before + count
      const cut = cutChunk(carry, 0, have, final && at + count === bytes.length)
      if (cut < 0) {
        this.carried = have
        return
      }
      if (cut >= before) {
        // What follows is looked at where it came from.
        this.carried = 0
        at += cut - before
        this.emit(carry.subarray(0, cut))
      } else {
        this.emit(carry.subarray(0, cut))
        carry.copyWithin(0, cut, before)
        this.carried = before - cut
      }
    }
    while (at < bytes.length) {
      const cut = cutChunk(bytes, at, bytes.length, final)
      if (cut < 0) break
      this.emit(bytes.subarray(at, cut))
      at = cut
    }
    if (at === bytes.length) return
    this.carry ??= new Uint8Array(CHUNK_MAX)
    this.carry.set(bytes.subarray(at))
    this.carried = bytes.length - at
  }
}
