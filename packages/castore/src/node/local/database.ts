import { existsSync } from "node:fs"
import type { DatabaseSync } from "node:sqlite"
import { storageError } from "./failure.ts"
import { makeFolders, type Layout } from "./layout.ts"
import { openDatabaseOf, type DatabaseFormat } from "./sqlite.ts"

/**
 * `touched` is in ms since the epoch: no row is collected that was touched since the oldest living writer began.
 *
 * - chunks: `length` bytes at `offset` of pack `pack`, or else `start` bytes into the `unpacked` bytes that the frame of
 *   `packed` bytes there is made of (frames.ts); these three are NULL together. A blob of one chunk is that chunk.
 * - blobs: those of two chunks or more; `chunks` as chunk-list.ts has it.
 * - directories: `data` is the canonical encoding.
 * - packs: `length` bytes are in use, the file may have more (left by a crash); `writer` is who may append, if anybody,
 *   and nobody ever will again if it is `finished`.
 * - writers: rows of processes that write, or were killed while they did (their lock is free then).
 */
const FORMAT: DatabaseFormat = {
  // "tvxc"
  applicationId: 0x74767863,
  version: 2,
  schema: `
  CREATE TABLE chunks (
    digest BLOB PRIMARY KEY, pack INTEGER NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL,
    touched INTEGER NOT NULL, packed INTEGER, unpacked INTEGER, start INTEGER
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
`,
  upgrades: {
    // Before there were frames.
    1: `
  ALTER TABLE chunks ADD COLUMN packed INTEGER;
  ALTER TABLE chunks ADD COLUMN unpacked INTEGER;
  ALTER TABLE chunks ADD COLUMN start INTEGER;
`,
  },
}

/**
 * Opens the index, and makes it if there is none.
 *
 * @throws {CastoreError} `corrupt` or `invalid` if the file is no index of this version
 */
export function openDatabase(layout: Layout): DatabaseSync {
  try {
    if (!existsSync(layout.database)) makeFolders(layout)
  } catch (error) {
    throw storageError(error, layout.database)
  }
  return openDatabaseOf(FORMAT, layout.database, "PRAGMA cache_size = -16384")
}
