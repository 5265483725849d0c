/**
 * Copies what is left of packs that are mostly garbage, or small, into new ones, and removes them. Frames of which a part is
 * garbage, or that are small, are made anew, together with chunks that were stored alone.
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
import { isFrame } from "./chunk-reader.ts"
import { FRAME_BYTES, makeFrames, unpackSync } from "./frames.ts"
import type { ChunkPlace } from "./index-reader.ts"
import { transaction } from "./sqlite.ts"
import { packPath, type Layout } from "./layout.ts"
import { syncFolder } from "./pack-appender.ts"
import type { PackReader } from "./pack-reader.ts"
import { packFiles, STORED } from "./usage.ts"

/** Packs with less than this part in use are written anew. */
const LIVE_PART = 0.5
/** So are packs smaller than this part of a full one, if there are as many. */
const SMALL_PART = 1 / 16
const SMALL_COUNT = 4
/** Packs with a smaller part of garbage are left alone though there is too much of everything. */
const GARBAGE_PART = 1 / 64
/** Bytes that are copied before somebody else gets a turn. */
const STEP_BYTES = 2 ** 23
/** Bytes of chunks that are kept back to be put together. */
const LOOSE_BYTES = 2 ** 22

interface Candidate {
  readonly id: number
  /** Bytes of chunks. */
  readonly live: number
}

interface Row extends ChunkPlace {
  readonly digest: B3Digest
}

/** Where a chunk goes, as the index has it: see database.ts. */
interface Moved {
  readonly row: Row
  readonly offset: number
  readonly packed: number | null
  readonly unpacked: number | null
  readonly start: number | null
}

interface Target {
  readonly id: number
  readonly fd: number
  length: number
  /** Whether the index knows it. */
  known: boolean
}

/**
 * @param bytesMax what all packs should have together, if there is that much garbage: then also packs with less of it are copied
 * @param onPack is called before each pack and may throw to end it
 */
