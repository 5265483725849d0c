/**
 * Copies what is left of packs that are mostly garbage, or small, into new ones, and removes them.
 *
 * Only packs that nobody appends to, and which are then marked so that nobody ever will. The copy is durable before the
 * rows that point into it are changed, all of one pack in one transaction; the old file goes after that. A crash leaves at
 * worst a file without a row. Readers that know the old place have it open, or find it gone and look again.
 */
import { equal } from "@tvix-ts/bytes"
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from "node:fs"
import { randomInt } from "node:crypto"
import type { DatabaseSync } from "node:sqlite"
import { setImmediate as turn } from "node:timers/promises"
import { digestOf, type B3Digest } from "../../digest.ts"
import { transaction } from "./sqlite.ts"
import { packPath, type Layout } from "./layout.ts"
import { syncFolder } from "./pack-appender.ts"
import type { PackReader } from "./pack-reader.ts"
import { packFiles } from "./usage.ts"

/** Packs with less than this part in use are written anew. */
const LIVE_PART = 0.5
/** So are packs smaller than this part of a full one, if there are as many. */
const SMALL_PART = 1 / 16
const SMALL_COUNT = 4
/** Bytes that are copied before somebody else gets a turn. */
const STEP_BYTES = 2 ** 23

interface Candidate {
  readonly id: number
  /** Bytes of chunks. */
  readonly live: number
}

interface Row {
  readonly digest: B3Digest
  readonly offset: number
  readonly length: number
}

interface Target {
  readonly id: number
  readonly fd: number
  length: number
  /** Whether the index knows it. */
  known: boolean
}

/** @param onPack is called before each pack and may throw to end it */
export async function repack(
  database: DatabaseSync,
  layout: Layout,
  packs: PackReader,
  packBytes: number,
  onPack: (done: number, total: number) => void,
): Promise<void> {
  const candidates = claimCandidates(database, layout, packBytes)
  let target: Target | undefined
  try {
    for (const [done, { id, live }] of candidates.entries()) {
      onPack(done, candidates.length)
      if (live > 0) {
        if (target !== undefined && target.length + live > packBytes) target = finish(database, layout, target, 1)
        target ??= create(database, layout)
        const rows = await copy(database, packs, id, target)
        // Damaged: it stays as it is, for `verify` to tell.
        if (rows === undefined) continue
        move(database, layout, id, target, rows)
      } else {
        transaction(database, () => database.prepare("DELETE FROM packs WHERE id = ?").run(id))
      }
      packs.drop(id)
      rmSync(packPath(layout, id), { force: true })
    }
    if (target !== undefined) target = finish(database, layout, target, 0)
    onPack(candidates.length, candidates.length)
  } finally {
    if (target !== undefined) {
      closeSync(target.fd)
      if (!target.known) rmSync(packPath(layout, target.id), { force: true })
    }
  }
}

/** Those with the least to copy first: if the disk is full, they make room. */
function claimCandidates(database: DatabaseSync, layout: Layout, packBytes: number): Candidate[] {
  const sizes = new Map(packFiles(layout).map(({ id, bytes }) => [id, bytes]))
  return transaction(database, () => {
    const live = new Map<number, number>()
    for (const row of database.prepare("SELECT pack, sum(length) AS bytes FROM chunks GROUP BY pack").iterate()) {
      live.set(Number(row["pack"]), Number(row["bytes"]))
    }
    const idle = database
      .prepare("SELECT id FROM packs WHERE writer IS NULL")
      .all()
      .map(({ id }) => ({ id: Number(id), live: live.get(Number(id)) ?? 0 }))
    const bytesOf = (id: number): number => sizes.get(id) ?? 0
    const small = idle.filter(({ id }) => bytesOf(id) < packBytes * SMALL_PART)
    const candidates = idle
      .filter(({ id, live }) => live === 0 || live < bytesOf(id) * LIVE_PART)
      .concat(small.length >= SMALL_COUNT ? small : [])
    const unique = [...new Map(candidates.map((candidate) => [candidate.id, candidate])).values()]
    const retire = database.prepare("UPDATE packs SET finished = 1 WHERE id = ?")
    for (const { id } of unique) retire.run(id)
    return unique.sort((a, b) => a.live - b.live)
  })
}

/** A file that the index does not know yet. Nobody removes such files but collections, of which there is one at a time. */
function create(database: DatabaseSync, layout: Layout): Target {
  const taken = database.prepare("SELECT 1 FROM packs WHERE id = ?")
  for (;;) {
    const id = randomInt(1, 2 ** 32)
    if (taken.get(id) !== undefined) continue
    return { id, fd: openSync(packPath(layout, id), "wx"), length: 0, known: false }
  }
}

/** The rows of the old pack with their new offsets; `undefined` if one of the chunks is damaged. */
async function copy(
  database: DatabaseSync,
  packs: PackReader,
  id: number,
  target: Target,
): Promise<(Row & { readonly moved: number })[] | undefined> {
  const rows = database
    .prepare("SELECT digest, offset, length FROM chunks WHERE pack = ? ORDER BY offset")
    .all(id) as unknown as Row[]
  const start = target.length
  const moved: (Row & { readonly moved: number })[] = []
  let sinceTurn = 0
  for (const row of rows) {
    const bytes = new Uint8Array(row.length)
    if (!readWhole(packs, id, row.offset, bytes) || !equal(digestOf(bytes), row.digest)) {
      target.length = start
      return undefined
    }
    for (let at = 0; at < bytes.length;) at += writeSync(target.fd, bytes, at, bytes.length - at, target.length + at)
    moved.push({ ...row, moved: target.length })
    target.length += row.length
    sinceTurn += row.length
    if (sinceTurn < STEP_BYTES) continue
    sinceTurn = 0
    await turn()
  }
  return moved
}

function readWhole(packs: PackReader, id: number, offset: number, into: Uint8Array): boolean {
  try {
    return packs.readSync(id, offset, into)
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false
    throw error
  }
}

function move(
  database: DatabaseSync,
  layout: Layout,
  id: number,
  target: Target,
  rows: readonly (Row & { readonly moved: number })[],
): void {
  fdatasyncSync(target.fd)
  if (!target.known) syncFolder(layout.packs)
  transaction(database, () => {
    const update = database.prepare(
      "UPDATE chunks SET pack = ?, offset = ? WHERE digest = ? AND pack = ? AND offset = ?",
    )
    for (const { digest, offset, moved } of rows) update.run(target.id, moved, digest, id, offset)
    database
      .prepare(
        "INSERT INTO packs (id, writer, length, finished) VALUES (?, NULL, ?, 1)" +
          " ON CONFLICT (id) DO UPDATE SET length = excluded.length",
      )
      .run(target.id, target.length)
    database.prepare("DELETE FROM packs WHERE id = ?").run(id)
  })
  target.known = true
}

/** @param finished 0 if writers may go on with it */
function finish(database: DatabaseSync, layout: Layout, target: Target, finished: 0 | 1): undefined {
  closeSync(target.fd)
  if (!target.known) rmSync(packPath(layout, target.id), { force: true })
  else if (finished === 0) {
    transaction(database, () => database.prepare("UPDATE packs SET finished = 0 WHERE id = ?").run(target.id))
  }
  return undefined
}
