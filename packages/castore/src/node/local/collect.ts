/**
 * Garbage collection, while others read and write.
 *
 * The horizon is the time when the oldest living writer began, or now; it is taken before the roots are listed. Whatever
 * was touched since then stays, with all that is below it, because a writer may count on it; whoever begins later touches
 * what it meets before it counts on it. So rows go only if nothing refers to them and nobody can be about to.
 *
 * From the top down, each in transactions of its own: directories, blobs, chunks. Before directories and blobs are swept,
 * and in the same transaction, what was touched in the meantime is marked, so that no row that stays loses what it needs.
 * Then packs that are mostly garbage are written anew: see repack.ts.
 */
import { readdirSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import type { DatabaseSync } from "node:sqlite"
import { setImmediate as turn } from "node:timers/promises"
import type { CallOptions } from "../../call.ts"
import type { Node } from "../../node.ts"
import { CastoreError } from "../../problem.ts"
import { Marks } from "./collect-mark.ts"
import { transaction } from "./sqlite.ts"
import { storageError } from "./failure.ts"
import { lockPath, packPath, type Layout } from "./layout.ts"
import { isLocked, tryLock } from "./lock.ts"
import { buryTheDead, removeLostLocks } from "./ownership.ts"
import type { PackReader } from "./pack-reader.ts"
import { repack } from "./repack.ts"
import { packFiles, STORED, usageOf, type LocalUsage } from "./usage.ts"

export interface CollectOptions extends CallOptions {
  /** Trees that are kept. Listed only after the horizon is known; whoever lists before must pass {@link horizon}. */
  readonly roots: AsyncIterable<Node> | Iterable<Node>
  /** What {@link LocalCastore.horizon} said before the roots were listed. */
  readonly horizon?: number
  /** Keeps also what was touched less than so many ms ago. */
  readonly graceMs?: number
  /** Says what would go, and removes nothing. */
  readonly dryRun?: boolean
  /** What all packs should have together: to that end, more of their garbage is removed than is worth the time otherwise. */
  readonly packBytesMax?: number
  readonly onProgress?: (progress: CollectProgress) => void
}

export interface CollectProgress {
  readonly step: "mark" | "sweep" | "repack"
  /** Roots that were marked, chunks that were looked at, packs that were written anew; `total` where it is known. */
  readonly done: number
  readonly total: number | undefined
}

export interface CollectReport {
  /** Rows, and the bytes of the chunks, that went or, in a dry run, would go; `storedBytes` is what these take in packs. */
  readonly removed: {
    readonly directories: number
    readonly largeBlobs: number
    readonly chunks: number
    readonly chunkBytes: number
    readonly storedBytes: number
  }
  readonly before: LocalUsage
  readonly after: LocalUsage
  /** Directories below the roots that are not there. */
  readonly missing: number
  /** Why packs could not be written anew, so that their garbage stays for now. */
  readonly repackProblem: string | undefined
}

/** Chunks that are looked at in one transaction: a hundredth of a second. */
const SWEEP_ROWS = 8192
/** Roots that are marked before somebody else gets a turn. */
const ROOTS_PER_TURN = 256
/** Locks nobody holds are removed after a day: a writer that begins has a lock before it has a row. */
const LOCK_AGE_MS = 86_400_000

const UNMARKED_DIRECTORIES =
  "FROM directories AS d WHERE touched < ? AND NOT EXISTS (SELECT 1 FROM temp.marked_directories m WHERE m.digest = d.digest)"
const UNMARKED_BLOBS =
  "FROM blobs AS b WHERE touched < ? AND NOT EXISTS (SELECT 1 FROM temp.marked_blobs m WHERE m.digest = b.digest)"
const UNMARKED_CHUNKS =
  "FROM chunks AS c WHERE digest > ? AND digest <= ? AND touched < ?" +
  " AND NOT EXISTS (SELECT 1 FROM temp.marked_chunks m WHERE m.digest = c.digest)" +
  " AND NOT EXISTS (SELECT 1 FROM temp.marked_blobs m WHERE m.digest = c.digest)"

/** Nothing that was touched later than this may be removed by somebody who lists what is kept after asking. */
export function horizonOf(database: DatabaseSync, layout: Layout, graceMs: number): number {
  return transaction(database, () => {
    buryTheDead(database, layout)
    removeLostLocks(database, layout)
    const oldest = database.prepare("SELECT min(since) AS since FROM writers").get()?.["since"] as number | null
    return Math.min(Date.now() - graceMs, oldest ?? Infinity)
  })
}

/**
 * @param database a connection for this alone
 * @throws {CastoreError} `unavailable` if another collection is running, `corrupt` if a directory is damaged
 */
export async function collect(
  database: DatabaseSync,
  layout: Layout,
  packs: PackReader,
  packBytes: number,
  options: CollectOptions,
): Promise<CollectReport> {
  const lock = tryLock(lockPath(layout, "collect"))
  if (lock === undefined) {
    throw new CastoreError({ code: "unavailable", reason: `${layout.dir}: another collection is running` })
  }
  try {
    return await new Collection(database, layout, packs, packBytes, options).run()
  } catch (error) {
    throw storageError(error, layout.dir)
  } finally {
    lock.release()
  }
}

class Collection {
  private readonly database: DatabaseSync
  private readonly layout: Layout
  private readonly packs: PackReader
  private readonly packBytes: number
  private readonly options: CollectOptions
  private readonly dryRun: boolean
  private readonly horizon: number
  private readonly marks: Marks

  constructor(database: DatabaseSync, layout: Layout, packs: PackReader, packBytes: number, options: CollectOptions) {
    this.database = database
    this.layout = layout
    this.packs = packs
    this.packBytes = packBytes
    this.options = options
    this.dryRun = options.dryRun ?? false
    this.horizon = Math.min(horizonOf(database, layout, options.graceMs ?? 0), options.horizon ?? Infinity)
    this.marks = new Marks(database)
  }

  async run(): Promise<CollectReport> {
    const { database, layout, marks } = this
    try {
      const before = usageOf(database, layout)
      await this.markRoots()
      const directories = await this.sweepDirectories()
      const largeBlobs = this.sweepBlobs()
      for (const _ of marks.chunksOfBlobs()) await this.turn()
      const sweptChunks = await this.sweepChunks()
      let repackProblem: string | undefined
      if (!this.dryRun) {
        this.removeStrays()
        repackProblem = await this.repack()
        database.exec("PRAGMA wal_checkpoint(TRUNCATE)")
      }
      const removed = { directories, largeBlobs, ...sweptChunks }
      const after = this.dryRun ? remaining(before, removed) : usageOf(database, layout)
      return { removed, before, after, missing: marks.missing, repackProblem }
    } finally {
      marks.drop()
    }
  }

  private async markRoots(): Promise<void> {
    let done = 0
    for await (const root of this.options.roots) {
      this.marks.node(root)
      await this.markBelow()
      if (++done % ROOTS_PER_TURN === 0) {
        this.options.onProgress?.({ step: "mark", done, total: undefined })
        await this.turn()
      }
    }
    this.options.onProgress?.({ step: "mark", done, total: done })
    // Most of what is touched by now, so that little is left for the transactions to come.
    this.marks.freshDirectories(this.horizon)
    await this.markBelow()
  }

  private async markBelow(): Promise<void> {
    for (;;) {
      // One transaction a step: marking is several times as fast, and still no snapshot grows old.
      this.database.exec("BEGIN")
      let more: boolean
      try {
        more = this.marks.step()
      } finally {
        this.database.exec("COMMIT")
      }
      if (!more) return
      await this.turn()
    }
  }

  private async sweepDirectories(): Promise<number> {
    const { database, marks, horizon } = this
    if (this.dryRun) return count(database, `SELECT count(*) AS n ${UNMARKED_DIRECTORIES}`, horizon)
    await this.turn()
    return transaction(database, () => {
      marks.freshDirectories(horizon)
      while (marks.step());
      return Number(database.prepare(`DELETE ${UNMARKED_DIRECTORIES}`).run(horizon).changes)
    })
  }

  private sweepBlobs(): number {
    const { database, marks, horizon } = this
    if (this.dryRun) {
      marks.freshBlobs(horizon)
      return count(database, `SELECT count(*) AS n ${UNMARKED_BLOBS}`, horizon)
    }
    return transaction(database, () => {
      marks.freshBlobs(horizon)
      return Number(database.prepare(`DELETE ${UNMARKED_BLOBS}`).run(horizon).changes)
    })
  }

  private async sweepChunks(): Promise<Pick<CollectReport["removed"], "chunks" | "chunkBytes" | "storedBytes">> {
    const { database, horizon } = this
    const total = count(database, "SELECT count(*) AS n FROM chunks")
    const nth = database.prepare(
      `SELECT digest FROM chunks WHERE digest > ? ORDER BY digest LIMIT 1 OFFSET ${SWEEP_ROWS}`,
    )
    const sum = database.prepare(
      `SELECT count(*) AS n, coalesce(sum(length), 0) AS bytes, coalesce(sum(${STORED}), 0) AS stored ${UNMARKED_CHUNKS}`,
    )
    const sweep = database.prepare(`DELETE ${UNMARKED_CHUNKS}`)
    let chunks = 0
    let chunkBytes = 0
    let storedBytes = 0
    let from: Uint8Array = new Uint8Array(0)
    for (let done = 0; ; done += SWEEP_ROWS) {
      const next = nth.get(from)?.["digest"] as Uint8Array | undefined
      const to: Uint8Array = next ?? new Uint8Array(33).fill(0xff)
      transaction(database, () => {
        const { n, bytes, stored } = sum.get(from, to, horizon) as { n: number; bytes: number; stored: number }
        chunks += n
        chunkBytes += bytes
        storedBytes += stored
        if (n > 0 && !this.dryRun) sweep.run(from, to, horizon)
      })
      this.options.onProgress?.({ step: "sweep", done: Math.min(done + SWEEP_ROWS, total), total })
      if (next === undefined) return { chunks, chunkBytes, storedBytes: Math.round(storedBytes) }
      from = next
      await this.turn()
    }
  }

  /** What collections, writers and crashes have left and the index does not know. */
  private removeStrays(): void {
    const { database, layout } = this
    // The files first: whoever makes a pack adds its row before.
    const files = packFiles(layout)
    const known = new Set(
      database
        .prepare("SELECT id FROM packs")
        .all()
        .map(({ id }) => Number(id)),
    )
    for (const { id } of files) if (!known.has(id)) rmSync(packPath(layout, id), { force: true })
    const writers = new Set(
      database
        .prepare("SELECT id FROM writers")
        .all()
        .map(({ id }) => String(id)),
    )
    for (const name of readdirSync(layout.writers)) {
      const path = join(layout.writers, name)
      if (name === "collect.lock" || writers.has(name.replace(/\.lock$/, ""))) continue
      const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity)
      if (age > LOCK_AGE_MS && !isLocked(path)) rmSync(path, { force: true })
    }
  }

  private async repack(): Promise<string | undefined> {
    const { database, layout, packs, packBytes, options } = this
    try {
      await repack(database, layout, packs, packBytes, options.packBytesMax ?? Infinity, (done, total) => {
        options.signal?.throwIfAborted()
        options.onProgress?.({ step: "repack", done, total })
      })
      return undefined
    } catch (error) {
      const known = storageError(error, layout.packs)
      // Nothing is lost by it. On a full disk, what could be removed has been.
      if (known instanceof CastoreError) return known.message
      throw error
    }
  }

  private async turn(): Promise<void> {
    await turn()
    this.options.signal?.throwIfAborted()
  }
}

function count(database: DatabaseSync, sql: string, ...values: number[]): number {
  return Number(database.prepare(sql).get(...values)?.["n"])
}

function remaining(before: LocalUsage, removed: CollectReport["removed"]): LocalUsage {
  return {
    ...before,
    chunks: {
      count: before.chunks.count - removed.chunks,
      bytes: before.chunks.bytes - removed.chunkBytes,
      storedBytes: before.chunks.storedBytes - removed.storedBytes,
    },
    packs: { ...before.packs, bytes: before.packs.bytes - removed.storedBytes },
  }
}
