/**
 * A file of the bytecode cache: units that one process put, and what else it learned of files. It is written once, under
 * another name, and never changed, so that nobody who reads one needs a lock. In the machine's byte order, everything
 * aligned to eight bytes:
 *
 *     0  checksum of the table (not of the units, which have their own)
 *     8  length of the file; as two numbers of 32 bits, the lower first
 *    16  where the table begins, likewise
 *    24  how many digests, stamps
 *    32  number of slots for digests, for stamps: powers of two, at least twice as many
 *    40  MAGIC; then the units, in groups that are read at once; then the table, up to the end of the file:
 *
 * the digests' slots, the stamps' slots, the digests, the stamps. A slot holds 0, or the number, counted from 1, of what
 * has its place there: the first free one from its first number on.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs"
import { checksumHolds, wordsOf } from "@tvix-ts/bytes"
import { ALIGNMENT, DIGEST_BYTES } from "../../compiler/unit-encoding.ts"
import type { FileStamp } from "../../unit-cache.ts"

export const MAGIC = 0x76746232
export const HEADER = {
  length: 8,
  table: 16,
  digests: 24,
  stamps: 28,
  digestSlots: 32,
  stampSlots: 36,
  magic: 40,
} as const
export const HEADER_BYTES = 48
/** Of a digest: the digest, where its group begins (divided by eight), the group's length, where in it the unit begins */
export const DIGEST_WORDS = DIGEST_BYTES / 4 + 3
/** Of a stamp: five doubles, and the digest */
export const STAMP_KEY_WORDS = 10
export const STAMP_WORDS = STAMP_KEY_WORDS + DIGEST_BYTES / 4
/** Bytes from which on a group is closed. Units that were put one after the other are wanted one after the other. */
export const GROUP_BYTES = 2 ** 18

/** A file that is read as it is needed; it stays open, so that it may be removed meanwhile. */
export class Segment {
  readonly path: string
  readonly size: number
  /** When it was last of use, in ms since 1970. */
  readonly usedAt: number
  readonly #file: number
  readonly #table: Int32Array
  readonly #digestCount: number
  readonly #stampCount: number
  readonly #digestSlots: number
  readonly #stampSlots: number
  readonly #unitsEnd: number
  readonly #groups = new Map<number, Uint8Array | undefined>()

  private constructor(path: string, file: number, usedAt: number, header: Int32Array, table: Int32Array, size: number) {
    this.path = path
    this.size = size
    this.usedAt = usedAt
    this.#file = file
    this.#digestCount = header[HEADER.digests / 4]!
    this.#stampCount = header[HEADER.stamps / 4]!
    this.#digestSlots = header[HEADER.digestSlots / 4]!
    this.#stampSlots = header[HEADER.stampSlots / 4]!
    this.#table = table
    this.#unitsEnd = size - table.length * 4
  }

