/**
 * Reads a file tree from disk, in the order that castores and Nix archives have: depth first, entries ascending by the bytes
 * of their names. Files are read by calls that block, in slices of time; see time-slice.ts.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from "node:fs"
import type { Stats } from "node:fs"
import type { TreeSink } from "../../tree.ts"
import { asDiskError, DiskError, type SpecialFile } from "./problem.ts"
import { directoryPrefix, diskPath } from "./disk-path.ts"
import { FILES_AHEAD, ReadAhead } from "./read-ahead.ts"
import { TimeSlice } from "./time-slice.ts"

export type EntryKind = "file" | "directory" | "symlink" | SpecialFile

export interface ReadTreeOptions {
  /** Ends the reading with the signal's reason. */
  readonly signal?: AbortSignal
  /** Called now and then, some dozen times a second, and at the end. */
  readonly onProgress?: (progress: TreeProgress) => void
  /**
   * Whether an entry is part of the tree, its path below the root given as a byte string: `src/main.c`. What is below a
   * directory that is not is not asked about. The root is always part of it.
   */
  readonly filter?: (path: string, kind: EntryKind) => boolean
}

/** What has been read so far. */
export interface TreeProgress {
  /** Files and symbolic links. */
  files: number
  directories: number
  /** Contents of files. */
  bytes: number
}

/** Bytes read at a time, and given to the sink. */
const BUFFER_LENGTH = 1 << 20
/** The sink may stop us in the middle of a directory; looking at the clock after each entry would cost a tenth. */
const ENTRIES_BETWEEN_LOOKS = 8

/** Bytes in a file whose reading takes as long as its opening, when it is in memory. */
const SMALL = 16_384

// NONBLOCK: a FIFO put in a file's place would keep us waiting for its writer. Windows has neither.
const OPEN_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)
const OWNER_EXECUTES = 0o100

interface Entry {
  readonly name: string
  readonly kind: EntryKind
}

interface OpenDirectory {
  /** Ends in a slash. */
  readonly prefix: string
  readonly entries: readonly Entry[]
  next: number
  /** Index of the first that the system has not been asked for in advance. */
  ahead: number
}

/**
 * Tells `sink` of the tree at `path`, a byte string. If that is a symbolic link, the link is the tree.
 *
 * @throws {DiskError} for what cannot be read, what is no part of any tree, and what changes while it is read
 */
export async function readTree(path: string, sink: TreeSink, options: ReadTreeOptions = {}): Promise<void> {
  const { signal, onProgress, filter } = options
  signal?.throwIfAborted()
  const reader = new Reader(sink, options)
  const { progress, slice } = reader
  const open: OpenDirectory[] = []
  let nodePath = path
  let kind = kindOf(reading(path, () => lstatSync(diskPath(path))))
  let untilLook = ENTRIES_BETWEEN_LOOKS
  for (;;) {
    if (kind === "directory") {
      progress.directories++
      open.push({ prefix: directoryPrefix(nodePath), entries: list(nodePath), next: 0, ahead: 0 })
      sink.directory()
    } else if (kind === "symlink") {
      progress.files++
      sink.symlink(reading(nodePath, () => readlinkSync(diskPath(nodePath), "latin1")))
    } else if (kind === "file") {
      progress.files++
      const directory = open.at(-1)
      // A filter is asked when it is an entry's turn, and what it leaves out is nothing to read.
      if (reader.ahead.wanted && filter === undefined && directory !== undefined && directory.next > directory.ahead) {
        await fetchAhead(reader.ahead, directory)
      }
      const pending = reader.file(nodePath)
      if (pending !== undefined) await pending
    } else {
      throw new DiskError({ code: "special-file", path: nodePath, kind })
    }
    if (--untilLook <= 0) {
      untilLook = ENTRIES_BETWEEN_LOOKS
      if (slice.over) await reader.rest()
    }
    // On to the next entry that is wanted, closing directories that have none.
    for (let wanted = false; !wanted;) {
      const directory = open.at(-1)
      if (directory === undefined) {
        onProgress?.(progress)
        return
      }
      const entry = directory.entries[directory.next++]
      if (entry === undefined) {
        open.pop()
        sink.endDirectory()
        continue
      }
      nodePath = directory.prefix + entry.name
      kind = entry.kind
      wanted = filter === undefined || filter(nodePath.slice(open[0]!.prefix.length), kind)
      if (wanted) sink.entry(entry.name)
    }
  }
}

/** Has the system fetch the file whose turn it is, and some after it. */
async function fetchAhead(ahead: ReadAhead, directory: OpenDirectory): Promise<void> {
  const { prefix, entries } = directory
  const paths: string[] = []
  let at = directory.next - 1
  for (; at < entries.length && paths.length < FILES_AHEAD; at++) {
    const { name, kind } = entries[at]!
    if (kind === "file") paths.push(prefix + name)
  }
  directory.ahead = at
  await ahead.fetch(paths)
}