export async function repack(
  database: DatabaseSync,
  layout: Layout,
  packs: PackReader,
  packBytes: number,
  bytesMax: number,
  onPack: (done: number, total: number) => void,
): Promise<void> {
  const candidates = claimCandidates(database, layout, packBytes, bytesMax)
  let target: Target | undefined
  try {
    for (const [done, { id, live }] of candidates.entries()) {
      onPack(done, candidates.length)
      if (live > 0) {
        if (target !== undefined && target.length + live > packBytes) target = finish(database, layout, target, 1)
        target ??= create(database, layout)
        const moved = await copy(database, packs, id, target)
        // Damaged: it stays as it is, for `verify` to tell.
        if (moved === undefined) continue
        move(database, layout, id, target, moved)
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
function claimCandidates(
  database: DatabaseSync,
  layout: Layout,
  packBytes: number,
  bytesMax: number,
): readonly Candidate[] {
  const sizes = new Map(packFiles(layout).map(({ id, bytes }) => [id, bytes]))
  return transaction(database, () => {
    const live = new Map<number, number>()
    for (const row of database.prepare(`SELECT pack, sum(${STORED}) AS bytes FROM chunks GROUP BY pack`).iterate()) {
      live.set(Number(row["pack"]), Math.round(Number(row["bytes"])))
    }
    const idle = database
      .prepare("SELECT id FROM packs WHERE writer IS NULL")
      .all()
      .map(({ id }) => ({ id: Number(id), live: live.get(Number(id)) ?? 0 }))
    const bytesOf = (id: number): number => sizes.get(id) ?? 0
    const isSmall = ({ id }: Candidate): boolean => bytesOf(id) < packBytes * SMALL_PART
    const areMany = idle.filter(isSmall).length >= SMALL_COUNT
    const chosen = new Set(
      idle.filter((pack) => pack.live === 0 || pack.live < bytesOf(pack.id) * LIVE_PART || (areMany && isSmall(pack))),
    )
    let total = [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0)
    for (const { id, live } of chosen) total -= bytesOf(id) - live
    const garbage = ({ id, live }: Candidate): number => bytesOf(id) - live
    for (const pack of idle.toSorted((a, b) => garbage(b) - garbage(a))) {
      if (total <= bytesMax || garbage(pack) < bytesOf(pack.id) * GARBAGE_PART) break
      if (chosen.has(pack)) continue
      chosen.add(pack)
      total -= garbage(pack)
    }
    const retire = database.prepare("UPDATE packs SET finished = 1 WHERE id = ?")
    for (const { id } of chosen) retire.run(id)
    return [...chosen].sort((a, b) => a.live - b.live)
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

/** Where the chunks of the old pack are in the new one; `undefined` if one of them is damaged. */
async function copy(
  database: DatabaseSync,
  packs: PackReader,
  id: number,
  target: Target,
): Promise<readonly Moved[] | undefined> {
  const rows = database
    .prepare(
      "SELECT digest, pack, offset, length, ifnull(packed, 0) AS packed, ifnull(unpacked, 0) AS unpacked," +
        " ifnull(start, 0) AS start FROM chunks WHERE pack = ? ORDER BY chunks.offset, chunks.start",
    )
    .all(id) as unknown as Row[]
  const before = target.length
  const moved: Moved[] = []
  /** Chunks that are to be put together anew. */
  let loose: { readonly row: Row; readonly bytes: Uint8Array }[] = []
  let looseBytes = 0
  const putTogether = async (): Promise<void> => {
    for (const { chunks, packed, unpacked } of await makeFrames(loose)) {
      let start = 0
      let offset = packed === undefined ? 0 : append(target, packed)
      for (const { row, bytes } of chunks) {
        if (packed === undefined) {
          offset = append(target, bytes)
          moved.push({ row, offset, packed: null, unpacked: null, start: null })
        } else moved.push({ row, offset, packed: packed.length, unpacked, start })
        start += bytes.length
      }
    }
    loose = []
    looseBytes = 0
  }
  let sinceTurn = 0
  for (const piece of together(rows)) {
    const contents = read(packs, id, piece)
    if (contents === undefined) {
      target.length = before
      return undefined
    }
    const { stored, chunks } = contents
    const { packed, unpacked } = piece[0]!
    sinceTurn += stored.length
    if (packed > 0 && unpacked >= FRAME_BYTES && sum(piece) === unpacked) {
      const offset = append(target, stored)
      for (const row of piece) moved.push({ row, offset, packed, unpacked, start: row.start })
    } else {
      for (const [i, row] of piece.entries()) loose.push({ row, bytes: chunks[i]! })
      looseBytes += sum(piece)
    }
    if (looseBytes >= LOOSE_BYTES) await putTogether()
    if (sinceTurn < STEP_BYTES) continue
    sinceTurn = 0
    await turn()
  }
  await putTogether()
  return moved
}

/** The rows of each frame, and each chunk that lies as it is. */
function* together(rows: readonly Row[]): Generator<readonly Row[], void, undefined> {
  for (let from = 0, to = 1; from < rows.length; from = to++) {
    const { offset, packed } = rows[from]!
    if (packed > 0) while (to < rows.length && rows[to]!.offset === offset) to++
    yield rows.slice(from, to)
  }
}

function sum(rows: readonly Row[]): number {
  let bytes = 0
  for (const { length } of rows) bytes += length
  return bytes
}

/** What is stored there, and the chunks of these rows; `undefined` if one is damaged. */
function read(
  packs: PackReader,
  id: number,
  rows: readonly Row[],
): { readonly stored: Uint8Array; readonly chunks: readonly Uint8Array[] } | undefined {
  const { offset, length, packed, unpacked } = rows[0]!
  if (packed > 0 && !rows.every(isFrame)) return undefined
  const stored = new Uint8Array(packed > 0 ? packed : length)
  if (!readWhole(packs, id, offset, stored)) return undefined
  const contents = packed > 0 ? unpackSync(stored, unpacked) : stored
  if (contents === undefined) return undefined
  const chunks = rows.map((row) => contents.subarray(row.start, row.start + row.length))
  return chunks.every((chunk, i) => equal(digestOf(chunk), rows[i]!.digest)) ? { stored, chunks } : undefined
}

/** Where the bytes are in the new pack. */
function append(target: Target, bytes: Uint8Array): number {
  const offset = target.length
  for (let at = 0; at < bytes.length;) at += writeSync(target.fd, bytes, at, bytes.length - at, offset + at)
  target.length += bytes.length
  return offset
}

function readWhole(packs: PackReader, id: number, offset: number, into: Uint8Array): boolean {
  try {
    return packs.readSync(id, offset, into)
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false
    throw error
  }
}

function move(database: DatabaseSync, layout: Layout, id: number, target: Target, moved: readonly Moved[]): void {
  fdatasyncSync(target.fd)
  if (!target.known) syncFolder(layout.packs)
  transaction(database, () => {
    const update = database.prepare(
      "UPDATE chunks SET pack = ?, offset = ?, packed = ?, unpacked = ?, start = ?" +
        " WHERE digest = ? AND pack = ? AND offset = ?",
    )
    for (const { row, offset, packed, unpacked, start } of moved) {
      update.run(target.id, offset, packed, unpacked, start, row.digest, id, row.offset)
    }
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
