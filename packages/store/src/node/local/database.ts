import { mkdirSync } from "node:fs"
import { dirname } from "node:path"
import type { DatabaseSync } from "node:sqlite"
import { CastoreError } from "@tvix-ts/castore"
import { openSqlite, storageError, transaction } from "@tvix-ts/castore/node"

/** "tvxs": tells our databases from others'. */
const APPLICATION_ID = 0x74767873
const SCHEMA_VERSION = 1

/**
 * - path_infos: `digest` is the 32 digits of the store path, `data` a `tvix.store.v1.PathInfo`; `touched`, in ms since the
 *   epoch, is when it was last put.
 * - nar_calculations: `key` is that of nar/cache.ts.
 * - roots: store paths that are kept, with all they refer to, by the name of who wants them.
 */
const SCHEMA = `
  CREATE TABLE path_infos (digest TEXT PRIMARY KEY, data BLOB NOT NULL, touched INTEGER NOT NULL) STRICT;
  CREATE TABLE nar_calculations (key TEXT PRIMARY KEY, size INTEGER NOT NULL, sha256 BLOB NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE roots (name TEXT PRIMARY KEY, path TEXT NOT NULL) STRICT, WITHOUT ROWID;
`

/**
 * Opens the database of a store, and makes it if there is none.
 *
 * @throws {CastoreError} `corrupt`, or `invalid` if the file is something else
 */
export function openStoreDatabase(path: string): DatabaseSync {
  let database: DatabaseSync | undefined
  try {
    makeFolder(dirname(path))
    database = openSqlite(path, "PRAGMA synchronous = FULL")
    prepareSchema(database, path)
    return database
  } catch (error) {
    if (database?.isOpen === true) database.close()
    throw storageError(error, path)
  }
}

function makeFolder(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== "EEXIST" && code !== "ENOTDIR") throw storageError(error, dir)
    throw new CastoreError({ code: "invalid", field: dir, reason: "there is a file where a folder should be" })
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
