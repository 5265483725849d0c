import { statSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { pathToFileURL } from "node:url"
import { CastoreError } from "../../problem.ts"
import { hasCode, sleepSync, SQLITE_BUSY, SQLITE_CANTOPEN, SQLITE_READONLY } from "./busy.ts"
import { storageError } from "./failure.ts"

/** How long to wait for another process' transaction. Those are short: the longest is the sweep of a collection. */
const BUSY_MS = 30_000
const RETRY_MS = 2

/** What makes a database ours, and of which kind. */
export interface DatabaseFormat {
  /** PRAGMA application_id: four letters, as a number. */
  readonly applicationId: number
  /** PRAGMA user_version. Others are refused, unless they can be upgraded. */
  readonly version: number
  /** Statements that make it. */
  readonly schema: string
  /** Statements that make the version after it of the version that they are listed under. */
  readonly upgrades?: Readonly<Record<number, string>>
}

/**
 * Opens a database of a format, and makes it if there is none. What is committed is durable.
 *
 * @param pragmas statements for every connection
 * @throws {CastoreError} `corrupt`, or `invalid` if the file is something else
 */
export function openDatabaseOf(format: DatabaseFormat, path: string, pragmas: string = ""): DatabaseSync {
  let database: DatabaseSync | undefined
  try {
    database = openSqlite(path, `PRAGMA synchronous = FULL; ${pragmas}`)
    prepareSchema(database, path, format)
    return database
  } catch (error) {
    if (database?.isOpen === true) database.close()
    throw storageError(error, path)
  }
}

/**
 * Opens a database, and makes it if it is not there. Where the system allows nothing but reading it, since it is somebody
 * else's or on a medium that is only read, writing to it is what fails.
 */
function openSqlite(path: string, pragmas: string): DatabaseSync {
  try {
    const database = new DatabaseSync(path, { timeout: BUSY_MS })
    return opened(database, pragmas, () => useWriteAheadLog(database))
  } catch (error) {
    if (!hasCode(error, SQLITE_READONLY, SQLITE_CANTOPEN) || statSync(path, { throwIfNoEntry: false }) === undefined)
      throw error
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
function opened(database: DatabaseSync, pragmas: string, prepare: () => void = () => {}): DatabaseSync {
  try {
    prepare()
    database.exec(pragmas)
    database.prepare("SELECT count(*) FROM sqlite_schema").get()
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** A new database refuses this at once, whatever its timeout, to all but one of those who ask at the same moment. */
function useWriteAheadLog(database: DatabaseSync): void {
  for (const deadline = Date.now() + BUSY_MS; ; sleepSync(RETRY_MS)) {
    try {
      database.exec("PRAGMA journal_mode = WAL")
      return
    } catch (error) {
      if (!hasCode(error, SQLITE_BUSY) || Date.now() > deadline) throw error
    }
  }
}

function prepareSchema(database: DatabaseSync, path: string, format: DatabaseFormat): void {
  // One transaction even for reading: another process may be at making it.
  if (transaction(database, () => versionOf(format, database, path), "DEFERRED") === format.version) return
  transaction(database, () => {
    // Another process may have been faster.
    let version = versionOf(format, database, path)
    if (version === undefined) database.exec(`${format.schema} PRAGMA application_id = ${format.applicationId}`)
    else for (; version < format.version; version++) database.exec(format.upgrades![version]!)
    database.exec(`PRAGMA user_version = ${format.version}`)
  })
}

/** `undefined` if it is empty. */
function versionOf(format: DatabaseFormat, database: DatabaseSync, path: string): number | undefined {
  const application = pragma(database, "application_id")
  const version = pragma(database, "user_version")
  if (application === format.applicationId) {
    if (version === format.version || format.upgrades?.[version] !== undefined) return version
    const reason = `its format has version ${version}, this program knows version ${format.version} only`
    throw new CastoreError({ code: "invalid", field: path, reason })
  }
  const tables = Number(database.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.["n"])
  if (application !== 0 || version !== 0 || tables !== 0) {
    throw new CastoreError({ code: "invalid", field: path, reason: "it is a database of something else" })
  }
  return undefined
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name])
}

/**
 * Runs `body` with the write lock, which it waits for here and nowhere else; all or nothing of it happens. `DEFERRED` takes no
 * lock: it is for a `body` that reads, or writes to temporary tables only.
 */
export function transaction<T>(database: DatabaseSync, body: () => T, kind: "IMMEDIATE" | "DEFERRED" = "IMMEDIATE"): T {
  database.exec(`BEGIN ${kind}`)
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
