/** How much trees take of a castore, each thing once. */
import type { DatabaseSync, StatementSync } from "node:sqlite"
import { setImmediate as turn } from "node:timers/promises"
import type { CallOptions } from "../../call.ts"
import type { B3Digest } from "../../digest.ts"
import type { Node } from "../../node.ts"
import { readChunkList } from "./chunk-list.ts"
import { decodeStored } from "./directories.ts"
import { transaction } from "./sqlite.ts"
import { STORED } from "./usage.ts"

/** What a row of the index takes besides its data: a digest, a few numbers, and SQLite's share. */
const ROW_BYTES = 96
/** Things that are looked at before somebody else gets a turn. */
const STEP = 2048

/**
 * For each tree the bytes, in packs and in the index, that it takes and those before it do not. What is not there takes none.
 *
 * @param database a connection for this alone
 * @throws {CastoreError} `corrupt` if a directory is damaged
 */
export async function* measure(
  database: DatabaseSync,
  trees: Iterable<Node>,
  { signal }: CallOptions,
): AsyncGenerator<number, void, undefined> {
  database.exec(`
    PRAGMA temp.cache_size = -32768;
    DROP TABLE IF EXISTS temp.measured;
    CREATE TABLE temp.measured (digest BLOB PRIMARY KEY) WITHOUT ROWID;
  `)
  const measurement = new Measurement(database)
  try {
    for (const tree of trees) {
      measurement.add(tree)
      while (transaction(database, () => measurement.step(), "DEFERRED")) {
        // oxlint-disable-next-line no-await-in-loop -- so that others get their turn
        await turn()
        signal?.throwIfAborted()
      }
      yield measurement.take()
    }
  } finally {
    database.exec("DROP TABLE IF EXISTS temp.measured")
  }
}

class Measurement {
  private readonly remember: StatementSync
  private readonly directory: StatementSync
  private readonly chunk: StatementSync
  private readonly blob: StatementSync
  private readonly pending: Node[] = []
  private bytes = 0

  constructor(database: DatabaseSync) {
    this.remember = database.prepare("INSERT OR IGNORE INTO temp.measured VALUES (?)")
    this.directory = database.prepare("SELECT data FROM directories WHERE digest = ?")
    this.chunk = database.prepare(`SELECT ${STORED} AS stored FROM chunks WHERE digest = ?`)
    this.blob = database.prepare("SELECT chunks FROM blobs WHERE digest = ?")
  }

  add(node: Node): void {
    this.pending.push(node)
  }

  /** Whether there is more to do. */
  step(): boolean {
    for (let i = 0; i < STEP; i++) {
      const node = this.pending.pop()
      if (node === undefined) return false
      if (node.type === "symlink" || !this.isNew(node.digest)) continue
      if (node.type === "file") this.file(node.digest)
      else {
        const data = this.directory.get(node.digest)?.["data"] as Uint8Array | undefined
        if (data === undefined) continue
        this.bytes += data.length + ROW_BYTES
        for (const [, child] of decodeStored(node.digest, data).entries) this.pending.push(child)
      }
    }
    return this.pending.length > 0
  }

  /** What was found since the last time, in whole bytes. */
  take(): number {
    const bytes = Math.round(this.bytes)
    this.bytes -= bytes
    return bytes
  }

  private file(digest: B3Digest): void {
    if (this.isChunk(digest)) return
    const list = this.blob.get(digest)?.["chunks"] as Uint8Array | undefined
    if (list === undefined) return
    this.bytes += list.length + ROW_BYTES
    for (const { digest: part } of readChunkList(list, "a blob")) if (this.isNew(part)) this.isChunk(part)
  }

  private isNew(digest: B3Digest): boolean {
    return this.remember.run(digest).changes === 1
  }

  private isChunk(digest: B3Digest): boolean {
    const row = this.chunk.get(digest)
    if (row === undefined) return false
    this.bytes += Number(row["stored"]) + ROW_BYTES
    return true
  }
}