  /** Undefined if there is nothing to be read, "damaged" if what there is makes no sense. */
  static open(path: string, owner: number | undefined): Segment | "damaged" | undefined {
    let file: number
    try {
      file = openSync(path, "r")
    } catch {
      return undefined
    }
    const segment = Segment.#read(path, file, owner)
    if (!(segment instanceof Segment)) closeSync(file)
    return segment
  }
  static #read(path: string, file: number, owner: number | undefined): Segment | "damaged" | undefined {
    try {
      const { size, uid, mtimeMs } = fstatSync(file)
      if (owner !== undefined && uid !== owner) return undefined
      const head = readBytes(file, 0, HEADER_BYTES)
      if (head === undefined || size % ALIGNMENT !== 0) return "damaged"
      const header = wordsOf(head)
      const tableAt = wide(header, HEADER.table)
      if (header[HEADER.magic / 4] !== MAGIC || wide(header, HEADER.length) !== size) return "damaged"
      if (tableAt < HEADER_BYTES || tableAt > size || tableAt % ALIGNMENT !== 0) return "damaged"
      const digestSlots = header[HEADER.digestSlots / 4]!
      const stampSlots = header[HEADER.stampSlots / 4]!
      const digests = header[HEADER.digests / 4]!
      const stamps = header[HEADER.stamps / 4]!
      if (!isTable(digests, digestSlots) || !isTable(stamps, stampSlots)) return "damaged"
      const words = digestSlots + stampSlots + digests * DIGEST_WORDS + stamps * STAMP_WORDS
      if (Math.ceil(words / 2) * 8 !== size - tableAt) return "damaged"
      // Header and table in one piece, for the checksum.
      const bytes = new Uint8Array(HEADER_BYTES + size - tableAt)
      bytes.set(head)
      if (!fill(file, bytes.subarray(HEADER_BYTES), tableAt) || !checksumHolds(bytes)) return "damaged"
      return new Segment(path, file, mtimeMs, header, wordsOf(bytes.subarray(HEADER_BYTES)), size)
    } catch {
      return undefined
    }
  }

  close(): void {
    try {
      closeSync(this.#file)
    } catch {
      // It was open for reading only.
    }
  }

  /** The unit of `digest`, and perhaps more; whether it is one, the reader of units finds out. */
  get(digest: Int32Array): Uint8Array | undefined {
    const at = this.#find(digest, 0, this.#digestSlots, this.#digestsAt, DIGEST_WORDS, this.#digestCount)
    return at < 0 ? undefined : this.#unit(at + digest.length)
  }
  has(digest: Int32Array): boolean {
    return this.#find(digest, 0, this.#digestSlots, this.#digestsAt, DIGEST_WORDS, this.#digestCount) >= 0
  }
  digestOf(stamp: Int32Array): Int32Array | undefined {
    const at = this.#find(stamp, this.#digestSlots, this.#stampSlots, this.#stampsAt, STAMP_WORDS, this.#stampCount)
    return at < 0 ? undefined : this.#table.subarray(at + STAMP_KEY_WORDS, at + STAMP_WORDS)
  }

  /** In the order they were put. */
  *digests(): Generator<Int32Array> {
    for (let i = 0; i < this.#digestCount; i++) {
      const at = this.#digestsAt + i * DIGEST_WORDS
      yield this.#table.subarray(at, at + DIGEST_BYTES / 4)
    }
  }
  *stamps(): Generator<readonly [stamp: Int32Array, digest: Int32Array]> {
    for (let i = 0; i < this.#stampCount; i++) {
      const at = this.#stampsAt + i * STAMP_WORDS
      yield [
        this.#table.subarray(at, at + STAMP_KEY_WORDS),
        this.#table.subarray(at + STAMP_KEY_WORDS, at + STAMP_WORDS),
      ]
    }
  }

  get #digestsAt(): number {
    return this.#digestSlots + this.#stampSlots
  }
  get #stampsAt(): number {
    return this.#digestsAt + this.#digestCount * DIGEST_WORDS
  }

  /** Where in the table the record is that begins with `key`; -1 if none does. */
  #find(key: Int32Array, slots: number, slotCount: number, records: number, size: number, count: number): number {
    const table = this.#table
    for (
      let probe = 0, slot = slotOf(key, slotCount);
      probe < slotCount;
      probe++, slot = (slot + 1) & (slotCount - 1)
    ) {
      const number = table[slots + slot]!
      if (number <= 0 || number > count) return -1
      const at = records + (number - 1) * size
      let i = 0
      while (i < key.length && table[at + i] === key[i]) i++
      if (i === key.length) return at
    }
    return -1
  }

  #unit(at: number): Uint8Array | undefined {
    const from = this.#table[at]! * ALIGNMENT
    const length = this.#table[at + 1]!
    const offset = this.#table[at + 2]!
    if (from < HEADER_BYTES || length < 0 || from + length > this.#unitsEnd) return undefined
    if (offset < 0 || offset > length) return undefined
    let group = this.#groups.get(from)
    if (group === undefined && !this.#groups.has(from)) {
      group = readBytes(this.#file, from, length)
      this.#groups.set(from, group)
    }
    return group?.subarray(offset)
  }
}

/** The first slot for what begins with these numbers. */
export function slotOf(key: Int32Array, slotCount: number): number {
  let hash = 0
  for (let i = 0; i < key.length; i++) {
    hash = Math.imul(hash ^ key[i]!, 0x9e3779b1)
    hash ^= hash >>> 15
  }
  return hash & (slotCount - 1)
}

const doubles = new Float64Array(STAMP_KEY_WORDS / 2)
const doubleWords = new Int32Array(doubles.buffer)
/** The stamp as it stands in a table; overwritten by the next call. */
export function stampWords({ device, inode, size, modified, changed }: FileStamp): Int32Array {
  doubles[0] = inode
  doubles[1] = changed
  doubles[2] = modified
  doubles[3] = size
  doubles[4] = device
  return doubleWords
}

function isTable(count: number, slots: number): boolean {
  return count >= 0 && slots > count && (slots & (slots - 1)) === 0
}
/** A number of two words; they are written by us, and no file is as long as to need the sign. */
function wide(header: Int32Array, at: number): number {
  return (header[at / 4]! >>> 0) + header[at / 4 + 1]! * 2 ** 32
}

/** Undefined if the file ends before. */
function readBytes(file: number, from: number, length: number): Uint8Array | undefined {
  const bytes = new Uint8Array(length)
  return fill(file, bytes, from) ? bytes : undefined
}
function fill(file: number, bytes: Uint8Array, from: number): boolean {
  try {
    for (let at = 0; at < bytes.length;) {
      const read = readSync(file, bytes, at, bytes.length - at, from + at)
      if (read === 0) return false
      at += read
    }
    return true
  } catch {
    return false
  }
}
