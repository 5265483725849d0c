/** File trees that evaluation adds to the store: read through EvalIO, hashed, and so given a path; and written, if need be. */
import { concat } from "@tvix-ts/bytes"
import { CastoreError, tellBoth, type TreeSink } from "@tvix-ts/castore"
import type { EvalIO, Task } from "@tvix-ts/eval"
import { fail } from "@tvix-ts/eval/builtins"
import { startHash, type Hasher } from "@tvix-ts/hash"
import { contentAddressPath, NarError, type ContentAddress } from "@tvix-ts/nix-compat"
import { narHasher, type NarCalculation } from "@tvix-ts/store"
import type { Ask } from "./at-once.ts"
import { fileNar } from "./file-nar.ts"
import { HeldTree } from "./held-tree.ts"
import { checked } from "./problems.ts"
import { fingerprintOf, listTree, openFile, tellContents, tellListing, type Filter } from "./source-listing.ts"
import type { AddedTree, EvaluationStore } from "./store.ts"
import { nodeAt } from "./store-files.ts"

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
/**
 * Nodes, those copied before among them, from which on trees are remembered: 128 files take as long to hash as a cache
 * to open. From then on a tree of two files is found in half the time it takes to read.
 */
const WORTH_NODES = 128
/** Bytes of a single file that are worth it. */
const WORTH_BYTES = 2 ** 20
/** Nodes of trees that were copied to a store. */
const copiedNodes = new WeakMap<EvaluationStore, number>()

/** Adds `source` to `store`. The result is its store path. */
export function* addSource(ask: Ask, io: EvalIO, store: EvaluationStore, source: Source): Task<string> {
  const { real, method, filter, references } = source
  const known = filter === undefined ? store.copyOf(real, method) : undefined
  const tree = known ?? (yield* readSource(ask, io, store, source))
  const path = acceptedPath(source, tree.contentAddress)
  yield* ask(() => store.addTree(path, tree, references))
  return path
}

/** The path of what has such contents. */
export function pathOf(name: string, contentAddress: ContentAddress, references: readonly string[]): string {
  return contentAddressPath(name, contentAddress, { others: references, self: false })
}

function acceptedPath({ name, references, check }: Source, contentAddress: ContentAddress): string {
  const path = checked(() => pathOf(name, contentAddress, references))
  check?.(path)
  return path
}

function* readSource(ask: Ask, io: EvalIO, store: EvaluationStore, source: Source): Task<AddedTree> {
  const { real, method, filter } = source
  const stored = method === "nar" && filter === undefined ? yield* nodeAt(ask, store, real) : undefined
  if (stored !== undefined) {
    const nar = yield* ask(() => store.reader!.nar(stored))
    return { kind: "tree", node: Promise.resolve(stored), borrowed: true, nar, contentAddress: narAddress(nar) }
  }
  const type = method === "flat" ? "regular" : yield* ask(() => io.fileType(real))
  const listing = yield* listTree(ask, io, real, type, filter)
  const isWorth = (): boolean =>
    type === "regular" ? (io.stamp?.(real)?.size ?? 0) >= WORTH_BYTES : countNodes(store, listing.length) >= WORTH_NODES
  const cache = store.sources !== undefined && method === "nar" && isWorth() ? store.sources : undefined
  const fingerprint = cache && (yield* fingerprintOf(ask, io, listing))
  const origin = filter === undefined ? { origin: real } : {}
  const nar = fingerprint && cache.get(fingerprint.digest)
  const known = nar && (yield* knownTree(ask, store, source, nar, narAddress(nar)))
  if (known !== undefined) return { ...known, ...origin }
  const tree =
    type === "regular"
      ? yield* readFile(ask, io, store, source)
      : {
          ...(yield* readTree(ask, store, source, narAddress, (sink) => tellListing(ask, io, listing, sink))),
          ...origin,
        }
  if (fingerprint?.settled === true) cache!.put(fingerprint.digest, tree.nar)
  return tree
}

