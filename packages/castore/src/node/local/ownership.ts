/**
 * Which process may append to which pack, and since when it counts on what it finds.
 *
 * A writer takes its lock first and then adds its row; whoever finds a row whose lock is free knows that the writer is
 * dead, since numbers are never used twice.
 */
import { randomBytes, randomInt } from "node:crypto"
import { readdirSync, rmSync, statSync } from "node:fs"
import type { DatabaseSync } from "node:sqlite"
import { CastoreError } from "../../problem.ts"
import { transaction } from "./sqlite.ts"
import { lockPath, packPath, type Layout } from "./layout.ts"
import { isLocked, tryLock, type Lock } from "./lock.ts"

export interface Writer {
  readonly id: string
  /** When it began, or what {@link moveSince} made of it: ms since the epoch. */
  since: number
  readonly lock: Lock
}

export function enrol(database: DatabaseSync, layout: Layout): Writer {
  const id = randomBytes(8).toString("hex")
  const lock = tryLock(lockPath(layout, id))
  if (lock === undefined) throw new CastoreError({ code: "unavailable", reason: `${lockPath(layout, id)} is locked` })
  try {
    const since = transaction(database, () => {
      // Read with the write lock in hand: a collection that takes its turn before us has a horizon before this.
      const now = Date.now()
      database.prepare("INSERT INTO writers (id, since) VALUES (?, ?)").run(id, now)
      return now
    })
    return { id, since, lock }
  } catch (error) {
    lock.release()
    throw error
  }
}

/** Ends what {@link enrol} began. Its packs wait for whoever writes next. */
export function resign(database: DatabaseSync, layout: Layout, writer: Writer): void {
  try {
    transaction(database, () => forget(database, writer.id))
  } finally {
    rmSync(lockPath(layout, writer.id), { force: true })
    writer.lock.release()
  }
}

export function moveSince(database: DatabaseSync, writer: Writer, since: number): void {
  if (since <= writer.since) return
  transaction(database, () => database.prepare("UPDATE writers SET since = ? WHERE id = ?").run(since, writer.id))
  writer.since = since
}

/** Removes the rows of writers that were killed. Call it in a transaction. */
export function buryTheDead(database: DatabaseSync, layout: Layout): void {
  for (const { id } of database.prepare("SELECT id FROM writers").all()) {
    const path = lockPath(layout, String(id))
    if (isLocked(path)) continue
    forget(database, String(id))
    rmSync(path, { force: true })
  }
}

/** How long a writer may be on the way from its lock to its row, which is nothing but waiting for other transactions. */
const ENROL_MS = 3_600_000

/** Removes locks of writers that ended before they had a row, or right after it was removed. Call it in a transaction. */
export function removeLostLocks(database: DatabaseSync, layout: Layout): void {
  const known = new Set(
    database
      .prepare("SELECT id FROM writers")
      .all()
      .map(({ id }) => id),
  )
  for (const file of readdirSync(layout.writers)) {
    const id = /^([0-9a-f]{16})\.lock$/.exec(file)?.[1]
    if (id === undefined || known.has(id)) continue
    const path = lockPath(layout, id)
    const made = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity
    if (made < Date.now() - ENROL_MS && !isLocked(path)) rmSync(path, { force: true })
  }
}

function forget(database: DatabaseSync, id: string): void {
  database.prepare("UPDATE packs SET writer = NULL WHERE writer = ?").run(id)
  database.prepare("DELETE FROM writers WHERE id = ?").run(id)
}

export interface ClaimedPack {
  readonly id: number
  /** Bytes in use. */
  readonly length: number
}

/** A pack to append to: one that nobody appends to any more, or else a new one. */
export function claimPack(database: DatabaseSync, layout: Layout, writer: Writer, packBytes: number): ClaimedPack {
  return transaction(database, () => {
    buryTheDead(database, layout)
    const left = database
      .prepare("SELECT id, length FROM packs WHERE finished = 0 AND writer IS NULL AND length < ? ORDER BY length DESC")
      .get(packBytes)
    if (left !== undefined) {
      database.prepare("UPDATE packs SET writer = ? WHERE id = ?").run(writer.id, Number(left["id"]))
      return { id: Number(left["id"]), length: Number(left["length"]) }
    }
    const insert = database.prepare("INSERT OR IGNORE INTO packs (id, writer, length, finished) VALUES (?, ?, 0, 0)")
    for (;;) {
      const id = randomInt(1, 2 ** 32)
      if (insert.run(id, writer.id).changes === 1) return { id, length: 0 }
    }
  })
}

/** Whoever writes next may append to it. */
export function releasePack(database: DatabaseSync, id: number): void {
  database.prepare("UPDATE packs SET writer = NULL WHERE id = ?").run(id)
}

/** Nobody will append to it any more. */
export function retirePack(database: DatabaseSync, id: number): void {
  database.prepare("UPDATE packs SET writer = NULL, finished = 1 WHERE id = ?").run(id)
}

/** How many bytes there are of those packs that have lost some, or all. What is in them was whole once. */
export function cutPacks(database: DatabaseSync, layout: Layout): ReadonlyMap<number, number> {
  const cut = new Map<number, number>()
  for (const row of database.prepare("SELECT id, length FROM packs WHERE length > 0").all()) {
    const id = Number(row["id"])
    const size = statSync(packPath(layout, id), { throwIfNoEntry: false })?.size ?? 0
    if (size < Number(row["length"])) cut.set(id, size)
  }
  return cut
}
