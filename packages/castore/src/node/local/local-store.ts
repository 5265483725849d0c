import type { DatabaseSync } from "node:sqlite"
import type { B3Digest } from "../../digest.ts"
import { ChunkReader } from "./chunk-reader.ts"
import { openDatabase } from "./database.ts"
import { storageError } from "./failure.ts"
import { Feed } from "./feed.ts"
import { FrameCache } from "./frame-cache.ts"
import { IndexReader } from "./index-reader.ts"
import { layoutOf, type Layout } from "./layout.ts"
import { PackReader } from "./pack-reader.ts"
import type { Table, WriterOptions } from "./protocol.ts"

/** What the services of one castore share: its index, its packs and its line to the thread that writes. */
export class LocalStore {
  readonly layout: Layout
  readonly database: DatabaseSync
  readonly index: IndexReader
  readonly packs: PackReader
  readonly frames: FrameCache
  readonly chunks: ChunkReader
  readonly feed: Feed
  readonly options: WriterOptions
  /** Since when this process writes, and counts on what it sees; `undefined` before it does. */
  private since: number | undefined

  /** @param cacheBytes for what was decompressed lately */
  constructor(options: WriterOptions, cacheBytes: number) {
    this.layout = layoutOf(options.dir)
    this.database = openDatabase(this.layout)
    this.index = new IndexReader(this.database)
    this.packs = new PackReader(this.layout)
    this.frames = new FrameCache(cacheBytes)
    this.chunks = new ChunkReader(this.layout, this.index, this.packs, this.frames)
    this.options = options
    this.feed = new Feed(options, (since) => (this.since = since))
  }

  /**
   * Whoever writes may rely on what it is told exists. So a row that a collection might take is touched first, and may turn
   * out to be gone.
   */
  async stillThere(table: Table, digest: B3Digest, touched: number): Promise<boolean> {
    if (this.since === undefined || touched >= Math.max(this.since, Date.now() - this.options.graceMs / 2)) return true
    return this.feed.touch(table, digest)
  }

  /** Runs something with a connection of its own: it may use transactions and temporary tables as it likes. */
  async withDatabase<T>(body: (database: DatabaseSync) => Promise<T> | T): Promise<T> {
    const database = openDatabase(this.layout)
    try {
      return await body(database)
    } catch (error) {
      throw storageError(error, this.layout.database)
    } finally {
      database.close()
      this.index.release()
    }
  }

  async close(): Promise<void> {
    await this.feed.close()
    this.index.release()
    this.packs.close()
    this.frames.clear()
    if (this.database.isOpen) this.database.close()
  }
}
