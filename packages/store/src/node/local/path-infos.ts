import type { DatabaseSync, StatementSync } from "node:sqlite"
import { CastoreError, type CallOptions } from "@tvix-ts/castore"
import { storageError, transaction } from "@tvix-ts/castore/node"
import type { StorePath } from "@tvix-ts/nix-compat"
import { checkPathInfo, checkStoreDigest } from "../../path-info/check.ts"
import { decodePathInfo, encodePathInfo } from "../../path-info/codec.ts"
import type { PathInfo } from "../../path-info/path-info.ts"
import { missingPath } from "../../path-info/require-there.ts"
import type { PathInfoService, PutPathInfoOptions } from "../../path-info/service.ts"
import { mergeSignatures } from "../../path-info/signatures.ts"

/** Rows that a listing reads at once; between two readings others may write. */
const PAGE = 256
const USE_AFTER_MS = 1_800_000

interface WaitingPut {
  readonly pathInfo: PathInfo
  readonly options: PutPathInfoOptions
  readonly resolve: (stored: PathInfo) => void
  readonly reject: (reason: unknown) => void
}

/** A path info as it is stored, which may be damaged. */
export interface StoredPathInfo {
  readonly digest: string
  /** ms since the epoch. */
  readonly touched: number
  readonly pathInfo: PathInfo | CastoreError
}

/** Someone was told that it is there. */
interface WaitingUse {
  readonly promise: Promise<boolean>
  readonly resolve: (isThere: boolean) => void
}

export interface SweptPathInfos {
  readonly kept: readonly PathInfo[]
  readonly removed: readonly StoredPathInfo[]
}

/**
 * Path infos in SQLite. All that are put within one turn of the event loop share a transaction, and so one wait for the disk.
 *
 * @param path of the database, for messages
 * @param useAfterMs how old `touched` is when a use is noted
 */
export class LocalPathInfoService implements PathInfoService {
  readonly #database: DatabaseSync
  readonly #path: string
  #waiting: WaitingPut[] = []
  /** By digest. */
  #uses = new Map<string, WaitingUse>()
  readonly #useAfterMs: number
  #notesUses = false
  // Prepared when they are first needed: whoever only reads may have nothing to write to.
  #reading: StatementSync | undefined
  #looking: StatementSync | undefined
  #writing: StatementSync | undefined

  constructor(database: DatabaseSync, path: string, useAfterMs: number = USE_AFTER_MS) {
    this.#database = database
    this.#path = path
    this.#useAfterMs = useAfterMs
  }

  async get(digest: string, options: CallOptions = {}): Promise<PathInfo | undefined> {
    options.signal?.throwIfAborted()
    checkStoreDigest(digest, "digest")
    const row = this.#guard(() => this.#row(digest))
    if (row === undefined) return undefined
    const pathInfo = decodeRow(digest, row["data"])
    if (pathInfo instanceof CastoreError) throw pathInfo
    return this.#isNoted(row) || (await this.#use(digest)) ? pathInfo : undefined
  }

  async has(digests: Iterable<string>, options: CallOptions = {}): Promise<Set<string>> {
    options.signal?.throwIfAborted()
    const there = new Set<string>()
    const used: string[] = []
    for (const digest of digests) {
      checkStoreDigest(digest, "digest")
      const row = this.#guard(() => {
        this.#looking ??= this.#database.prepare("SELECT touched FROM path_infos WHERE digest = ?")
        return this.#looking.get(digest)
      })
      if (row === undefined) continue
      if (this.#isNoted(row)) there.add(digest)
      else used.push(digest)
    }
    const isThere = await Promise.all(used.map((digest) => this.#use(digest)))
    for (const [i, digest] of used.entries()) if (isThere[i] === true) there.add(digest)
    return there
  }

  /**
   * From now on, to be asked for a path means to use it: `touched` says so. What somebody was told is there stays there for a
   * time of grace, and collections that go by age or size take what nobody has asked for. Servers want that from the beginning;
   * everybody who puts something has it from then on.
   */
  noteUses(): void {
    this.#notesUses = true
  }

  describe(digest: string, options?: CallOptions): Promise<PathInfo | undefined> {
    return this.get(digest, options)
  }

  put(pathInfo: PathInfo, options: PutPathInfoOptions = {}): Promise<PathInfo> {
    return new Promise((resolve, reject) => {
      options.signal?.throwIfAborted()
      checkPathInfo(pathInfo)
      this.noteUses()
      // Encoded later, when the caller may have changed it.
      this.#waiting.push({ pathInfo: structuredClone(pathInfo), options, resolve, reject })
      if (this.#waiting.length === 1) setImmediate(() => this.#flush())
    })
  }

  async putMany(pathInfos: readonly PathInfo[], options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted()
    this.noteUses()
    // Checked before anything is written, by encoding it.
    const rows = pathInfos.map((pathInfo) => ({ pathInfo, data: encodePathInfo(pathInfo) }))
    this.#guard(() =>
      transaction(this.#database, () => {
        for (const { pathInfo, data } of rows) this.#write(pathInfo, data)
      }),
    )
  }

