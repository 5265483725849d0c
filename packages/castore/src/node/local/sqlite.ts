import { statSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { pathToFileURL } from "node:url"

/** How long to wait for another process' transaction. Those are short: the longest is the sweep of a collection. */
const BUSY_MS = 30_000

// Result codes of SQLite, from sqlite3.h.
const SQLITE_READONLY = 8
const SQLITE_CANTOPEN = 14

/**
 * Opens a database, and makes it if it is not there. Where the system allows nothing but reading it, since it is somebody
 * else's or on a medium that is only read, writing to it is what fails.
 *
 * @param pragmas statements for every connection
 */
export function openSqlite(path: string, pragmas: string): DatabaseSync {
  try {
    return opened(new DatabaseSync(path, { timeout: BUSY_MS }), `PRAGMA journal_mode = WAL; ${pragmas}`)
  } catch (error) {
    if (!isRefusal(error) || statSync(path, { throwIfNoEntry: false }) === undefined) throw error
    try {
      return opened(new DatabaseSync(path, { timeout: BUSY_MS, readOnly: true }), pragmas)
    } catch {
      // The log needs a file beside the database, even for reading. If there is none, nobody has it open who writes.
      if ((statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0) throw error
      const url = pathToFileURL(path)
      url.search = "immutable=1"
      return opened(new DatabaseSync(url, { readOnly: true }), pragmas)
    }
  }
}

/** `database`, if it can be read. */
function opened(database: DatabaseSync, statements: string): DatabaseSync {
  try {
    database.exec(statements)
    database.prepare("SELECT count(*) FROM sqlite_schema").get()
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

function isRefusal(error: unknown): boolean {
  const { errcode } = error as { readonly errcode?: number }
  return errcode !== undefined && [SQLITE_READONLY, SQLITE_CANTOPEN].includes(errcode & 0xff)
}