/** Of trees copied to `store` so far, one with `more` among them. */
function countNodes(store: EvaluationStore, more: number): number {
  const count = (copiedNodes.get(store) ?? 0) + more
  copiedNodes.set(store, count)
  return count
}

/** A tree of which the archive is known; undefined if it is to be written. */
function* knownTree(
  ask: Ask,
  store: EvaluationStore,
  { name, references }: Source,
  nar: NarCalculation,
  contentAddress: ContentAddress,
): Task<AddedTree | undefined> {
  const tree = { kind: "tree", borrowed: true, nar, contentAddress } as const
  if (!store.writes) return { ...tree, node: undefined }
  const path = checked(() => pathOf(name, contentAddress, references))
  const node = yield* ask(() => store.stored(path))
  return node && { ...tree, node: Promise.resolve(node) }
}

function narAddress({ narHash }: NarCalculation): ContentAddress {
  return { method: "nar", hash: { algorithm: "sha256", digest: narHash } }
}

/** A source that is nothing but a file. */
function* readFile(ask: Ask, io: EvalIO, store: EvaluationStore, source: Source): Task<AddedTree> {
  const { real, method } = source
  const file = yield* openFile(ask, io, real)
  // Flat, a file is nothing but its contents.
  const executable = method === "nar" && file.executable
  const isSame = executable === file.executable
  const hasher = method === "flat" ? startHash("sha256") : undefined
  const addressOf = (nar: NarCalculation): ContentAddress =>
    hasher === undefined ? narAddress(nar) : { method: "flat", hash: { algorithm: "sha256", digest: hasher.digest() } }
  if (file.size <= SMALL && isSame) {
    const contents = concat([...file.pieces])
    hasher?.update(contents)
    const nar = fileNar(contents, executable)
    return { kind: "file", contents, executable, nar, contentAddress: addressOf(nar), origin: real }
  }
  const { size } = file
  const pieces = hasher === undefined ? file.pieces : hashed(file.pieces, hasher)
  const tree = yield* readTree(ask, store, source, addressOf, function* (sink) {
    sink.file(size, executable)
    yield* tellContents(ask, { pieces }, sink)
  })
  return { ...tree, ...(isSame && { origin: real }) }
}

function* hashed(pieces: Iterable<Uint8Array>, hasher: Hasher): Generator<Uint8Array, void, undefined> {
  for (const piece of pieces) {
    hasher.update(piece)
    yield piece
  }
}

/** Hashes the tree that `tell` tells, and stores it, if anything is to be stored and the store does not have it. */
function* readTree(
  ask: Ask,
  store: EvaluationStore,
  source: Source,
  addressOf: (nar: NarCalculation) => ContentAddress,
  tell: (sink: TreeSink) => Task<unknown>,
): Task<AddedTree> {
  const hasher = narHasher()
  const held = store.writes ? new HeldTree(yield* ask(() => store.trees!())) : undefined
  try {
    yield* tell(held === undefined ? hasher.writer : tellBoth(held, hasher.writer))
    const nar = hasher.finish()
    const contentAddress = addressOf(nar)
    // What is refused is given up below, and must not be on its way to the store by then.
    acceptedPath(source, contentAddress)
    const known = held?.isWritten === true ? undefined : yield* knownTree(ask, store, source, nar, contentAddress)
    if (known !== undefined) return known
    const node = held?.finish()
    // Whoever writes what refers to it waits for it, and learns of a failure there.
    node?.catch(() => undefined)
    return { kind: "tree", node, borrowed: false, nar, contentAddress }
  } catch (error) {
    held?.abort().catch(() => undefined)
    if (error instanceof CastoreError || error instanceof NarError) fail({ code: "io", message: error.message })
    throw error
  }
}

/** What a copy of `path` is called. */
export function sourceName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1) || "source"
}
