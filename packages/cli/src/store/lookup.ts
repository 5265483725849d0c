/** What the words on a command line mean that name something in a store. */
import { decodeBase64, textOf } from "@tvix-ts/bytes"
import {
  CastoreError,
  directorySize,
  formatDigest,
  toDigest,
  type B3Digest,
  type CallOptions,
  type Directory,
  type Node,
} from "@tvix-ts/castore"
import { parseStorePathBase, STORE_DIR, StorePathError, storePathBase, type StorePath } from "@tvix-ts/nix-compat"
import type { PathDescription, PathInfo, Store } from "@tvix-ts/store"
import { wordBytes } from "../command-line.ts"
import { UsageError } from "../options.ts"

/** What commands take: for their help. */
export const STORE_PATH_HELP =
  "STOREPATH is a path (/nix/store/<digest>-name), what is below /nix/store, or the digest alone, its 32 digits."

/** A word taken apart. */
export interface StoreWord {
  /** As it was given, for messages: text. */
  readonly word: string
  readonly object:
    | { readonly kind: "path"; readonly path: StorePath }
    | { readonly kind: "digest"; readonly digest: string }
    | { readonly kind: "castore"; readonly digest: B3Digest }
  /** Names below it, byte strings. */
  readonly below: readonly string[]
}

const DIGEST = /^[0-9a-df-np-sv-z]{32}$/
/** `b3:` and base 64, in which a slash means nothing. */
const CASTORE_DIGEST = /^b3:([A-Za-z0-9+/]{43}=)(?:\/(.*))?$/s

/** @throws {UsageError} if the word names nothing that could be in a store */
export function parseStoreWord(word: string): StoreWord {
  const bytes = wordBytes(word)
  const [, base64, rest = ""] = CASTORE_DIGEST.exec(bytes) ?? []
  if (base64 !== undefined) {
    const digest = decodeBase64(base64)
    if (digest === undefined) throw new UsageError(`'${word}' is not a digest: its base 64 has bits after the end`)
    return { word, object: { kind: "castore", digest: toDigest(digest, "digest") }, below: namesOf(rest) }
  }
  const inStore = bytes.startsWith(`${STORE_DIR}/`)
  if (bytes.startsWith("/") && !inStore) throw new UsageError(`'${word}' is not below ${STORE_DIR}`)
  const [base = "", ...below] = (inStore ? bytes.slice(STORE_DIR.length + 1) : bytes).split("/")
  if (DIGEST.test(base)) return { word, object: { kind: "digest", digest: base }, below: namesOf(below.join("/")) }
  try {
    const path = parseStorePathBase(base)
    return { word, object: { kind: "path", path }, below: namesOf(below.join("/")) }
  } catch (error) {
    if (!(error instanceof StorePathError)) throw error
    throw new UsageError(`'${word}' is not a store path: ${textOf(error.message)}`)
  }
}

function namesOf(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".")
}

/** A store path that must be one: what can be a root, or copied. */
export function parsePathWord(word: string): PathWord {
  const parsed = parseStoreWord(word)
  const { object, below } = parsed
  if (object.kind === "castore" || below.length > 0) throw new UsageError(`'${word}' is not a store path itself`)
  return { ...parsed, object }
}

export type PathWord = StoreWord & { readonly object: { readonly kind: "path" | "digest" } }

/** @throws {CastoreError} `missing` if there is no such store path */
export function findPathInfo(
  word: PathWord,
  { pathInfos }: Pick<Store, "pathInfos">,
  options: CallOptions,
): Promise<PathInfo> {
  return lookUp(word, (digest) => pathInfos.get(digest, options))
}

/** All but the tree, which of binary caches would have to be downloaded. @throws {CastoreError} `missing` */
export function describePath(
  word: PathWord,
  { pathInfos }: Pick<Store, "pathInfos">,
  options: CallOptions,
): Promise<PathDescription> {
  return lookUp(word, (digest) => pathInfos.describe(digest, options))
}

async function lookUp<T extends PathDescription>(
  { word, object }: PathWord,
  get: (digest: string) => Promise<T | undefined>,
): Promise<T> {
  const found = await get(object.kind === "path" ? object.path.digest : object.digest)
  if (found === undefined) throw new CastoreError({ code: "missing", what: `'${word}'` })
  // A digest is of the name, too, so this is a mistake in typing or no digest of a path at all.
  if (object.kind === "path" && object.path.name !== found.storePath.name) {
    throw new CastoreError({ code: "missing", what: `'${word}' (but ${storePathBase(found.storePath)} is, which)` })
  }
  return found
}

export interface Found {
  readonly node: Node
  /** The path info of the whole, unless it was named by its castore digest. */
  readonly pathInfo: PathInfo | undefined
}

/** @throws {CastoreError} `missing` if there is no such store path, or nothing of that name in it */
export async function find(parsed: StoreWord, store: Store, options: CallOptions): Promise<Found> {
  const { object, below, word } = parsed
  if (object.kind === "castore") {
    const root = await castoreNode(object.digest, store, options)
    if (root === undefined) throw new CastoreError({ code: "missing", what: `'${word}'` })
    return { node: await descend(root, below, parsed, store, options), pathInfo: undefined }
  }
  const pathInfo = await findPathInfo({ ...parsed, object }, store, options)
  return { node: await descend(pathInfo.node, below, parsed, store, options), pathInfo }
}

async function descend(
  root: Node,
  below: readonly string[],
  { word }: StoreWord,
  store: Store,
  options: CallOptions,
): Promise<Node> {
  let node = root
  for (const [depth, name] of below.entries()) {
    const place = (): string => `'${textOf(below.slice(0, depth).join("/"))}' in '${word}'`
    if (node.type === "symlink") {
      throw new CastoreError({ code: "missing", what: `'${word}' (${place()} is a link to '${textOf(node.target)}')` })
    }
    if (node.type === "file") throw new CastoreError({ code: "missing", what: `'${word}' (${place()} is a file)` })
    const directory = await getDirectory(node.digest, store, options)
    const entry = directory.entries.find(([entryName]) => entryName === name)
    if (entry === undefined) throw new CastoreError({ code: "missing", what: `'${word}'` })
    node = entry[1]
  }
  return node
}

/** @throws {CastoreError} `missing` */
export async function getDirectory(
  digest: B3Digest,
  store: Pick<Store, "directories">,
  options: CallOptions,
): Promise<Directory> {
  const directory = await store.directories.get(digest, options)
  if (directory === undefined) throw new CastoreError({ code: "missing", what: `directory ${formatDigest(digest)}` })
  return directory
}

/** The directory or else the file with the digest. */
async function castoreNode(digest: B3Digest, store: Store, options: CallOptions): Promise<Node | undefined> {
  const directory = await store.directories.get(digest, options)
  if (directory !== undefined) {
    return { type: "directory", digest, size: directorySize(directory) }
  }
  const blob = await store.blobs.stat(digest, options)
  return blob && { type: "file", digest, size: blob.size, executable: false }
}
