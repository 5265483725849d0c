import type { CallOptions } from "@tvix-ts/castore"
import { CastoreError } from "@tvix-ts/castore"
import { byteaArray, type PostgresDatabase, type Query, type Tables } from "@tvix-ts/castore/node"
import { checkStoreDigest } from "../../path-info/check.ts"
import { encodePathInfo } from "../../path-info/codec.ts"
import type { PathInfo } from "../../path-info/path-info.ts"
import type { PathInfoService } from "../../path-info/service.ts"
import { mergeSignatures } from "../../path-info/signatures.ts"
import { decodeStored } from "../../path-info/stored.ts"

const TABLES: Tables = {
  name: "store",
  version: 1,
  make: [
    // Digests compare as their bytes do, whatever the database's language is.
    `CREATE TABLE $schema.path_infos (
      digest text COLLATE "C" PRIMARY KEY CHECK (length(digest) = 32),
      data bytea NOT NULL)`,
  ],
}

/** Rows that a listing reads at once, and that one statement puts. */
const ROWS_MAX = 500

interface WaitingPut {
  readonly pathInfo: PathInfo
  readonly options: CallOptions
  readonly resolve: (stored: PathInfo) => void
  readonly reject: (reason: unknown) => void
}

/**
 * Path infos in a table: `tvix.store.v1.PathInfo`, by the digits of the store path. What is put while a transaction is under
 * way shares the next one, and so one wait for the server's disk.
 */
export function postgresPathInfoService(database: PostgresDatabase): PathInfoService {
  return new PostgresPathInfos(database)
}

class PostgresPathInfos implements PathInfoService {
  readonly #database: PostgresDatabase
  readonly #table: string
  readonly #release: () => Promise<void>
  #waiting: WaitingPut[] = []
  #flushing: Promise<void> | undefined

  constructor(database: PostgresDatabase) {
    this.#database = database
    this.#table = database.table("path_infos")
    this.#release = database.use()
  }

  async get(digest: string, options: CallOptions = {}): Promise<PathInfo | undefined> {
    options.signal?.throwIfAborted()
    checkStoreDigest(digest, "digest")
    await this.#database.ready(TABLES)
    const rows = await this.#database.read(`SELECT data FROM ${this.#table} WHERE digest = $1`, [digest], options)
    return rows[0] && decodeStored(digest, rows[0]["data"] as Uint8Array)
  }

  describe(digest: string, options?: CallOptions): Promise<PathInfo | undefined> {
    return this.get(digest, options)
  }

  async put(pathInfo: PathInfo, options: CallOptions = {}): Promise<PathInfo> {
    options.signal?.throwIfAborted()
    encodePathInfo(pathInfo)
    // Stored later, when the caller may have changed it.
    const own = structuredClone(pathInfo)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ pathInfo: own, options, resolve, reject })
      this.#flushing ??= this.#flush().finally(() => (this.#flushing = undefined))
    })
  }

  async putMany(pathInfos: readonly PathInfo[], options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted()
    for (const pathInfo of pathInfos) encodePathInfo(pathInfo)
    await this.#store(structuredClone(pathInfos), options)
  }

  async *list(options: CallOptions = {}): AsyncGenerator<PathInfo, void, undefined> {
    options.signal?.throwIfAborted()
    await this.#database.ready(TABLES)
    for (let last = ""; ;) {
      const rows = await this.#database.read(
        `SELECT digest, data FROM ${this.#table} WHERE digest > $1 ORDER BY digest LIMIT ${ROWS_MAX}`,
        [last],
        options,
      )
      for (const row of rows) {
        last = row["digest"] as string
        const pathInfo = decodeStored(last, row["data"] as Uint8Array)
        options.signal?.throwIfAborted()
        yield pathInfo
      }
      options.signal?.throwIfAborted()
      if (rows.length < ROWS_MAX) return
    }
  }

  async close(): Promise<void> {
    await this.#flushing
    await this.#release()
  }

  /** Never fails. */
  async #flush(): Promise<void> {
    // All that are put within one turn come together.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const waiting = this.#waiting.filter(({ options, reject }) => {
        if (options.signal?.aborted !== true) return true
        reject(options.signal.reason)
        return false
      })
      this.#waiting = []
      try {
        const stored = await this.#store(
          waiting.map(({ pathInfo }) => pathInfo),
          {},
        )
        for (const [i, { resolve }] of waiting.entries()) resolve(stored[i]!)
      } catch (error) {
        for (const { reject } of waiting) reject(error)
      }
    }
  }

  /** All of them in one transaction; what is stored of each, after those before it. */
  async #store(pathInfos: readonly PathInfo[], options: CallOptions): Promise<readonly PathInfo[]> {
    if (pathInfos.length === 0) return []
    await this.#database.ready(TABLES)
    const digests = [...new Set(pathInfos.map(({ storePath }) => storePath.digest))].sort()
    return this.#database.write(async (query) => {
      const known = await this.#lock(digests, query)
      const stored = pathInfos.map((pathInfo) => {
        const merged = mergeSignatures(known.get(pathInfo.storePath.digest), pathInfo)
        known.set(pathInfo.storePath.digest, merged)
        return merged
      })
      const rows = digests.map((digest) => ({ digest, data: encodePathInfo(known.get(digest)!) }))
      for (let from = 0; from < rows.length; from += ROWS_MAX) {
        options.signal?.throwIfAborted()
        const some = rows.slice(from, from + ROWS_MAX)
        await query(
          `UPDATE ${this.#table} AS stored SET data = new.data
           FROM unnest(CAST($1 AS text[]), CAST($2 AS bytea[])) AS new (digest, data) WHERE stored.digest = new.digest`,
          [textArray(some.map(({ digest }) => digest)), byteaArray(some.map(({ data }) => data))],
        )
      }
      return stored
    }, options)
  }

  /**
   * Makes rows for those that have none, so that there is something to lock, and locks all; in one order, so that nobody
   * waits for somebody who waits for him.
   *
   * @returns those that were there, if they are not damaged
   */
  async #lock(digests: readonly string[], query: Query): Promise<Map<string, PathInfo>> {
    const known = new Map<string, PathInfo>()
    for (let from = 0; from < digests.length; from += ROWS_MAX) {
      const some = textArray(digests.slice(from, from + ROWS_MAX))
      await query(
        `INSERT INTO ${this.#table} (digest, data)
         SELECT digest, '' FROM unnest(CAST($1 AS text[])) AS new (digest) ON CONFLICT DO NOTHING`,
        [some],
      )
    }
    for (let from = 0; from < digests.length; from += ROWS_MAX) {
      const rows = await query(
        `SELECT digest, data FROM ${this.#table} WHERE digest = ANY (CAST($1 AS text[])) ORDER BY digest FOR UPDATE`,
        [textArray(digests.slice(from, from + ROWS_MAX))],
      )
      for (const row of rows) {
        const digest = row["digest"] as string
        const pathInfo = intact(digest, row["data"] as Uint8Array)
        if (pathInfo !== undefined) known.set(digest, pathInfo)
      }
    }
    return known
  }
}

/** A parameter for `CAST($1 AS text[])`, of texts with nothing in them that would have to be escaped. */
function textArray(digests: readonly string[]): string {
  return `{${digests.join(",")}}`
}

/** What is damaged is no hindrance to putting it right; nor is the empty row that was just made. */
function intact(digest: string, data: Uint8Array): PathInfo | undefined {
  if (data.length === 0) return undefined
  try {
    return decodeStored(digest, data)
  } catch (error) {
    if (error instanceof CastoreError) return undefined
    throw error
  }
}
