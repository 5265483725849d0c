import { rmSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import type { DatabaseSync, StatementSync } from "node:sqlite"
import { equal } from "@tvix-ts/bytes"
import { makeFolder } from "@tvix-ts/castore/node"
import { hash } from "@tvix-ts/hash"
import type { NarCalculation } from "@tvix-ts/store"
import type { SourceCache } from "../source-cache.ts"

export interface NodeSourceCacheOptions {
  /** The folder for it, which is made if it is needed. Only the user should be able to write to it. */
  readonly directory: string
  /** Trees that are remembered. */
  readonly entriesMax?: number
}

const ENTRIES_MAX = 20_000
/** How long to wait for another process' write: it is only a cache. */
const BUSY_MS = 200
/** How old a date of use may get before it is written again. */
const USED_FOR_MS = 86_400_000
const DIGEST_LENGTH = 32

const FILE = "sources.sqlite"
/** "tvxc"; and the version of what is below. A database that has others is thrown away. */
const APPLICATION_ID = 0x74767863
const VERSION = 1
/** `check` is over the rest: a damaged row must not become a store path. `used` is in ms since the epoch. */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS sources (
    fingerprint BLOB PRIMARY KEY, nar_size INTEGER NOT NULL, nar_hash BLOB NOT NULL, digest BLOB NOT NULL, used INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${VERSION};
`

interface Open {
  readonly database: DatabaseSync
  readonly get: StatementSync
  readonly put: StatementSync
  readonly use: StatementSync
  readonly count: StatementSync
  readonly forget: StatementSync
}

/**
 * A {@link SourceCache} in a folder, opened when it is first asked. Any number of processes may use it at once. One that is
 * damaged is thrown away; one that cannot be used is none.
 */
export function nodeSourceCache(options: NodeSourceCacheOptions): SourceCache & { close(): void } {
  return new DiskSourceCache(options)
}

class DiskSourceCache implements SourceCache {
  readonly #directory: string
  readonly #entriesMax: number
  /** `null` if it cannot be used. */
  #open: Open | null | undefined

  constructor({ directory, entriesMax = ENTRIES_MAX }: NodeSourceCacheOptions) {
    this.#directory = directory
    this.#entriesMax = entriesMax
  }

  get(fingerprint: Uint8Array): NarCalculation | undefined {
    return this.#try(({ get, use }) => {
      const row = get.get(fingerprint)
      if (row === undefined) return undefined
      const [narSize, narHash, check] = [row["nar_size"], row["nar_hash"], row["digest"]]
      const now = Date.now()
      if (!(narHash instanceof Uint8Array) || narHash.length !== DIGEST_LENGTH || !(check instanceof Uint8Array))
        return undefined
      const nar = { narSize: Number(narSize), narHash }
      if (!equal(check, checkOf(fingerprint, nar))) return undefined
      if (now - Number(row["used"]) > USED_FOR_MS) use.run(now, fingerprint)
      return nar
    })
  }

  put(fingerprint: Uint8Array, nar: NarCalculation): void {
    this.#try(({ put, count, forget }) => {
      put.run(fingerprint, nar.narSize, nar.narHash, checkOf(fingerprint, nar), Date.now())
      const entries = Number(count.get()!["entries"])
      // Some more than necessary, so that it is not necessary each time.
      if (entries > this.#entriesMax) forget.run(entries - Math.floor(this.#entriesMax * 0.9))
    })
  }

  close(): void {
    this.#open?.database.close()
    this.#open = null
  }

  #try<T>(work: (open: Open) => T): T | undefined {
    try {
      if (this.#open === undefined) this.#open = this.#opened()
      return this.#open === null ? undefined : work(this.#open)
    } catch (error) {
      if (isBusy(error)) return undefined
      // Whatever it is, others may still be able to use what is there, unless it is damaged.
      this.close()
      if (isDamage(error)) this.#throwAway()
      return undefined
    }
  }

  #opened(): Open | null {
    try {
      makeFolder(this.#directory, 0o700)
      return this.#openDatabase()
    } catch (error) {
      if (isBusy(error)) throw error
      if (!isDamage(error)) return null
      this.#throwAway()
      return this.#openDatabase()
    }
  }

  #openDatabase(): Open {
    // Most evaluations copy nothing large, and need not wait for the module.
    const { DatabaseSync } = process.getBuiltinModule("node:sqlite")
    const database = new DatabaseSync(join(this.#directory, FILE), { timeout: BUSY_MS })
    try {
      // What a power failure takes is only a cache.
      database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
      if (Number(database.prepare("PRAGMA user_version").get()!["user_version"]) !== VERSION) {
        database.exec(`BEGIN IMMEDIATE; DROP TABLE IF EXISTS sources; ${SCHEMA} COMMIT`)
      }
      return {
        database,
        get: database.prepare("SELECT nar_size, nar_hash, digest, used FROM sources WHERE fingerprint = ?"),
        put: database.prepare("INSERT OR REPLACE INTO sources VALUES (?, ?, ?, ?, ?)"),
        use: database.prepare("UPDATE sources SET used = ? WHERE fingerprint = ?"),
        count: database.prepare("SELECT count(*) AS entries FROM sources"),
        forget: database.prepare(
          "DELETE FROM sources WHERE fingerprint IN (SELECT fingerprint FROM sources ORDER BY used LIMIT ?)",
        ),
      }
    } catch (error) {
      database.close()
      throw error
    }
  }

  #throwAway(): void {
    for (const suffix of ["", "-wal", "-shm"]) rmSync(join(this.#directory, FILE + suffix), { force: true })
  }
}

function checkOf(fingerprint: Uint8Array, { narSize, narHash }: NarCalculation): Uint8Array {
  const row = new Uint8Array(2 * DIGEST_LENGTH + 8)
  row.set(fingerprint)
  row.set(narHash, DIGEST_LENGTH)
  new DataView(row.buffer).setBigUint64(2 * DIGEST_LENGTH, BigInt(narSize))
  return hash("sha256", row)
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
