import { equal } from "@tvix-ts/bytes"
import { digestOf, type B3Digest } from "../../digest.ts"
import { FRAME_SLACK } from "./frames.ts"

/** A frame that was decompressed. Nobody may write to it, and its memory is another's after the last {@link release}. */
export class UnpackedFrame {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Chunks that are what their digests say, by where they begin. */
  private readonly intact = new Map<number, { readonly digest: B3Digest; readonly length: number }>()
  private users = 1

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.bytes = bytes
  }

  /** `length` bytes from `start`, if their digest is this one; until the frame is released. */
  chunk(digest: B3Digest, start: number, length: number): Uint8Array | undefined {
    const bytes = this.bytes.subarray(start, start + length)
    const known = this.intact.get(start)
    if (known?.length === bytes.length && equal(known.digest, digest)) return bytes
    if (!equal(digestOf(bytes), digest)) return undefined
    this.intact.set(start, { digest, length: bytes.length })
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

/** The part of the cache that is for what passes through. */
const PASSING_PART = 1 / 8
/** Of the frames that come when there is no room, every so many-th takes the place of another. */
const ADMITTED = 16

/**
 * Frames that were decompressed lately: the chunks of one are mostly read one after the other, and a server is asked for the
 * same ones again and again. Who reads more than there is room for, in whatever order, should not find that all of it has just
 * gone, as it would if the least recently used went: so most of what comes when it is full only passes through.
 */
export class FrameCache {
  private readonly settled = new Shelf()
  private readonly passing = new Shelf()
  private bytesMax: number
  private refused = 0

  /** @param bytesMax of all frames together, decompressed */
  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  /** There may be so many bytes from now on. */
  resize(bytesMax: number): void {
    this.bytesMax = bytesMax
    this.shrink()
  }

  /** Retained for the caller, who releases it. */
  get(pack: number, offset: number): UnpackedFrame | undefined {
    const key = `${pack} ${offset}`
    const settled = this.settled.take(key)
    const frame = settled ?? this.passing.take(key)
    if (frame === undefined) return undefined
    this.settled.put(key, frame)
    if (settled === undefined) this.shrink()
    return frame.retain()
  }

  /**
   * Packs are never written to again where they were, so what is kept stays true. Retained for the caller, as by {@link get}.
   *
   * @param bytes in memory of their own, which is the cache's from here on
   */
  add(pack: number, offset: number, bytes: Uint8Array<ArrayBuffer>): UnpackedFrame {
    const key = `${pack} ${offset}`
    for (const shelf of [this.settled, this.passing]) shelf.take(key)?.release()
    const frame = new UnpackedFrame(bytes)
    frame.retain()
    const isRoom = this.settled.bytes + bytes.length <= this.settledMax
    const isAdmitted = isRoom || ++this.refused % ADMITTED === 0
    ;(isAdmitted ? this.settled : this.passing).put(key, frame)
    this.shrink()
    return frame
  }

  clear(): void {
    this.settled.shrink(0)
    this.passing.shrink(0)
  }

  private get settledMax(): number {
    return this.bytesMax * (1 - PASSING_PART)
  }

  private shrink(): void {
    this.settled.shrink(this.settledMax)
    this.passing.shrink(this.bytesMax * PASSING_PART)
  }
}

/** Frames by key, in the order in which they were put. */
class Shelf {
  bytes = 0
  private readonly frames = new Map<string, UnpackedFrame>()

  /** Gives it away. */
  take(key: string): UnpackedFrame | undefined {
    const frame = this.frames.get(key)
    if (frame === undefined) return undefined
    this.frames.delete(key)
    this.bytes -= frame.bytes.length
    return frame
  }

  put(key: string, frame: UnpackedFrame): void {
    this.frames.set(key, frame)
    this.bytes += frame.bytes.length
  }

  /** Drops the first until there are no more bytes than that. */
  shrink(bytesMax: number): void {
    for (const key of this.frames.keys()) {
      if (this.bytes <= bytesMax) return
      this.take(key)!.release()
    }
  }
}
