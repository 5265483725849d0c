/** File trees that evaluation adds to the store: read through EvalIO, hashed, and so given a path; and written, if need be. */
import { bytesOf } from "@tvix-ts/bytes"
import { CastoreError, TreeBuilder, type TreeSink } from "@tvix-ts/castore"
import type { EvalIO, FileType, Task } from "@tvix-ts/eval"
import { fail } from "@tvix-ts/eval/builtins"
import { hash, startHash, type Hash } from "@tvix-ts/hash"
import { contentAddressPath, NarError, NarWriter, type ContentAddress } from "@tvix-ts/nix-compat"
import type { NarCalculation } from "@tvix-ts/store"
import type { Ask } from "./at-once.ts"
import { fileNar } from "./file-nar.ts"
import { checked, refuse } from "./problems.ts"
import type { AddedTree, EvaluationStore } from "./store.ts"
import { nodeAt } from "./store-files.ts"

/** Whether a file is part of what is added. */
export type Filter = (path: string, type: FileType) => Task<boolean>

export interface Source {
  /** Where it is: links on the way followed. */
  readonly real: string
  /** What its store path ends in. */
  readonly name: string
  readonly method: "nar" | "flat"
  readonly filter?: Filter
  /** What it is said to refer to: nothing, unless it comes from the store. */
  readonly references: readonly string[]
  /** Looks at the path before anything is added there. */
  readonly check?: (path: string) => void
}

/** Bytes of files that are written with others rather than on their own. */
const SMALL = 65_536
/** Bytes of contents that go on at once. */
const PIECE = 2 ** 20

interface OpenDirectory {
  /** Ends in a slash. */
  readonly prefix: string
  readonly entries: readonly (readonly [name: string, type: FileType])[]
  next: number
}

/** Adds `source` to `store`. The result is its store path. */
export function* addSource(ask: Ask, io: EvalIO, store: EvaluationStore, source: Source): Task<string> {
  const { real, name, method, filter, references, check } = source
  const known = filter === undefined ? store.copyOf(real, method) : undefined
  const tree = known ?? (yield* readSource(ask, io, store, source))
  const path = checked(() => pathOf(name, tree.contentAddress, references))
  check?.(path)
  yield* ask(() => store.addTree(path, tree, references))
  return path
}

/** The path of what has such contents. */
export function pathOf(name: string, contentAddress: ContentAddress, references: readonly string[]): string {
  return contentAddressPath(name, contentAddress, { others: references, self: false })
}

function* readSource(ask: Ask, io: EvalIO, store: EvaluationStore, source: Source): Task<AddedTree> {
  const { real, method, filter } = source
  if (method === "flat") return yield* readFile(ask, io, store, source)
  const stored = filter === undefined ? yield* nodeAt(ask, store, real) : undefined
  if (stored !== undefined) {
    const nar = yield* ask(() => store.reader!.nar(stored))
    return { kind: "tree", node: Promise.resolve(stored), nar, contentAddress: narAddress(nar) }
  }
  const type = yield* ask(() => io.fileType(real))
  if (type === "regular") return yield* readFile(ask, io, store, source)
  const { nar, node } = yield* tellTo(ask, store, (sink) => walk(ask, io, source, type, sink))
  const contentAddress = narAddress(nar)
  return { kind: "tree", node, nar, contentAddress, ...(filter === undefined && { origin: real }) }
}

function narAddress({ narHash }: NarCalculation) {
  return { method: "nar", hash: { algorithm: "sha256", digest: narHash } } as const
}

/** A source that is nothing but a file. */
function* readFile(ask: Ask, io: EvalIO, store: EvaluationStore, { real, method }: Source): Task<AddedTree> {
  const contents = bytesOf(yield* ask(() => io.readFile(real)))
  const mayRun = io.isExecutable !== undefined && (yield* ask(() => io.isExecutable!(real)))
  // Flat, a file is nothing but its contents.
  const executable = method === "nar" && mayRun
  const origin = executable === mayRun ? { origin: real } : {}
  const flat = (): Hash => ({ algorithm: "sha256", digest: hash("sha256", contents) })
  if (contents.length <= SMALL) {
    const nar = fileNar(contents, executable)
    const contentAddress = method === "flat" ? ({ method, hash: flat() } as const) : narAddress(nar)
    return { kind: "file", contents, executable, nar, contentAddress, ...origin }
  }
  const { nar, node } = yield* tellTo(ask, store, function* (sink) {
    sink.file(contents.length, executable)
    yield* tellContents(ask, contents, sink)
  })
  const contentAddress = method === "flat" ? ({ method, hash: flat() } as const) : narAddress(nar)
  return { kind: "tree", node, nar, contentAddress, ...origin }
}

