import { equal } from "@tvix-ts/bytes"
import type { CallOptions } from "../../call.ts"
import { digestOf, formatDigest, type B3Digest } from "../../digest.ts"
import { ClosureCheck, traverse, type EncodedDirectory } from "../../directory/closure.ts"
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

  getRecursive(digest: B3Digest, options?: CallOptions): AsyncIterable<Directory> {
    return traverse((next) => this.get(next, options), digest, options?.signal)
  }

  async put(directory: Directory, options?: CallOptions): Promise<B3Digest> {
    options?.signal?.throwIfAborted()
    const bytes = encodeDirectory(directory)
    const digest = digestOf(bytes)
    const { feed } = this.store
    const batch = feed.begin()
    await feed.directory(batch, { digest, bytes })
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
  if (!equal(actual, digest)) {
    const reason = `its bytes are those of ${formatDigest(actual)}`
    throw new CastoreError({ code: "corrupt", what: `directory ${formatDigest(digest)}`, reason })
  }
  return decodeDirectory(data)
}

class LocalPutter implements DirectoryPutter {
  private readonly store: LocalStore
  private readonly signal: AbortSignal | undefined
  private readonly batch: number
  private readonly closure = new ClosureCheck()
  private ended = false

  constructor(store: LocalStore, signal: AbortSignal | undefined) {
    signal?.throwIfAborted()
    this.store = store
    this.signal = signal
    this.batch = store.feed.begin()
  }

  put(directory: Directory): void | Promise<void> {
    this.check()
    let encoded: EncodedDirectory
    try {
      encoded = this.closure.add(directory)
    } catch (error) {
      this.giveUp()
      throw error
    }
    return this.store.feed.directory(this.batch, encoded)
  }

  async close(): Promise<B3Digest> {
    try {
      this.check()
      const root = this.closure.finish()
      await this.store.feed.commit(this.batch)
      return root
    } catch (error) {
      this.giveUp()
      throw error
    } finally {
      this.ended = true
    }
  }

  /** Lets the thread that writes forget what it has. */
  private giveUp(): void {
    if (!this.ended) this.store.feed.abort(this.batch).catch(() => undefined)
    this.ended = true
  }

  private check(): void {
    if (this.signal?.aborted === true) this.giveUp()
    this.signal?.throwIfAborted()
    if (this.ended) throw new TypeError("the tree has ended")
  }
}
