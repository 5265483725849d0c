import type { CallOptions } from "../../call.ts"
import { digestKey, digestOf, formatDigest, type B3Digest } from "../../digest.ts"
import { directorySize } from "../../directory/check.ts"
import { decodeDirectory, encodeDirectory } from "../../directory/codec.ts"
import type { Directory, DirectoryPutter, DirectoryService } from "../../directory/service.ts"
import { CastoreError } from "../../problem.ts"
import type { LocalStore } from "./local-store.ts"

export class LocalDirectories implements DirectoryService {
  private readonly store: LocalStore

  constructor(store: LocalStore) {
    this.store = store
  }

  async get(digest: B3Digest, options?: CallOptions): Promise<Directory | undefined> {
    options?.signal?.throwIfAborted()
    const row = this.store.index.directory(digest)
    if (row === undefined || !(await this.store.stillThere("directories", digest, row.touched))) return undefined
    return decodeStored(digest, row.data)
  }

  async *getRecursive(digest: B3Digest, options?: CallOptions): AsyncGenerator<Directory, void, undefined> {
    const root = await this.get(digest, options)
    if (root === undefined) return
    // Breadth first, so that a deep tree costs no stack.
    const queue: B3Digest[] = []
    const seen = new Set([digestKey(digest)])
    const enqueue = ({ entries }: Directory): void => {
      for (const [, node] of entries) {
        if (node.type !== "directory" || seen.has(digestKey(node.digest))) continue
        seen.add(digestKey(node.digest))
        queue.push(node.digest)
      }
    }
    enqueue(root)
    yield root
    // oxlint-disable-next-line unicorn/no-for-loop -- it grows meanwhile
    for (let i = 0; i < queue.length; i++) {
      const next = queue[i]!
      const directory = await this.get(next, options)
      if (directory === undefined) throw new CastoreError({ code: "missing", what: `directory ${formatDigest(next)}` })
      enqueue(directory)
      yield directory
    }
  }

  async put(directory: Directory, options?: CallOptions): Promise<B3Digest> {
    options?.signal?.throwIfAborted()
    const data = encodeDirectory(directory)
    const digest = digestOf(data)
    const { feed } = this.store
    const batch = feed.begin()
    await feed.directory(batch, { digest, data })
    await feed.commit(batch)
    return digest
  }

  putMultiple(options?: CallOptions): DirectoryPutter {
    return new LocalPutter(this.store, options?.signal)
  }

  async close(): Promise<void> {
    await this.store.close()
  }
}

/** @throws {CastoreError} `corrupt` if the bytes are not those of the digest */
export function decodeStored(digest: B3Digest, data: Uint8Array): Directory {
  const actual = digestOf(data)
  if (!actual.every((byte, i) => byte === digest[i])) {
    const reason = `its bytes are those of ${formatDigest(actual)}`
    throw new CastoreError({ code: "corrupt", what: `directory ${formatDigest(digest)}`, reason })
  }
  return decodeDirectory(data)
}

class LocalPutter implements DirectoryPutter {
  private readonly store: LocalStore
  private readonly signal: AbortSignal | undefined
  private readonly batch: number
  /** Sizes of what was put, and what nothing refers to so far; by digest key. */
  private readonly sizes = new Map<string, number>()
  private readonly loose = new Set<string>()
  private root: B3Digest | undefined
  private ended = false

  constructor(store: LocalStore, signal: AbortSignal | undefined) {
    signal?.throwIfAborted()
    this.store = store
    this.signal = signal
    this.batch = store.feed.begin()
  }

  put(directory: Directory): void | Promise<void> {
    try {
      this.check()
      const data = encodeDirectory(directory)
      this.link(directory)
      const digest = digestOf(data)
      const key = digestKey(digest)
      this.root = digest
      if (this.sizes.has(key)) return undefined
      this.sizes.set(key, directorySize(directory))
      this.loose.add(key)
      return this.store.feed.directory(this.batch, { digest, data })
    } catch (error) {
      this.giveUp()
      throw error
    }
  }

  private link({ entries }: Directory): void {
    for (const [i, [, node]] of entries.entries()) {
      if (node.type !== "directory") continue
      const key = digestKey(node.digest)
      const size = this.sizes.get(key)
      if (size === undefined) throw invalid(`entries[${i}].digest`, "a directory that was not put before")
      if (size !== node.size) throw invalid(`entries[${i}].size`, `the directory's size is ${size}, not ${node.size}`)
      this.loose.delete(key)
    }
  }

  async close(): Promise<B3Digest> {
    try {
      this.check()
      const { root } = this
      if (root === undefined) throw invalid("directories", "there were none")
      const key = digestKey(root)
      if (this.loose.size > 1 || !this.loose.has(key)) throw invalid("directories", "some are not below the last one")
      this.ended = true
      await this.store.feed.commit(this.batch)
      return root
    } catch (error) {
      this.giveUp()
      throw error
    }
  }

  private giveUp(): void {
    if (this.ended) return
    this.ended = true
    this.store.feed.abort(this.batch).catch(() => undefined)
  }

  private check(): void {
    this.signal?.throwIfAborted()
    if (this.ended) throw new TypeError("the tree has ended")
  }
}

function invalid(field: string, reason: string): CastoreError {
  return new CastoreError({ code: "invalid", field, reason })
}