/** Hashes the tree that `tell` tells, and stores it if anything is to be stored. */
function* tellTo(
  ask: Ask,
  store: EvaluationStore,
  tell: (sink: TreeSink) => Task<unknown>,
): Task<Pick<AddedTree & { readonly kind: "tree" }, "nar" | "node">> {
  const hasher = startHash("sha256")
  let narSize = 0
  const writer = new NarWriter((bytes) => {
    hasher.update(bytes)
    narSize += bytes.length
  })
  const builder = store.writes ? new TreeBuilder(yield* ask(() => store.trees!())) : undefined
  try {
    yield* tell(builder === undefined ? writer : both(builder, writer))
    void writer.end()
    const node = builder?.finish()
    // Whoever writes what refers to it waits for it, and learns of a failure there.
    node?.catch(() => undefined)
    return { nar: { narSize, narHash: hasher.digest() }, node }
  } catch (error) {
    builder?.abort().catch(() => undefined)
    if (error instanceof CastoreError || error instanceof NarError) fail({ code: "io", message: error.message })
    throw error
  }
}

/** Tells `sink` what is at `path`, itself no longer a link, as far as the filter admits it. */
function* walk(
  ask: Ask,
  io: EvalIO,
  { real, filter }: Source,
  rootType: FileType | undefined,
  sink: TreeSink,
): Task<void> {
  const open: OpenDirectory[] = []
  let node = real
  let type = rootType
  for (;;) {
    switch (type) {
      case "regular": {
        const executable = io.isExecutable === undefined ? false : yield* ask(() => io.isExecutable!(node))
        const contents = bytesOf(yield* ask(() => io.readFile(node)))
        sink.file(contents.length, executable)
        yield* tellContents(ask, contents, sink)
        break
      }
      case "symlink":
        sink.symlink(yield* ask(() => io.readLink!(node)))
        break
      case "directory": {
        const entries = [...(yield* ask(() => io.readDir(node)))].sort(([a], [b]) => (a < b ? -1 : 1))
        sink.directory()
        open.push({ prefix: node === "/" ? "/" : `${node}/`, entries, next: 0 })
        break
      }
      case "unknown":
        return refuse(`file '${node}' has an unsupported type`)
      case undefined:
        return refuse(`path '${node}' does not exist`)
    }
    // On to the next entry that is wanted, closing directories that have none.
    let wanted = false
    while (!wanted) {
      const directory = open.at(-1)
      if (directory === undefined) return
      const entry = directory.entries[directory.next++]
      if (entry === undefined) {
        open.pop()
        sink.endDirectory()
        continue
      }
      const [name, typeInDirectory] = entry
      node = directory.prefix + name
      type = typeInDirectory
      wanted = filter === undefined || (yield* filter(node, type))
      if (wanted) sink.entry(name)
    }
  }
}

function* tellContents(ask: Ask, contents: Uint8Array, sink: TreeSink): Task<void> {
  for (let at = 0; at < contents.length; at += PIECE) {
    const waiting = sink.contents(contents.subarray(at, at + PIECE))
    if (waiting !== undefined) yield* ask(() => waiting)
  }
}

/** Tells both, and waits for the first, if it asks for that. The second never does. */
function both(first: TreeSink, second: TreeSink): TreeSink {
  return {
    file(size, executable) {
      first.file(size, executable)
      second.file(size, executable)
    },
    contents(bytes) {
      const waiting = first.contents(bytes)
      void second.contents(bytes)
      return waiting
    },
    symlink(target) {
      first.symlink(target)
      second.symlink(target)
    },
    directory() {
      first.directory()
      second.directory()
    },
    entry(name) {
      first.entry(name)
      second.entry(name)
    },
    endDirectory() {
      first.endDirectory()
      second.endDirectory()
    },
  }
}

/** What a copy of `path` is called. */
export function sourceName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1) || "source"
}
