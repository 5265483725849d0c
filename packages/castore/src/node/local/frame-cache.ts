import { equal } from "@tvix-ts/bytes"
import { digestOf, type B3Digest } from "../../digest.ts"
import { FRAME_SLACK } from "./frames.ts"

/** A frame that was decompressed. Nobody may write to it, and its memory is another's after the last {@link release}. */
export class UnpackedFrame {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Chunks that are what their digests say, by where they begin. */
  private readonly intact = new Map<number, B3Digest>()
  private users = 1

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.bytes = bytes
  }

  /** `length` bytes from `start`, if their digest is this one; until the frame is released. */
  chunk(digest: B3Digest, start: number, length: number): Uint8Array | undefined {
    const bytes = this.bytes.subarray(start, start + length)
    const known = this.intact.get(start)
    if (known !== undefined && bytes.length === length && equal(known, digest)) return bytes
    if (!equal(digestOf(bytes), digest)) return undefined
    this.intact.set(start, digest)
    return bytes
  }

  retain(): this {
    this.users++
    return this
  }

  /** Gives the memory back at once: waiting for the garbage collector makes it run all the time, which costs more than this. */
  release(): void {
    if (--this.users > 0) return
    const { buffer, length } = this.bytes
    // Small ones share theirs with others.
    if (buffer.byteLength - length <= FRAME_SLACK) buffer.transfer(0)
  }
}

/**
 * Frames that were decompressed lately: the chunks of one are mostly read one after the other, and a server is asked for the
 * same ones again and again.
 */
export class FrameCache {
  private readonly bytesMax: number
  private bytes = 0
  /** By pack and offset, the least recently used first. */
  private readonly frames = new Map<string, UnpackedFrame>()

  /** @param bytesMax of all frames together, decompressed */
  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  /** Retained for the caller, who releases it. */
  get(pack: number, offset: number): UnpackedFrame | undefined {
    const key = `${pack} ${offset}`
    const frame = this.frames.get(key)
    if (frame === undefined) return undefined
    this.frames.delete(key)
    this.frames.set(key, frame)
    return frame.retain()
  }

  /**
   * Packs are never written to again where they were, so what is kept stays true. Retained for the caller, as by {@link get}.
   *
   * @param bytes in memory of their own, which is the cache's from here on
   */
  add(pack: number, offset: number, bytes: Uint8Array<ArrayBuffer>): UnpackedFrame {
    const key = `${pack} ${offset}`
    this.remove(key)
    const frame = new UnpackedFrame(bytes)
    frame.retain()
    this.frames.set(key, frame)
    this.bytes += bytes.length
    for (const oldest of this.frames.keys()) {
      if (this.bytes <= this.bytesMax) break
      this.remove(oldest)
    }
    return frame
  }

  private remove(key: string): void {
    const frame = this.frames.get(key)
    if (frame === undefined) return
    this.frames.delete(key)
    this.bytes -= frame.bytes.length
    frame.release()
  }

  clear(): void {
    for (const key of this.frames.keys()) this.remove(key)
  }
}
