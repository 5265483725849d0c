/** Databases that only save work: of several processes at once, thrown away where they are damaged. */
import { rmSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import type { DatabaseSync } from "node:sqlite"
import { makeFolder } from "@tvix-ts/castore/node"

export interface CacheFormat {
  /** PRAGMA application_id: four letters, as a number. */
  readonly applicationId: number
  /** PRAGMA user_version. What a database of another version has is thrown away. */
  readonly version: number
  /** Name of its only table. */
  readonly table: string
  /** The columns of the table, and what else is in its parentheses. Rows say themselves whether they are damaged. */
  readonly columns: string
}

/** How long to wait for another process' write: it is only a cache. */
const BUSY_MS = 200

/**
 * A database in a folder, both made when it is first used, the folder for this user alone.
 *
 * @typeParam S what it is used by: statements
 */
export class CacheDatabase<S> {
  readonly #folder: string
  readonly #path: string
  readonly #format: CacheFormat
  readonly #prepare: (database: DatabaseSync) => S
  readonly #onUseless: (error: unknown) => void
  /** `null` if it cannot be used, or not any more. */
  #open: { readonly database: DatabaseSync; readonly statements: S } | null | undefined

  /** @param onUseless called once, with what keeps it from being used */
  constructor(
    folder: string,
    file: string,
    format: CacheFormat,
    prepare: (database: DatabaseSync) => S,
    onUseless: (error: unknown) => void = () => {},
  ) {
    this.#folder = folder
    this.#path = join(folder, file)
    this.#format = format
    this.#prepare = prepare
    this.#onUseless = onUseless
  }

  /** The result of `work`; undefined if another process is in the way for too long, or there is no database to be had. */
  use<T>(work: (statements: S) => T): T | undefined {
    for (let isSecond = false; this.#open !== null; isSecond = true) {
      try {
        return work((this.#open ??= this.#opened()).statements)
      } catch (error) {
        if (isBusy(error)) return undefined
        this.close()
        // Whatever else it is, others may still be able to use what is there.
        if (!isSecond && isDamage(error) && this.#throwAway()) this.#open = undefined
        else this.#onUseless(error)
      }
    }
    return undefined
  }

  close(): void {
    this.#open?.database.close()
    this.#open = null
  }

  #opened(): { readonly database: DatabaseSync; readonly statements: S } {
    makeFolder(this.#folder, 0o700)
    // Many evaluations need no cache, and need not wait for the module.
    const { DatabaseSync } = process.getBuiltinModule("node:sqlite")
    const database = new DatabaseSync(this.#path, { timeout: BUSY_MS })
    try {
      // What a power failure takes or damages is only a cache: nothing waits for the disk.
      database.exec("PRAGMA synchronous = OFF; PRAGMA journal_mode = WAL")
      const { applicationId, version, table, columns } = this.#format
      if (pragma(database, "user_version") !== version || pragma(database, "application_id") !== applicationId) {
        database.exec(`
          BEGIN IMMEDIATE;
          DROP TABLE IF EXISTS ${table};
          CREATE TABLE ${table} (${columns}) STRICT, WITHOUT ROWID;
          PRAGMA application_id = ${applicationId};
          PRAGMA user_version = ${version};
          COMMIT`)
      }
      return { database, statements: this.#prepare(database) }
    } catch (error) {
      database.close()
      throw error
    }
  }

  /** Whether there is room for a new one. */
  #throwAway(): boolean {
    try {
      for (const suffix of ["", "-wal", "-shm"]) rmSync(this.#path + suffix, { force: true })
      return true
    } catch {
      return false
    }
  }
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()![name])
}

// Result codes of SQLite, from sqlite3.h. The low byte of an extended code is the code itself.
const SQLITE_ERROR = 1
const SQLITE_BUSY = 5
const SQLITE_LOCKED = 6
const SQLITE_CORRUPT = 11
const SQLITE_NOTADB = 26

function codeOf(error: unknown): number | undefined {
  const { errcode } = error as { readonly errcode?: number }
  return errcode === undefined ? undefined : errcode & 0xff
}
function isBusy(error: unknown): boolean {
  const code = codeOf(error)
  return code === SQLITE_BUSY || code === SQLITE_LOCKED
}
/** Also a table that is not what it was. */
function isDamage(error: unknown): boolean {
  const code = codeOf(error)
  return code === SQLITE_CORRUPT || code === SQLITE_NOTADB || code === SQLITE_ERROR
}
