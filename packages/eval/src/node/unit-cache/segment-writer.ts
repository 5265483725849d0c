import { closeSync, openSync, renameSync, rmSync, writeSync } from "node:fs"
import { wordsOf, writeChecksum } from "@tvix-ts/bytes"
import { ALIGNMENT, aligned, DIGEST_BYTES } from "../../compiler/unit-encoding.ts"
import {
  DIGEST_WORDS,
  GROUP_BYTES,
  HEADER,
  HEADER_BYTES,
  MAGIC,
  slotOf,
  STAMP_KEY_WORDS,
  STAMP_WORDS,
} from "./segment.ts"

/** Readable and writable by the owner only: who can write a unit decides what programs mean. */
const MODE = 0o600

export interface NewUnit {
  readonly digest: Int32Array
  /** Of an aligned length. */
  readonly bytes: Uint8Array
}
export interface KnownStamp {
  readonly stamp: Int32Array
  readonly digest: Int32Array
}

/**
 * Writes a {@link Segment}: to `draft` first, which becomes `path` when it is whole. Nothing waits for the disk: what a
 * power failure leaves behind its checksums reveal.
 * @param stamps called when all units are written
 * @returns its size in bytes
 * @throws what the file system has to say; then there is neither
 */
export function writeSegment(
  path: string,
  draft: string,
  units: Iterable<NewUnit>,
  stamps: () => readonly KnownStamp[],
): number {
  const file = openSync(draft, "wx", MODE)
  try {
    const size = writeTo(file, units, stamps)
    closeSync(file)
    renameSync(draft, path)
    return size
  } catch (error) {
    try {
      closeSync(file)
    } catch {
      // Closed already: it was the renaming that failed.
    }
    rmSync(draft, { force: true })
    throw error
  }
}

function writeTo(file: number, units: Iterable<NewUnit>, stamps: () => readonly KnownStamp[]): number {
  let position = HEADER_BYTES
  const records: Int32Array[] = []
  let group: Uint8Array[] = []
  let groupLength = 0
  const waiting: { readonly digest: Int32Array; readonly offset: number }[] = []
  const closeGroup = (): void => {
    if (group.length === 0) return
    writeAll(file, Buffer.concat(group), position)
    for (const { digest, offset } of waiting) {
      records.push(Int32Array.of(...digest, position / ALIGNMENT, groupLength, offset))
    }
    position += groupLength
    group = []
    groupLength = 0
    waiting.length = 0
  }
  for (const { digest, bytes } of units) {
    waiting.push({ digest, offset: groupLength })
    group.push(bytes)
    groupLength += bytes.length
    if (groupLength >= GROUP_BYTES) closeGroup()
  }
  closeGroup()
  const known = stamps().map(({ stamp, digest }) => Int32Array.of(...stamp, ...digest))
  const digestSlots = slotCount(records.length)
  const stampSlots = slotCount(known.length)
  const tableWords = digestSlots + stampSlots + records.length * DIGEST_WORDS + known.length * STAMP_WORDS
  const bytes = new Uint8Array(HEADER_BYTES + aligned(tableWords * 4))
  const table = wordsOf(bytes)
  const size = position + bytes.length - HEADER_BYTES
  writeWide(table, HEADER.length, size)
  writeWide(table, HEADER.table, position)
  table[HEADER.digests / 4] = records.length
  table[HEADER.stamps / 4] = known.length
  table[HEADER.digestSlots / 4] = digestSlots
  table[HEADER.stampSlots / 4] = stampSlots
  table[HEADER.magic / 4] = MAGIC
  const slotsAt = HEADER_BYTES / 4
  const recordsAt = slotsAt + digestSlots + stampSlots
  fillTable(table, records, DIGEST_BYTES / 4, slotsAt, digestSlots, recordsAt)
  fillTable(table, known, STAMP_KEY_WORDS, slotsAt + digestSlots, stampSlots, recordsAt + records.length * DIGEST_WORDS)
  writeChecksum(bytes)
  writeAll(file, bytes.subarray(HEADER_BYTES), position)
  writeAll(file, bytes.subarray(0, HEADER_BYTES), 0)
  return size
}

function fillTable(
  table: Int32Array,
  records: readonly Int32Array[],
  keyWords: number,
  slotsAt: number,
  slots: number,
  recordsAt: number,
): void {
  records.forEach((record, i) => {
    table.set(record, recordsAt + i * record.length)
    let slot = slotOf(record.subarray(0, keyWords), slots)
    while (table[slotsAt + slot] !== 0) slot = (slot + 1) & (slots - 1)
    table[slotsAt + slot] = i + 1
  })
}

/** A power of two, at least twice `count`: half of the slots stay free. */
function slotCount(count: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, count) * 2))
}
function writeWide(table: Int32Array, at: number, value: number): void {
  table[at / 4] = value | 0
  table[at / 4 + 1] = Math.floor(value / 2 ** 32)
}
function writeAll(file: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at, bytes.length - at, position + at)
}
