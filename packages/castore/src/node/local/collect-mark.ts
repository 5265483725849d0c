import type { DatabaseSync, StatementSync } from "node:sqlite"
import type { B3Digest } from "../../digest.ts"
import type { Node } from "../../node.ts"
import { readChunkList } from "./chunk-list.ts"
import { decodeStored } from "./directories.ts"

/** Directories that are read before somebody else gets a turn. */
const STEP = 512

/**
 * What is reachable, in tables of a temporary database, which is on disk if it has to be. Marked blobs may turn out to be
 * chunks.
 */
export class Marks {
  private readonly database: DatabaseSync
  private readonly addDirectory: StatementSync
  private readonly addBlob: StatementSync
  private readonly addChunk: StatementSync
  private readonly directory: StatementSync
  private readonly fresh: StatementSync
  private readonly pending: B3Digest[] = []
  /** Directories that are referred to and are not there. */
  missing = 0

  constructor(database: DatabaseSync) {
    this.database = database
    database.exec(`
      PRAGMA temp.cache_size = -32768;
      DROP TABLE IF EXISTS temp.marked_directories;
      DROP TABLE IF EXISTS temp.marked_blobs;
      DROP TABLE IF EXISTS temp.marked_chunks;
      CREATE TABLE temp.marked_directories (digest BLOB PRIMARY KEY) WITHOUT ROWID;
      CREATE TABLE temp.marked_blobs (digest BLOB PRIMARY KEY) WITHOUT ROWID;
      CREATE TABLE temp.marked_chunks (digest BLOB PRIMARY KEY) WITHOUT ROWID;
    `)
    this.addDirectory = database.prepare("INSERT OR IGNORE INTO temp.marked_directories VALUES (?)")
    this.addBlob = database.prepare("INSERT OR IGNORE INTO temp.marked_blobs VALUES (?)")
    this.addChunk = database.prepare("INSERT OR IGNORE INTO temp.marked_chunks VALUES (?)")
    this.directory = database.prepare("SELECT data FROM directories WHERE digest = ?")
    this.fresh = database.prepare(
      "SELECT digest FROM directories d WHERE touched >= ?" +
        " AND NOT EXISTS (SELECT 1 FROM temp.marked_directories m WHERE m.digest = d.digest)",
    )
  }

  node(node: Node): void {
    if (node.type === "file") this.addBlob.run(node.digest)
    else if (node.type === "directory" && this.addDirectory.run(node.digest).changes === 1)
      this.pending.push(node.digest)
  }

  /** Directories that somebody may count on, as writers that are alive do. */
  freshDirectories(horizon: number): void {
    for (const row of this.fresh.all(horizon)) {
      const digest = row["digest"] as B3Digest
      if (this.addDirectory.run(digest).changes === 1) this.pending.push(digest)
    }
  }

  /**
   * Marks what is below what was marked, as far as it gets in one step.
   *
   * @returns whether there is more to do
   * @throws {CastoreError} `corrupt`: what is below a damaged directory cannot be told
   */
  step(): boolean {
    for (let i = 0; i < STEP; i++) {
      const digest = this.pending.pop()
      if (digest === undefined) return false
      const row = this.directory.get(digest)
      if (row === undefined) this.missing++
      else for (const [, node] of decodeStored(digest, row["data"] as Uint8Array).entries) this.node(node)
    }
    return this.pending.length > 0
  }

  freshBlobs(horizon: number): void {
    this.database
      .prepare("INSERT OR IGNORE INTO temp.marked_blobs SELECT digest FROM blobs WHERE touched >= ?")
      .run(horizon)
  }

  /** Marks the chunks of blobs that are marked, in steps of many. */
  *chunksOfBlobs(): Generator<void, void, undefined> {
    // By row numbers, so that no statement is open while others get their turn.
    const next = this.database.prepare(
      "SELECT rowid AS id, chunks FROM blobs b WHERE rowid > ?" +
        " AND EXISTS (SELECT 1 FROM temp.marked_blobs m WHERE m.digest = b.digest) ORDER BY rowid LIMIT 64",
    )
    for (let last = 0; ;) {
      const rows = next.all(last)
      if (rows.length === 0) return
      for (const row of rows) {
        last = Number(row["id"])
        for (const { digest } of readChunkList(row["chunks"] as Uint8Array, `blob ${last}`)) this.addChunk.run(digest)
      }
      yield
    }
  }

  drop(): void {
    for (const table of ["marked_directories", "marked_blobs", "marked_chunks"]) {
      this.database.exec(`DROP TABLE IF EXISTS temp.${table}`)
    }
  }
}
