import { dirname } from "node:path"
import type { DatabaseSync } from "node:sqlite"
import { CastoreError } from "@tvix-ts/castore"
import { makeFolder, openDatabaseOf, storageError, type DatabaseFormat } from "@tvix-ts/castore/node"

/**
 * - path_infos: `digest` is the 32 digits of the store path, `data` a `tvix.store.v1.PathInfo`; `touched`, in ms since the
 *   epoch, is when it was last put, or asked for by a client of a server, which is noted at most every half an hour.
 * - nar_calculations: `key` is that of nar/cache.ts.
 * - roots: store paths that are kept, with all they refer to, by the name of who wants them.
 */
const FORMAT: DatabaseFormat = {
  // "tvxs"
  applicationId: 0x74767873,
  version: 1,
  schema: `
  CREATE TABLE path_infos (digest TEXT PRIMARY KEY, data BLOB NOT NULL, touched INTEGER NOT NULL) STRICT;
  CREATE TABLE nar_calculations (key TEXT PRIMARY KEY, size INTEGER NOT NULL, sha256 BLOB NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE roots (name TEXT PRIMARY KEY, path TEXT NOT NULL) STRICT, WITHOUT ROWID;
`,
}

/**
 * Opens the database of a store, and makes it if there is none.
 *
 * @throws {CastoreError} `corrupt`, or `invalid` if the file is something else
 */
export function openStoreDatabase(path: string): DatabaseSync {
  makeStoreFolder(dirname(path))
  return openDatabaseOf(FORMAT, path)
}

function makeStoreFolder(dir: string): void {
  try {
    makeFolder(dir)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== "EEXIST" && code !== "ENOTDIR") throw storageError(error, dir)
    throw new CastoreError({ code: "invalid", field: dir, reason: "there is a file where a folder should be" })
  }
}
