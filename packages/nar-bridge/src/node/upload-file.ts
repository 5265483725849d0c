import type { DatabaseSync } from "node:sqlite"
import { CastoreError, decodeNode, encodeNode } from "@tvix-ts/castore"
import { openDatabaseOf, storageError, transaction, type DatabaseFormat } from "@tvix-ts/castore/node"
import { UPLOADS_MAX, type Upload, type Uploads } from "../uploads.ts"

/** `node` as castores encode it; `at` is in ms since the epoch. */
const FORMAT: DatabaseFormat = {
  applicationId: 0x7476_7570, // "tvup"
  version: 1,
  schema: `
    CREATE TABLE uploads (
      name TEXT NOT NULL PRIMARY KEY, node BLOB NOT NULL, nar_hash BLOB NOT NULL, nar_size INTEGER NOT NULL,
      file_hash BLOB NOT NULL, file_size INTEGER NOT NULL, at INTEGER NOT NULL
    ) WITHOUT ROWID, STRICT;
    CREATE INDEX uploads_at ON uploads (at);`,
}

/** Clients remember for a month what they uploaded. */
const AGE_MAX_MS = 31 * 86_400_000
/** How many are put before those that are too old, or too many, are looked for. */
const PRUNE_EVERY = 1000

interface Waiting {
  readonly upload: Upload
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * Remembers uploads in a file, which is made if it is not there. Any number of processes may have it open.
 *
 * @throws {CastoreError} if there is something else, or it is damaged
 */
export function openUploadFile(path: string, uploadsMax: number = UPLOADS_MAX): Uploads {
  return new UploadFile(openDatabaseOf(FORMAT, path), path, uploadsMax)
}

class UploadFile implements Uploads {
  readonly #database: DatabaseSync
  readonly #path: string
  readonly #uploadsMax: number
  /** All that are put in one turn of the event loop share a transaction, and one wait for the disk. */
  #waiting: Waiting[] = []
  #untilPruning = 0

  constructor(database: DatabaseSync, path: string, uploadsMax: number) {
    this.#database = database
    this.#path = path
    this.#uploadsMax = uploadsMax
  }

  put(upload: Upload): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ upload, resolve, reject })
      if (this.#waiting.length === 1) setImmediate(() => this.#flush())
    })
  }

  async get(name: string): Promise<Upload | undefined> {
    const row = this.#guard(() => this.#database.prepare("SELECT * FROM uploads WHERE name = ?").get(name))
    if (row === undefined) return undefined
    const { node, nar_hash: narHash, nar_size: narSize, file_hash: fileHash, file_size: fileSize } = row
    if (
      !(node instanceof Uint8Array) ||
      !(narHash instanceof Uint8Array) ||
      !(fileHash instanceof Uint8Array) ||
      typeof narSize !== "number" ||
      typeof fileSize !== "number"
    ) {
      throw new CastoreError({ code: "corrupt", what: this.#path, reason: "an upload in it is not well-formed" })
    }
    return { name, node: decodeNode(node).node, narHash, narSize, fileHash, fileSize }
  }

  async close(): Promise<void> {
    this.#flush()
    if (this.#database.isOpen) this.#database.close()
  }

  #flush(): void {
    const waiting = this.#waiting
    this.#waiting = []
    if (waiting.length === 0) return
    try {
      this.#guard(() =>
        transaction(this.#database, () => {
          for (const { upload } of waiting) this.#write(upload)
          this.#prune(waiting.length)
        }),
      )
      for (const { resolve } of waiting) resolve()
    } catch (error) {
      for (const { reject } of waiting) reject(error)
    }
  }

  #write({ name, node, narHash, narSize, fileHash, fileSize }: Upload): void {
    this.#database
      .prepare("INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, ?, ?, ?, ?)")
      .run(name, encodeNode("", node), narHash, narSize, fileHash, fileSize, Date.now())
  }

  #prune(count: number): void {
    this.#untilPruning -= count
    if (this.#untilPruning > 0) return
    this.#untilPruning = PRUNE_EVERY
    this.#database.prepare("DELETE FROM uploads WHERE at < ?").run(Date.now() - AGE_MAX_MS)
    this.#database
      .prepare("DELETE FROM uploads WHERE name IN (SELECT name FROM uploads ORDER BY at DESC LIMIT -1 OFFSET ?)")
      .run(this.#uploadsMax)
  }

  #guard<T>(run: () => T): T {
    try {
      return run()
    } catch (error) {
      throw storageError(error, this.#path)
    }
  }
}
