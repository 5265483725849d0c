import {
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  writevSync,
} from "node:fs"
import { packPath, type Layout } from "./layout.ts"
import type { ClaimedPack } from "./ownership.ts"

/** Bytes after which the system is told to begin writing to the disk, so that little is left to wait for in the end. */
const WRITE_BACK_BYTES = 2 ** 26

/** Appends to one pack. Every method may throw errors of the host; after that, only {@link abandon} is of use. */
export class PackAppender {
  readonly id: number
  /** Where the next chunk goes, and how much of it is durable. Both in bytes. */
  end: number
  durable: number

  private readonly fd: number
  private views: Uint8Array[] = []
  private written: number
  private askedFor: number
  private running: Promise<void> | undefined
  private failure: Error | undefined

  /** `undefined` if the file has lost bytes that the index counts on. */
  static open(layout: Layout, { id, length }: ClaimedPack): PackAppender | undefined {
    const create = length === 0 ? constants.O_CREAT : 0
    let fd: number
    try {
      fd = openSync(packPath(layout, id), constants.O_RDWR | create, 0o644)
    } catch (error) {
      if (length > 0 && (error as NodeJS.ErrnoException).code === "ENOENT") return undefined
      throw error
    }
    try {
      const { size } = fstatSync(fd)
      if (size >= length) {
        // What lies behind was written by someone who was killed before it was indexed.
        if (size > length) ftruncateSync(fd, length)
        if (length === 0) syncFolder(layout.packs)
        return new PackAppender(id, fd, length)
      }
    } catch (error) {
      closeSync(fd)
      throw error
    }
    closeSync(fd)
    return undefined
  }

  private constructor(id: number, fd: number, length: number) {
    this.id = id
    this.fd = fd
    this.end = length
    this.durable = length
    this.written = length
    this.askedFor = length
  }

  /** Takes bytes, which must stay as they are until {@link flush}, and says where they will be. */
  append(bytes: Uint8Array): number {
    const offset = this.end
    const last = this.views.at(-1)
    // Chunks that are neighbours in memory go to the disk in one piece.
    if (last !== undefined && last.buffer === bytes.buffer && last.byteOffset + last.length === bytes.byteOffset) {
      this.views[this.views.length - 1] = new Uint8Array(last.buffer, last.byteOffset, last.length + bytes.length)
    } else {
      this.views.push(bytes)
    }
    this.end += bytes.length
    return offset
  }

  /** Hands what was appended to the system. */
  flush(): void {
    while (this.views.length > 0) {
      let count = writevSync(this.fd, this.views, this.written)
      this.written += count
      let done = 0
      while (done < this.views.length && count >= this.views[done]!.length) count -= this.views[done++]!.length
      this.views.splice(0, done)
      if (count > 0) this.views[0] = this.views[0]!.subarray(count)
    }
    if (this.running === undefined && this.written - this.askedFor >= WRITE_BACK_BYTES) this.startWriteBack()
  }

  private startWriteBack(): void {
    this.askedFor = this.written
    this.running = new Promise((resolve) => {
      fdatasync(this.fd, (error) => {
        // The system reports a failure once. It must not be this call that swallows it.
        this.failure ??= error ?? undefined
        this.running = undefined
        resolve()
      })
    })
  }

  /** Waits until everything that was flushed is on the disk. */
  async sync(): Promise<void> {
    await this.running
    if (this.failure !== undefined) throw this.failure
    if (this.durable === this.written) return
    try {
      fdatasyncSync(this.fd)
    } catch (error) {
      this.failure = error as Error
      throw error
    }
    this.durable = this.askedFor = this.written
  }

  /** Whether bytes were lost on their way to the disk. Then nobody can tell which. */
  get failed(): boolean {
    return this.failure !== undefined
  }

  /** Cuts the file down to `length`, the part that is indexed. */
  truncate(length: number): void {
    ftruncateSync(this.fd, length)
    this.views = []
    this.end = this.written = this.durable = this.askedFor = length
  }

  async close(): Promise<void> {
    await this.running
    closeSync(this.fd)
  }

  /** Closes it as soon as possible, whatever state it is in. */
  abandon(): void {
    this.close().catch(() => undefined)
  }
}

/** Makes the names in a folder durable. */
export function syncFolder(path: string): void {
  const fd = openSync(path, "r")
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