  async *list(options: CallOptions = {}): AsyncGenerator<PathInfo> {
    for (const { pathInfo } of this.rows()) {
      options.signal?.throwIfAborted()
      if (pathInfo instanceof CastoreError) throw pathInfo
      yield pathInfo
    }
    options.signal?.throwIfAborted()
  }

  /** All that is stored, in the order of the digests, damaged ones included. */
  *rows(): Generator<StoredPathInfo> {
    const page = this.#database.prepare(
      "SELECT digest, data, touched FROM path_infos WHERE digest > ? ORDER BY digest LIMIT ?",
    )
    for (let last = ""; ;) {
      const rows = this.#guard(() => page.all(last, PAGE))
      for (const row of rows) {
        const stored = storedRow(row)
        yield stored
        last = stored.digest
      }
      if (rows.length < PAGE) return
    }
  }

  /**
   * Deletes those of `rows` that neither `keep` nor anything touched at `horizon`, in ms since the epoch, or later leads to; all
   * in one transaction, in which `keep` is called. It takes the longer the more was touched since the horizon, and the more is
   * deleted; all others have been read before.
   *
   * @param rows what there was at the horizon or later, by digest
   * @param keep digests of store paths
   * @param needs what is kept with a path
   * @param dryRun to delete nothing
   * @throws {CastoreError} `corrupt` if something is damaged that is to be kept, so that what it leads to is not known
   */
  sweep(
    rows: ReadonlyMap<string, StoredPathInfo>,
    keep: () => Iterable<string>,
    needs: (pathInfo: PathInfo) => readonly StorePath[],
    horizon: number,
    dryRun: boolean,
  ): SweptPathInfos {
    return this.#guard(() =>
      transaction(this.#database, () => {
        const fresh = this.#touchedSince(horizon)
        const kept = new Map<string, PathInfo>()
        const reached = [...keep(), ...fresh.keys()]
        for (let digest = reached.pop(); digest !== undefined; digest = reached.pop()) {
          const pathInfo = (fresh.get(digest) ?? rows.get(digest))?.pathInfo
          if (pathInfo === undefined || kept.has(digest)) continue
          if (pathInfo instanceof CastoreError) throw pathInfo
          kept.set(digest, pathInfo)
          for (const path of needs(pathInfo)) reached.push(path.digest)
        }
        const removed = [...rows.values()].filter(({ digest }) => !kept.has(digest))
        const remove = this.#database.prepare("DELETE FROM path_infos WHERE digest = ?")
        if (!dryRun) for (const { digest } of removed) remove.run(digest)
        return { kept: [...kept.values()], removed }
      }),
    )
  }

  #touchedSince(time: number): Map<string, StoredPathInfo> {
    const rows = this.#database.prepare("SELECT digest, data, touched FROM path_infos WHERE touched >= ?").all(time)
    return new Map(rows.map((row) => [String(row["digest"]), storedRow(row)]))
  }

  /** Forgets the path info of `digest`, whatever it is. */
  delete(digest: string): void {
    this.#guard(() => this.#database.prepare("DELETE FROM path_infos WHERE digest = ?").run(digest))
  }

  /** Whether nobody needs to know that it was used now. */
  #isNoted(row: Record<string, unknown>): boolean {
    return !this.#notesUses || Number(row["touched"]) > Date.now() - this.#useAfterMs
  }

  /** Whether it is still there. All that are asked for in a turn of the event loop share a transaction. */
  #use(digest: string): Promise<boolean> {
    let use = this.#uses.get(digest)
    if (use === undefined) {
      use = Promise.withResolvers<boolean>()
      this.#uses.set(digest, use)
      if (this.#uses.size === 1) setImmediate(() => this.#flushUses())
    }
    return use.promise
  }

  #flushUses(): void {
    const uses = this.#uses
    this.#uses = new Map()
    if (uses.size === 0) return
    try {
      // If the computer stops, nobody counts on them any more: no need to wait for the disk.
      this.#database.exec("PRAGMA synchronous = NORMAL")
      transaction(this.#database, () => {
        const use = this.#database.prepare("UPDATE path_infos SET touched = max(touched, ?) WHERE digest = ?")
        const now = Date.now()
        for (const [digest, { resolve }] of uses) resolve(use.run(now, digest).changes !== 0)
      })
    } catch {
      // It was there just now. On a disk that is full, or only read, it can be told all the same.
      for (const { resolve } of uses.values()) resolve(true)
    } finally {
      this.#database.exec("PRAGMA synchronous = FULL")
    }
  }

  /** Stores what is waiting. The database is closed by whoever opened it. */
  async close(): Promise<void> {
    this.#flushUses()
    this.#flush()
  }

  #flush(): void {
    const waiting = this.#waiting.filter(({ options, reject }) => {
      if (options.signal?.aborted !== true) return true
      reject(options.signal.reason)
      return false
    })
    this.#waiting = []
    if (waiting.length === 0) return
    try {
      const stored = this.#guard(() =>
        transaction(this.#database, () =>
          waiting.map(({ pathInfo, options }) => this.#missing(options) ?? this.#write(pathInfo)),
        ),
      )
      for (const [i, { resolve, reject }] of waiting.entries()) {
        const one = stored[i]!
        if (one instanceof CastoreError) reject(one)
        else resolve(one)
      }
    } catch (error) {
      for (const { reject } of waiting) reject(error)
    }
  }

  #missing({ requires = [] }: PutPathInfoOptions): CastoreError | undefined {
    const path = requires.find(({ digest, name }) => this.#readIfIntact(digest)?.storePath.name !== name)
    return path && missingPath(path)
  }

  /** @param data `pathInfo` encoded, by whoever has done so already */
  #write(pathInfo: PathInfo, data?: Uint8Array): PathInfo {
    const { digest } = pathInfo.storePath
    const merged = mergeSignatures(this.#readIfIntact(digest), pathInfo)
    const encoded = merged === pathInfo && data !== undefined ? data : encodePathInfo(merged)
    this.#writing ??= this.#database.prepare(
      `INSERT INTO path_infos (digest, data, touched) VALUES (?, ?, ?)
       ON CONFLICT (digest) DO UPDATE SET data = excluded.data, touched = excluded.touched`,
    )
    this.#writing.run(digest, encoded, Date.now())
    return merged
  }

  /** What is damaged is no hindrance to putting it right. */
  #readIfIntact(digest: string): PathInfo | undefined {
    const row = this.#row(digest)
    const pathInfo = row === undefined ? undefined : decodeRow(digest, row["data"])
    return pathInfo instanceof CastoreError ? undefined : pathInfo
  }

  #row(digest: string): Record<string, unknown> | undefined {
    this.#reading ??= this.#database.prepare("SELECT data, touched FROM path_infos WHERE digest = ?")
    return this.#reading.get(digest)
  }

  #guard<T>(run: () => T): T {
    try {
      return run()
    } catch (error) {
      throw storageError(error, this.#path)
    }
  }
}

function storedRow(row: Record<string, unknown>): StoredPathInfo {
  const digest = String(row["digest"])
  return { digest, touched: Number(row["touched"]), pathInfo: decodeRow(digest, row["data"]) }
}

function decodeRow(digest: string, data: unknown): PathInfo | CastoreError {
  const what = `path info ${digest}`
  try {
    const pathInfo = decodePathInfo(data as Uint8Array)
    if (pathInfo.storePath.digest === digest) return pathInfo
    return new CastoreError({ code: "corrupt", what, reason: `it is that of ${pathInfo.storePath.digest}` })
  } catch (cause) {
    if (!(cause instanceof CastoreError)) throw cause
    return new CastoreError({ code: "corrupt", what, reason: cause.message }, { cause })
  }
}
