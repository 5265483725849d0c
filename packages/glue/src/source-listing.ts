/** What is to be copied of a file tree: looked at first, by whoever may leave things out, and read then, if need be. */
import { bytesOf } from "@tvix-ts/bytes"
import type { TreeSink } from "@tvix-ts/castore"
import { isSettled, type EvalIO, type FileStamp, type FileType, type OpenedFile, type Task } from "@tvix-ts/eval"
import { hashByteString } from "@tvix-ts/hash"
import type { Ask } from "./at-once.ts"
import { refuse } from "./problems.ts"
import { fromStore } from "./store-problem.ts"

/** Whether a file is part of what is added. */
export type Filter = (path: string, type: FileType) => Task<boolean>

/** A tree as a sequence, in the order of {@link TreeSink}: a node of the tree's, or the end of a directory. */
export interface ListedNode {
  readonly type: "regular" | "symlink" | "directory" | "end"
  /** In the directory around it. The root has none, and ends have none. */
  readonly name: string | undefined
  readonly path: string
}

interface OpenDirectory {
  /** Ends in a slash. */
  readonly prefix: string
  readonly entries: readonly (readonly [name: string, type: FileType])[]
  next: number
}

/** Bytes of contents that go on at once. */
const PIECE = 2 ** 20

/** Lists what is at `root`, itself no longer a link, as far as the filter admits it. */
export function* listTree(
  ask: Ask,
  io: EvalIO,
  root: string,
  rootType: FileType | undefined,
  filter: Filter | undefined,
): Task<ListedNode[]> {
  const listing: ListedNode[] = []
  const open: OpenDirectory[] = []
  let name: string | undefined
  let path = root
  let type = rootType
  for (;;) {
    if (type === undefined) return refuse(`path '${path}' does not exist`)
    if (type === "unknown") return refuse(`file '${path}' has an unsupported type`)
    listing.push({ type, name, path })
    if (type === "directory") {
      const here = path
      const entries = [...(yield* ask(() => io.readDir(here)))].sort((a, b) => (a[0] < b[0] ? -1 : 1))
      open.push({ prefix: path === "/" ? "/" : `${path}/`, entries, next: 0 })
    }
    // On to the next entry that is wanted, closing directories that have none.
    for (let wanted = false; !wanted;) {
      const directory = open.at(-1)
      if (directory === undefined) return listing
      const entry = directory.entries[directory.next++]
      if (entry === undefined) {
        open.pop()
        listing.push({ type: "end", name: undefined, path: directory.prefix })
        continue
      }
      ;[name, type] = entry
      path = directory.prefix + name
      wanted = filter === undefined || (yield* filter(path, type))
    }
  }
}

/** Reads what is listed, and tells it to `sink`. */
export function* tellListing(ask: Ask, io: EvalIO, listing: readonly ListedNode[], sink: TreeSink): Task<void> {
  for (const { type, name, path } of listing) {
    if (name !== undefined) sink.entry(name)
    switch (type) {
      case "regular": {
        const file = yield* openFile(ask, io, path)
        sink.file(file.size, file.executable)
        yield* tellContents(ask, file, sink)
        break
      }
      case "symlink":
        sink.symlink(yield* ask(() => io.readLink!(path)))
        break
      case "directory":
        sink.directory()
        break
      case "end":
        sink.endDirectory()
    }
  }
}

/** The regular file at `path`. */
export function* openFile(ask: Ask, io: EvalIO, path: string): Task<OpenedFile> {
  if (io.openFile !== undefined) return yield* ask(() => io.openFile!(path))
  const executable = io.isExecutable !== undefined && (yield* ask(() => io.isExecutable!(path)))
  return openedFile(yield* ask(() => io.readFile(path)), executable)
}
export function openedFile(text: string, executable: boolean): OpenedFile {
  const contents = bytesOf(text)
  return { size: contents.length, executable, pieces: [contents] }
}

export function* tellContents(ask: Ask, { pieces }: Pick<OpenedFile, "pieces">, sink: TreeSink): Task<void> {
  for (const contents of pieces) {
    for (let at = 0; at < contents.length; at += PIECE) {
      const waiting = sink.contents(contents.subarray(at, at + PIECE))
      if (waiting !== undefined) yield* ask(() => fromStore(() => waiting))
    }
  }
}

/** What a tree looks like without reading its files. */
export interface Fingerprint {
  /** SHA-256: the same only if everything in the tree is. */
  readonly digest: Uint8Array
  /** Whether all of it was left alone long enough for that to be relied upon in the future. */
  readonly settled: boolean
}

/** Changed when something else goes into the digest. */
const VERSION = "tvix source 1\n"

/** Undefined if `io` cannot tell. Taken before anything is read: what changes meanwhile then has another one. */
export function* fingerprintOf(ask: Ask, io: EvalIO, listing: readonly ListedNode[]): Task<Fingerprint | undefined> {
  if (io.stamp === undefined) return undefined
  const now = Date.now()
  const pieces = [VERSION]
  let settled = true
  for (const { type, name = "", path } of listing) {
    let detail = ""
    if (type === "regular") {
      const stamp = io.stamp(path)
      if (stamp === undefined) return undefined
      settled &&= isSettled(stamp, now)
      detail = describe(stamp)
    } else if (type === "symlink") detail = yield* ask(() => io.readLink!(path))
    // No name has a NUL in it, nor has the target of a link.
    pieces.push(type, "\0", name, "\0", detail, "\0")
  }
  return { digest: hashByteString("sha256", pieces.join("")), settled }
}

function describe({ device, inode, size, modified, changed }: FileStamp): string {
  return `${device} ${inode} ${size} ${modified} ${changed}`
}
