import { closeSync, openSync, read, readSync } from "node:fs"
import { packPath, type Layout } from "./layout.ts"

/** Packs that are kept open. */
const OPEN_MAX = 64

interface OpenPack {
  readonly fd: number
  /** Reads under way. A pack that left the cache is closed by the last of them. */
  users: number
  evicted: boolean
}

/** Reads from packs, which stay open between reads. */
export class PackReader {
  private readonly layout: Layout
  /** The least recently used first. */
  private readonly packs = new Map<number, OpenPack>()

  constructor(layout: Layout) {
    this.layout = layout
  }

  /**
   * `into.length` bytes from `offset`; `false` if there are fewer.
   *
   * @throws an error of the host, ENOENT if there is no such pack any more
   */
  readSync(id: number, offset: number, into: Uint8Array): boolean {
    const { fd } = this.open(id)
    for (let at = 0; at < into.length;) {
      const count = readSync(fd, into, at, into.length - at, offset + at)
      if (count === 0) return false
      at += count
    }
    return true
  }

  /** As many bytes from `offset` as there are, but at most `into.length`: how many. Throws as {@link readSync} does. */
  readSomeSync(id: number, offset: number, into: Uint8Array): number {
    return readSync(this.open(id).fd, into, 0, into.length, offset)
  }

  /** What {@link readSync} does, while the caller does something else. */
  async read(id: number, offset: number, into: Uint8Array): Promise<boolean> {
    const pack = this.open(id)
    pack.users++
    try {
      for (let at = 0; at < into.length;) {
        const count = await readOnce(pack.fd, into, at, offset + at)
        if (count === 0) return false
        at += count
      }
      return true
    } finally {
      pack.users--
      if (pack.evicted && pack.users === 0) closeSync(pack.fd)
    }
  }

  private open(id: number): OpenPack {
    let pack = this.packs.get(id)
    if (pack === undefined) {
      pack = { fd: openSync(packPath(this.layout, id), "r"), users: 0, evicted: false }
      const [oldest] = this.packs.keys()
      if (this.packs.size >= OPEN_MAX && oldest !== undefined) this.drop(oldest)
      this.packs.set(id, pack)
    } else if (this.packs.size >= OPEN_MAX) {
      this.packs.delete(id)
      this.packs.set(id, pack)
    }
    return pack
  }

  /** Closes a pack, which may have been removed: its space is freed only then. */
  drop(id: number): void {
    const pack = this.packs.get(id)
    if (pack === undefined) return
    this.packs.delete(id)
    pack.evicted = true
    if (pack.users === 0) closeSync(pack.fd)
  }

  close(): void {
    for (const id of this.packs.keys()) this.drop(id)
  }
}

function readOnce(fd: number, into: Uint8Array, at: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, into, at, into.length - at, position, (error, count) => {
      if (error === null) resolve(count)
      else reject(error)
    })
  })
}
