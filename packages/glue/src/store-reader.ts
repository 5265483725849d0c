/** Reads the trees of a store by their paths. What was found once is answered at once from then on. */
import { byteStringFrom } from "@tvix-ts/bytes"
import { digestKey, formatDigest, type Directory, type DirectoryNode, type FileNode, type Node } from "@tvix-ts/castore"
import { IoError, type Awaitable, type Task } from "@tvix-ts/eval"
import { parseStorePathBase, STORE_DIR, StorePathError } from "@tvix-ts/nix-compat"
import type { PathInfo, Store } from "@tvix-ts/store"
import { atOnce, wait } from "./at-once.ts"

/** Directories that are remembered. */
const DIRECTORIES_MAX = 8192
/** Bytes of a file that becomes a string. */
const FILE_MAX = 2 ** 28

export class StoreReader {
  readonly #open: () => Promise<Store>
  /** By digests of store paths; undefined for those that are not there. */
  readonly #pathInfos = new Map<string, PathInfo | undefined>()
  readonly #directories = new Map<string, Directory>()

  constructor(open: () => Promise<Store>) {
    this.#open = open
  }

  /** What was not there may be there now. */
  forget(digest: string): void {
    this.#pathInfos.delete(digest)
  }

  /** @param object a path right below the store directory; for what cannot be one, there is none */
  pathInfo(object: string): Awaitable<PathInfo | undefined> {
    const digest = digestOfPath(object)
    if (digest === undefined) return undefined
    const known = this.#pathInfos.get(digest)
    return known !== undefined || this.#pathInfos.has(digest) ? ofName(known, object) : this.#ask(digest, object)
  }

  async #ask(digest: string, object: string): Promise<PathInfo | undefined> {
    const { pathInfos } = await this.#open()
    const pathInfo = await pathInfos.get(digest)
    this.#pathInfos.set(digest, pathInfo)
    return ofName(pathInfo, object)
  }

  /** The entries of a directory. */
  entries(node: DirectoryNode): Awaitable<Directory["entries"]> {
    const key = digestKey(node.digest)
    const known = this.#directories.get(key)
    return known?.entries ?? this.#directory(node, key)
  }

  async #directory({ digest }: DirectoryNode, key: string): Promise<Directory["entries"]> {
    const { directories } = await this.#open()
    const directory = await directories.get(digest)
    if (directory === undefined) throw new IoError(`directory ${formatDigest(digest)} is not in the store`)
    // The oldest goes.
    if (this.#directories.size >= DIRECTORIES_MAX) {
      this.#directories.delete(this.#directories.keys().next().value!)
    }
    this.#directories.set(key, directory)
    return directory.entries
  }

  entry(directory: DirectoryNode, name: string): Awaitable<Node | undefined> {
    return atOnce(this.#entry(directory, name))
  }

  *#entry(directory: DirectoryNode, name: string): Task<Node | undefined> {
    const entries = yield* wait(() => this.entries(directory))
    // Ascending by name.
    let [from, to] = [0, entries.length]
    while (from < to) {
      const middle = (from + to) >> 1
      const [here, node] = entries[middle]!
      if (here === name) return node
      if (here < name) from = middle + 1
      else to = middle
    }
    return undefined
  }

  /** @param path for messages */
  async contents({ digest, size }: FileNode, path: string): Promise<string> {
    if (size > FILE_MAX) throw new IoError(`file '${path}' is too large to be read: it has ${size} bytes`)
    const { blobs } = await this.#open()
    const pieces = await blobs.read(digest)
    if (pieces === undefined) throw new IoError(`file '${path}': blob ${formatDigest(digest)} is not in the store`)
    const parts: string[] = []
    let length = 0
    for await (const piece of pieces) {
      length += piece.length
      if (length > size)
        throw new IoError(`file '${path}': the blob has more than the ${size} bytes that it should have`)
      parts.push(byteStringFrom(piece))
    }
    return parts.join("")
  }

  /** The archive of a tree. */
  async nar(node: Node): ReturnType<Store["nar"]["calculate"]> {
    return (await this.#open()).nar.calculate(node)
  }
}

function digestOfPath(object: string): string | undefined {
  try {
    return parseStorePathBase(object.slice(STORE_DIR.length + 1)).digest
  } catch (error) {
    if (error instanceof StorePathError) return undefined
    throw error
  }
}

/** Path infos are found by digests, and files by whole names. */
function ofName(pathInfo: PathInfo | undefined, object: string): PathInfo | undefined {
  return pathInfo !== undefined && object.endsWith(`-${pathInfo.storePath.name}`) ? pathInfo : undefined
}
