/** The bytecode cache on disk: docs/decisions/0007-bytecode-cache.md says why it is as it is. */
import { mkdirSync, readdirSync, rmSync, statSync, utimesSync } from "node:fs"
import { dirname, join } from "node:path"
import process from "node:process"
import { PackedTables } from "../../compiler/packed-unit.ts"
import type { FileStamp, UnitCache, UnitShelf } from "../../unit-cache.ts"
import { Segment, stampWords } from "./segment.ts"
import { writeSegment, type KnownStamp, type NewUnit } from "./segment-writer.ts"

export interface NodeUnitCacheOptions {
  /** Where it is: a folder of its own, made if need be. Used only while it belongs to this user, and nobody else can write to it. */
  readonly directory: string
  /** Roughly how large it may become; what was not used for longest goes first. */
  readonly bytesMax?: number
}

const BYTES_MAX = 2 ** 28
/** Each costs a look-up of every file that is imported: more are made one. */
const SEGMENTS_MAX = 8
/** A segment is made one with smaller ones if they are not much smaller, so that nothing is written again and again. */
const MERGE_RATIO = 2
/** Always merged. */
const SMALL_BYTES = 2 ** 20
const SUFFIX = ".units"
const DRAFT_SUFFIX = ".draft"
const HOUR_MS = 3_600_000
/** Uses closer together than this count as one. */
const TOUCH_AFTER_MS = 24 * HOUR_MS

/** Shared by all processes that name the same folder: a process sees what had been flushed when it first looked. */
export function nodeUnitCache({ directory, bytesMax = BYTES_MAX }: NodeUnitCacheOptions): UnitCache {
  const shelves = new Map<string, Shelf>()
  return {
    open(kind) {
      let shelf = shelves.get(kind)
      if (shelf === undefined) shelves.set(kind, (shelf = new Shelf(directory, kind, bytesMax)))
      return shelf
    },
    flush() {
      for (const shelf of shelves.values()) {
        try {
          shelf.flush()
        } catch {
          // No room, no permission: it stays as it is.
        }
      }
    },
  }
}

class Shelf implements UnitShelf {
  readonly #root: string
  readonly #directory: string
  readonly #bytesMax: number
  /** The newest first; undefined before anything was asked. */
  #segments: Segment[] | undefined
  /** What this process asked for, in this order: so it will be asked for again. */
  #wanted: Int32Array[] = []
  readonly #used = new Set<Segment>()
  /** Where units turned out to be of no use. */
  readonly #damaged = new Set<Segment>()
  readonly #units = new Map<string, { readonly digest: Int32Array; readonly encode: () => Uint8Array }>()
  readonly #stamps: KnownStamp[] = []

  constructor(root: string, kind: string, bytesMax: number) {
    this.#root = root
    this.#directory = join(root, kind)
    this.#bytesMax = bytesMax
  }