/** Reads files, all into the same memory. */
class Reader {
  readonly progress: TreeProgress = { files: 0, directories: 0, bytes: 0 }
  readonly slice = new TimeSlice()
  readonly ahead = new ReadAhead()
  readonly #sink: TreeSink
  readonly #options: ReadTreeOptions
  // Not of Node's pool, which would be kept as a whole.
  readonly #buffer = new Uint8Array(BUFFER_LENGTH)

  constructor(sink: TreeSink, options: ReadTreeOptions) {
    this.#sink = sink
    this.#options = options
  }

  /** Lets others have a turn, among them who asks for an end and who shows how far it is. */
  async rest(): Promise<void> {
    await this.slice.rest()
    this.#options.signal?.throwIfAborted()
    this.#options.onProgress?.(this.progress)
  }

  /** The promise is for files of more than a buffer, and sinks that ask to wait. */
  file(path: string): Promise<void> | undefined {
    const started = performance.now()
    const file = openFile(path)
    let closing = true
    try {
      const stats = reading(path, () => fstatSync(file))
      if (!stats.isFile()) throw new DiskError({ code: "changed", path, how: "is of another type" })
      const { size } = stats
      this.#sink.file(size, (stats.mode & OWNER_EXECUTES) !== 0)
      if (size >= BUFFER_LENGTH) {
        closing = false
        return this.#large(file, path, size)
      }
      // A byte more than there are, to see that there are no more.
      const read = reading(path, () => readSync(file, this.#buffer, 0, size + 1, null))
      if (read !== size) throw new DiskError({ code: "changed", path, how: read < size ? "shrank" : "grew" })
      this.progress.bytes += size
      if (size <= SMALL) this.ahead.took(performance.now() - started)
      if (size === 0) return undefined
      return this.#sink.contents(this.#buffer.subarray(0, size)) ?? undefined
    } finally {
      if (closing) closeSync(file)
    }
  }

  async #large(file: number, path: string, size: number): Promise<void> {
    try {
      for (let at = 0; at < size;) {
        const read = reading(path, () => readSync(file, this.#buffer, 0, BUFFER_LENGTH, null))
        if (read === 0) throw new DiskError({ code: "changed", path, how: "shrank" })
        at += read
        if (at > size) throw new DiskError({ code: "changed", path, how: "grew" })
        this.progress.bytes += read
        const pending = this.#sink.contents(this.#buffer.subarray(0, read))
        if (pending !== undefined) await pending
        if (this.slice.over) await this.rest()
        this.#options.signal?.throwIfAborted()
      }
      if (reading(path, () => readSync(file, this.#buffer, 0, 1, null)) > 0) {
        throw new DiskError({ code: "changed", path, how: "grew" })
      }
    } finally {
      closeSync(file)
    }
  }
}

function openFile(path: string): number {
  try {
    return openSync(diskPath(path), OPEN_FLAGS)
  } catch (error) {
    // What O_NOFOLLOW says of a symbolic link, and a system of a socket, where the directory had a file before.
    const { code } = error as NodeJS.ErrnoException
    if (code === "ELOOP" || code === "ENXIO") throw new DiskError({ code: "changed", path, how: "is of another type" })
    throw asDiskError(error, path, "read")
  }
}

/** The entries of a directory, in order. */
function list(path: string): Entry[] {
  let entries: Entry[]
  try {
    // The declared types know of no encoding but UTF-8 and buffers, which take three times as long.
    const options = { withFileTypes: true, encoding: "latin1" } as unknown as { withFileTypes: true }
    entries = readdirSync(diskPath(path), options).map((found) => ({ name: found.name, kind: kindOf(found) }))
  } catch {
    // On file systems that do not tell types, Node looks after names that it has not decoded right.
    const names = reading(path, () => readdirSync(diskPath(path), "latin1"))
    const prefix = directoryPrefix(path)
    entries = names.map((name) => {
      const below = prefix + name
      return { name, kind: kindOf(reading(below, () => lstatSync(diskPath(below)))) }
    })
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1))
}

type Typed = Pick<
  Stats,
  "isFile" | "isDirectory" | "isSymbolicLink" | "isFIFO" | "isSocket" | "isBlockDevice" | "isCharacterDevice"
>

function kindOf(found: Typed): EntryKind {
  if (found.isFile()) return "file"
  if (found.isDirectory()) return "directory"
  if (found.isSymbolicLink()) return "symlink"
  if (found.isFIFO()) return "FIFO"
  if (found.isSocket()) return "socket"
  if (found.isBlockDevice()) return "block device"
  if (found.isCharacterDevice()) return "character device"
  return "file of unknown type"
}

/** `work`, its errors told with `path`. */
function reading<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw asDiskError(error, path, "read")
  }
}
