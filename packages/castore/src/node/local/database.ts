import { existsSync } from "node:fs"
import type { DatabaseSync } from "node:sqlite"
import { CastoreError } from "../../problem.ts"
import { storageError } from "./failure.ts"
import { makeFolders, type Layout } from "./layout.ts"
import { openSqlite } from "./sqlite.ts"

/** "tvxc": tells our databases from others'. */
const APPLICATION_ID = 0x74767863
const SCHEMA_VERSION = 1

/**
 * `touched` is in ms since the epoch: no row is collected that was touched since the oldest living writer began.
 *
 * - chunks: `length` bytes at `offset` of pack `pack`. A blob of one chunk is that chunk.
 * - blobs: those of two chunks or more; `chunks` as chunk-list.ts has it.
 * - directories: `data` is the canonical encoding.
 * - packs: `length` bytes are in use, the file may have more (left by a crash); `writer` is who may append, if anybody,
 *   and nobody ever will again if it is `finished`.
 * - writers: rows of processes that write, or were killed while they did (their lock is free then).
 */
const SCHEMA = `
  CREATE TABLE chunks (
    digest BLOB PRIMARY KEY, pack INTEGER NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL,
    touched INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE blobs (
    digest BLOB PRIMARY KEY, size INTEGER NOT NULL, chunks BLOB NOT NULL, touched INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE directories (
    digest BLOB PRIMARY KEY, data BLOB NOT NULL, touched INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE packs (
    id INTEGER PRIMARY KEY, writer TEXT, length INTEGER NOT NULL, finished INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE writers (id TEXT PRIMARY KEY, since INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`

/**
 * Opens the index, and makes it if there is none.
 *
 * @throws {CastoreError} `corrupt` or `invalid` if the file is no index of this version
 */
export function openDatabase(layout: Layout): DatabaseSync {
  let database: DatabaseSync | undefined
  try {
    if (!existsSync(layout.database)) makeFolders(layout)
    database = openSqlite(layout.database, "PRAGMA synchronous = FULL; PRAGMA cache_size = -16384")
    prepareSchema(database, layout.database)
    return database
  } catch (error) {
    if (database?.isOpen === true) database.close()
    throw storageError(error, layout.database)
  }
}

function prepareSchema(database: DatabaseSync, path: string): void {
  if (isOurs(database, path)) return
  transaction(database, () => {
    // Another process may have been faster.
    if (isOurs(database, path)) return
    database.exec(`${SCHEMA} PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION}`)
  })
}

function isOurs(database: DatabaseSync, path: string): boolean {
  const application = pragma(database, "application_id")
  const version = pragma(database, "user_version")
  if (application === APPLICATION_ID && version === SCHEMA_VERSION) return true
  if (application === APPLICATION_ID) {
    const reason = `its format has version ${version}, this program knows version ${SCHEMA_VERSION} only`
    throw new CastoreError({ code: "invalid", field: path, reason })
  }
  const tables = Number(database.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.["n"])
  if (application !== 0 || version !== 0 || tables !== 0) {
    throw new CastoreError({ code: "invalid", field: path, reason: "it is a database of something else" })
  }
  return false
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name])
}

/** Runs `body` with the write lock, which it waits for here and nowhere else; all or nothing of it happens. */
export function transaction<T>(database: DatabaseSync, body: () => T): T {
  database.exec("BEGIN IMMEDIATE")
  try {
    const result = body()
    database.exec("COMMIT")
    return result
  } catch (error) {
    // Some errors have ended the transaction already.
    if (database.isTransaction) database.exec("ROLLBACK")
    throw error
  }
}