  get(digest: Uint8Array): Uint8Array | undefined {
    const words = digestWords(digest)
    for (const segment of (this.#segments ??= this.#open())) {
      const bytes = segment.get(words)
      if (bytes === undefined) continue
      this.#used.add(segment)
      this.#wanted.push(words)
      return bytes
    }
    return undefined
  }

  put(digest: Uint8Array, encode: () => Uint8Array): void {
    const words = digestWords(digest)
    this.#units.set(keyOf(words), { digest: words, encode })
    for (const segment of this.#segments ?? []) if (segment.has(words)) this.#damaged.add(segment)
  }

  digestOf(stamp: FileStamp): Uint8Array | undefined {
    const words = stampWords(stamp)
    for (const segment of (this.#segments ??= this.#open())) {
      const digest = segment.digestOf(words)
      if (digest !== undefined) return bytesOfWords(digest)
    }
    return undefined
  }

  remember(stamp: FileStamp, digest: Uint8Array): void {
    this.#stamps.push({ stamp: stampWords(stamp).slice(), digest: digestWords(digest) })
  }

  /** @throws what the file system has to say */
  flush(): void {
    const segments = this.#segments ?? []
    const merged = this.#toMerge(segments)
    if (this.#units.size > 0 || this.#stamps.length > 0 || merged.length > 0) this.#write(segments, merged)
    this.#touch(segments.filter((segment) => !merged.includes(segment)))
    for (const segment of segments) segment.close()
    this.#segments = undefined
    this.#wanted = []
    this.#used.clear()
    this.#damaged.clear()
    this.#units.clear()
    this.#stamps.length = 0
  }

  #open(): Segment[] {
    const owner = process.getuid?.()
    let names: string[]
    try {
      const { uid, mode } = statSync(this.#directory)
      if (owner !== undefined && (uid !== owner || (mode & OTHERS_WRITE) !== 0)) return []
      names = readdirSync(this.#directory)
    } catch {
      return []
    }
    const segments: Segment[] = []
    for (const name of names) {
      if (!name.endsWith(SUFFIX)) continue
      const path = join(this.#directory, name)
      const segment = Segment.open(path, owner)
      if (segment === "damaged") remove(path)
      else if (segment !== undefined) segments.push(segment)
    }
    return segments.sort((a, b) => b.usedAt - a.usedAt)
  }

  #toMerge(segments: readonly Segment[]): readonly Segment[] {
    const total = segments.reduce((sum, { size }) => sum + size, 0)
    if (total > this.#bytesMax) return segments
    const merged = new Set(this.#damaged)
    if (segments.length < SEGMENTS_MAX) return [...merged]
    let size = SMALL_BYTES
    for (const segment of [...segments].sort((a, b) => a.size - b.size)) {
      if (segment.size > MERGE_RATIO * size) break
      merged.add(segment)
      size += segment.size
    }
    return segments.filter((segment) => merged.has(segment))
  }

  #write(segments: readonly Segment[], merged: readonly Segment[]): void {
    const isNew = makeDirectory(this.#directory)
    const { uid, mode } = statSync(this.#directory)
    if (uid !== (process.getuid?.() ?? uid) || (process.getuid !== undefined && (mode & OTHERS_WRITE) !== 0)) return
    if (isNew) removeOldKinds(this.#root, this.#directory, this.#bytesMax)
    this.#removeOldDrafts()
    const kept = segments.filter((segment) => !merged.includes(segment))
    const room = this.#bytesMax - kept.reduce((sum, { size }) => sum + size, 0)
    const name = `${Date.now().toString(36)}-${randomName()}`
    const path = join(this.#directory, name + SUFFIX)
    const draft = join(this.#directory, name + DRAFT_SUFFIX)
    const written = new Set<string>()
    writeSegment(path, draft, this.#unitsFor(merged, written, room), () => this.#stampsFor(merged, kept, written))
    for (const segment of merged) remove(segment.path)
  }

  /** What is new, and what there is in `merged`; what is used now comes first, and is certain to be kept. */
  *#unitsFor(merged: readonly Segment[], written: Set<string>, room: number): Generator<NewUnit> {
    let left = room
    for (const [key, { digest, encode }] of this.#units) {
      const bytes = encode()
      written.add(key)
      left -= bytes.length + OVERHEAD_BYTES
      yield { digest, bytes }
    }
    const digests = [this.#wanted, ...merged.map((segment) => segment.digests())]
    for (const digest of digests.flatMap((some) => [...some])) {
      const key = keyOf(digest)
      if (written.has(key)) continue
      const bytes = wholeUnit(merged, digest)
      if (bytes === undefined) continue
      if ((left -= bytes.length + OVERHEAD_BYTES) < 0) return
      written.add(key)
      yield { digest, bytes }
    }
  }

  /** Of a file that was changed and changed back, say, the newest; only of units that there are. */
  #stampsFor(merged: readonly Segment[], kept: readonly Segment[], written: ReadonlySet<string>): KnownStamp[] {
    const isThere = (digest: Int32Array): boolean =>
      written.has(keyOf(digest)) || kept.some((segment) => segment.has(digest))
    const stamps = new Map<string, KnownStamp>()
    for (const known of this.#stamps) stamps.set(keyOf(known.stamp), known)
    for (const segment of merged) {
      for (const [stamp, digest] of segment.stamps()) {
        const key = keyOf(stamp)
        if (!stamps.has(key) && stamps.size < STAMPS_MAX && isThere(digest)) stamps.set(key, { stamp, digest })
      }
    }
    return [...stamps.values()]
  }

  #touch(segments: readonly Segment[]): void {
    const now = Date.now()
    for (const segment of segments) {
      if (!this.#used.has(segment) || now - segment.usedAt < TOUCH_AFTER_MS) continue
      try {
        utimesSync(segment.path, now / 1000, now / 1000)
      } catch {
        // Another process made it one with others meanwhile; or it is read-only.
      }
    }
  }

  /** What a process left that was killed while it wrote. */
  #removeOldDrafts(): void {
    for (const name of readdirSync(this.#directory)) {
      const path = join(this.#directory, name)
      if (name.endsWith(DRAFT_SUFFIX) && ageOf(path) > HOUR_MS) remove(path)
    }
  }
}

const OTHERS_WRITE = 0o022
/** 72 bytes each. */
const STAMPS_MAX = 2 ** 18
/** What a unit takes in the table, with a stamp. */
const OVERHEAD_BYTES = 160

/**
 * Makes a folder and those it is in; the result is whether it was not there. (Node's own way to do so never ends where the
 * kernel says that there is nothing, as it does in /proc.)
 */
function makeDirectory(path: string): boolean {
  if (statSync(path, { throwIfNoEntry: false }) !== undefined) return false
  if (dirname(path) !== path) makeDirectory(dirname(path))
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    // Another process was faster.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error
  }
  return true
}

/** The unit of `digest`, undamaged, and nothing after it. */
function wholeUnit(segments: readonly Segment[], digest: Int32Array): Uint8Array | undefined {
  const expected = bytesOfWords(digest)
  for (const segment of segments) {
    const bytes = segment.get(digest)
    const tables = bytes && PackedTables.read(bytes, expected)
    if (tables !== undefined) return bytes!.subarray(0, tables.byteLength)
  }
  return undefined
}

/** Removes the units of other compilers that were not used for longest, as far as there are too many. */
function removeOldKinds(root: string, except: string, bytesMax: number): void {
  const kinds = readdirSync(root)
    .map((name) => join(root, name))
    .filter((path) => path !== except)
    .map((path) => ({ path, ...contentsOf(path) }))
  let total = 0
  for (const { path, size } of kinds.sort((a, b) => b.usedAt - a.usedAt)) {
    total += size
    if (total > bytesMax) rmSync(path, { recursive: true, force: true })
  }
}
function contentsOf(directory: string): { readonly size: number; readonly usedAt: number } {
  let size = 0
  let usedAt = 0
  for (const name of readdirSync(directory)) {
    const stats = statSync(join(directory, name), { throwIfNoEntry: false })
    size += stats?.size ?? 0
    usedAt = Math.max(usedAt, stats?.mtimeMs ?? 0)
  }
  return { size, usedAt }
}

function ageOf(path: string): number {
  return Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity)
}
function remove(path: string): void {
  try {
    rmSync(path, { force: true })
  } catch {
    // Not ours to remove, or in use where that forbids it.
  }
}

/** Tables have digests as numbers, which are compared faster. */
function digestWords(digest: Uint8Array): Int32Array {
  const { buffer, byteOffset, length } = digest
  return byteOffset % 4 === 0 ? new Int32Array(buffer, byteOffset, length / 4) : digestWords(digest.slice())
}
function bytesOfWords({ buffer, byteOffset, byteLength }: Int32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}
function keyOf(words: Int32Array): string {
  return words.join()
}

/** Not from node:crypto: loading it is a fifth of the time a short program takes, and nobody gains by guessing this. */
function randomName(): string {
  return Math.floor(Math.random() * 2 ** 52).toString(36)
}
