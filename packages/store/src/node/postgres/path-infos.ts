import type { CallOptions } from "@tvix-ts/castore"
import { CastoreError } from "@tvix-ts/castore"
import { byteaArray, type PostgresDatabase, type Tables } from "@tvix-ts/castore/node"
import { checkStoreDigest } from "../../path-info/check.ts"
import { encodePathInfo } from "../../path-info/codec.ts"
import type { PathInfo } from "../../path-info/path-info.ts"
import { requireThere } from "../../path-info/require-there.ts"
import type { PathInfoService, PutPathInfoOptions } from "../../path-info/service.ts"
import { mergeSignatures } from "../../path-info/signatures.ts"
import { decodeStored } from "../../path-info/stored.ts"

const TABLES: Tables = {
  name: "store",
  version: 1,
  make: [
    // Digests compare as their bytes do, whatever the database's language is.
    `CREATE TABLE IF NOT EXISTS $schema.path_infos (
      digest text COLLATE "C" PRIMARY KEY CHECK (length(digest) = 32),
      data bytea NOT NULL)`,
  ],
}

/** Rows that a listing reads at once, and that one statement puts. */
const ROWS_MAX = 500
/** How often path infos are put that others keep changing meanwhile: each time, somebody succeeds. */
const PUTS_MAX = 100

interface WaitingPut {
  readonly pathInfo: PathInfo
  readonly options: CallOptions
  readonly resolve: (stored: PathInfo) => void
  readonly reject: (reason: unknown) => void
}

/**
 * Path infos in a table: `tvix.store.v1.PathInfo`, by the digits of the store path. What is put while others
 * are being put shares the next statement, and so one wait for the server's disk. What is put in place of another is put on
 * the condition that nobody else has done so meanwhile: no signature is lost.
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

  async has(digests: Iterable<string>, options: CallOptions = {}): Promise<Set<string>> {
    options.signal?.throwIfAborted()
    const asked = [...new Set(digests)]
    for (const digest of asked) checkStoreDigest(digest, "digest")
    await this.#database.ready(TABLES)
    const there = new Set<string>()
    const query = `SELECT digest FROM ${this.#table} WHERE digest = ANY (string_to_array($1, ' '))`
    for (let at = 0; at < asked.length; at += ROWS_MAX) {
      // oxlint-disable-next-line no-await-in-loop -- the server has one processor for it, however many ask
      const rows = await this.#database.read(query, [asked.slice(at, at + ROWS_MAX).join(" ")], options)
      for (const row of rows) there.add(String(row["digest"]))
    }
    return there
  }

  async put(pathInfo: PathInfo, { requires = [], ...options }: PutPathInfoOptions = {}): Promise<PathInfo> {
    options.signal?.throwIfAborted()
    encodePathInfo(pathInfo)
    // Stored later, when the caller may have changed it.
    const own = structuredClone(pathInfo)
    await requireThere(requires, this, options)
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

  /** What is stored of each, after those before it. */
  async #store(pathInfos: readonly PathInfo[], options: CallOptions): Promise<readonly PathInfo[]> {
    if (pathInfos.length === 0) return []
    await this.#database.ready(TABLES)
    const stored: PathInfo[] = []
    for (let from = 0; from < pathInfos.length; from += ROWS_MAX) {
      stored.push(...(await this.#storeSome(pathInfos.slice(from, from + ROWS_MAX), options)))
    }
    return stored
  }

  /**
   * All of them at once; but those that somebody else has changed since they were looked at, which are there anyway, are
   * looked at again.
   */
  async #storeSome(pathInfos: readonly PathInfo[], options: CallOptions): Promise<readonly PathInfo[]> {
    const results: PathInfo[] = [...pathInfos]
    // In one order, so that nobody waits for somebody who waits for him.
    let digests = [...new Set(pathInfos.map(({ storePath }) => storePath.digest))].sort()
    for (let i = 0; i < PUTS_MAX; i++) {
      const found = await this.#database.read(
        `SELECT digest, data FROM ${this.#table} WHERE digest = ANY (CAST($1 AS text[]))`,
        [textArray(digests)],
        options,
      )
      const before = new Map(found.map((row) => [row["digest"] as string, row["data"] as Uint8Array]))
      const now = new Map<string, PathInfo>()
      const wanted = new Set(digests)
      for (const [n, pathInfo] of pathInfos.entries()) {
        const { digest } = pathInfo.storePath
        if (!wanted.has(digest)) continue
        const data = before.get(digest)
        results[n] = mergeSignatures(now.get(digest) ?? (data && intact(digest, data)), pathInfo)
        now.set(digest, results[n])
      }
      const done = await this.#database.write(
        `WITH new AS (SELECT * FROM unnest(CAST($1 AS text[]), CAST($2 AS bytea[]), CAST($3 AS bytea[]))
                        AS new (digest, data, before))
         INSERT INTO ${this.#table} AS stored (digest, data) SELECT digest, data FROM new
         ON CONFLICT (digest) DO UPDATE SET data = excluded.data
           WHERE stored.data = (SELECT before FROM new WHERE new.digest = stored.digest)
         RETURNING digest`,
        [
          textArray(digests),
          byteaArray(digests.map((digest) => encodePathInfo(now.get(digest)!))),
          byteaArray(digests.map((digest) => before.get(digest) ?? null)),
        ],
        options,
      )
      const stored = new Set(done.map((row) => row["digest"]))
      digests = digests.filter((digest) => !stored.has(digest))
      if (digests.length === 0) return results
    }
    const reason = `${digests.length} path infos are being changed by others all the time`
    throw new CastoreError({ code: "unavailable", reason })
  }
}

/** A parameter for `CAST($1 AS text[])`, of texts with nothing in them that would have to be escaped. */
function textArray(digests: readonly string[]): string {
  return `{${digests.join(",")}}`
}

/** What is damaged is no hindrance to putting it right. */
function intact(digest: string, data: Uint8Array): PathInfo | undefined {
  try {
    return decodeStored(digest, data)
  } catch (error) {
    if (error instanceof CastoreError) return undefined
    throw error
  }
}
