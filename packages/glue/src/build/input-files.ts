/** Reads in the inputs of a build, where they are trees of a castore. All paths are byte strings. */
import { byteStringFrom } from "@tvix-ts/bytes"
import { CastoreError, digestKey, formatDigest, type DirectoryNode, type FileNode, type Node } from "@tvix-ts/castore"
import { STORE_DIR } from "@tvix-ts/nix-compat"
import type { BuildRequest } from "@tvix-ts/build"
import type { Store } from "@tvix-ts/store"

/** Links that Linux follows on the way to one file. */
const LINKS_MAX = 40
/** Bytes of a file that is read whole. */
const FILE_MAX = 2 ** 24

/** What a build sees that is no input, by where links lead: what is masked is a link to `/dev/null`. */
const FOLDERS = ["", "bin", "build", "dev", "dev/pts", "dev/shm", "etc", "nix", "nix/store", "proc", "tmp"]
const FILES = [
  ...["full", "null", "ptmx", "random", "stderr", "stdin", "stdout", "tty", "urandom", "zero"].map((it) => `dev/${it}`),
  ...["group", "hosts", "passwd"].map((it) => `etc/${it}`),
  ...["cpuinfo", "filesystems", "meminfo", "mounts", "self/mounts", "version"].map((it) => `proc/${it}`),
  "bin/sh",
]
interface Outside {
  readonly type: "folder outside" | "file outside"
}
const ROOT: Outside = { type: "folder outside" }
const OUTSIDE = new Map<string, Outside>([
  ...FOLDERS.map((path) => [path, ROOT] as const),
  ...FILES.map((path) => [path, { type: "file outside" }] as const),
])

export interface Found {
  /** Without links. */
  readonly path: string
  readonly node: Exclude<Node, { readonly type: "symlink" }> | Outside
}

export class InputFiles {
  readonly #inputs: BuildRequest["inputs"]
  readonly #store: Store
  readonly #signal: AbortSignal
  readonly #refuse: (reason: string) => never
  readonly #directories = new Map<string, ReadonlyMap<string, Node>>()

  /** @param refuse takes what the system would say of a path that it cannot follow */
  constructor({ inputs }: BuildRequest, store: Store, signal: AbortSignal, refuse: (reason: string) => never) {
    this.#inputs = inputs
    this.#store = store
    this.#signal = signal
    this.#refuse = refuse
  }

  /** What is at an absolute path, all links followed; undefined if nothing is. */
  async find(path: string): Promise<Found | undefined> {
    let links = 0
    /** Names on the way there, and those still to come, the next one last. */
    let passed: string[] = []
    let node: Found["node"] = ROOT
    const ahead = path.split("/").reverse()
    for (let name = ahead.pop(); name !== undefined; name = ahead.pop()) {
      if (node.type !== "directory" && node.type !== "folder outside") return undefined
      if (name === "" || name === ".") continue
      if (name === "..") passed.pop()
      else passed.push(name)
      const there = await this.#at(passed)
      if (there === undefined) return undefined
      if (there.type !== "symlink") {
        node = there
        continue
      }
      if (++links > LINKS_MAX) this.#refuse(`getting status of '${path}': Too many levels of symbolic links`)
      // It is in a folder, or it would not have been found.
      passed.pop()
      if (there.target.startsWith("/")) {
        passed = []
        node = ROOT
      }
      ahead.push(...there.target.split("/").reverse())
    }
    return { path: `/${passed.join("/")}`, node }
  }

  /** Their names, in order. */
  async entries(node: Found["node"]): Promise<Iterable<string>> {
    return node.type === "directory" ? (await this.#directory(node)).keys() : []
  }

  /** The file at `path`; undefined if there is none. */
  async read(path: string): Promise<string | undefined> {
    const node = (await this.find(path))?.node
    if (node?.type !== "file") return undefined
    if (node.size > FILE_MAX) this.#refuse(`'${path}' has more than ${FILE_MAX} bytes`)
    let text = ""
    for await (const piece of this.contents(node)) text += byteStringFrom(piece)
    return text
  }

  /** Each piece until the next is asked for. */
  async *contents({ digest }: FileNode): AsyncGenerator<Uint8Array, void> {
    yield* (await this.#store.blobs.read(digest, { signal: this.#signal, fleeting: true })) ?? []
  }

  /** Without links on the way, which are followed already. */
  async #at(names: readonly string[]): Promise<Node | Outside | undefined> {
    const store = STORE_DIR.slice(1).split("/")
    const [object, ...below] = names.slice(store.length)
    if (object === undefined || store.some((name, i) => names[i] !== name)) return OUTSIDE.get(names.join("/"))
    let node = this.#inputs.get(object)
    for (const name of below) {
      if (node?.type !== "directory") return undefined
      node = (await this.#directory(node)).get(name)
    }
    return node
  }

  async #directory({ digest }: DirectoryNode): Promise<ReadonlyMap<string, Node>> {
    const key = digestKey(digest)
    let entries = this.#directories.get(key)
    if (entries === undefined) {
      const directory = await this.#store.directories.get(digest, { signal: this.#signal })
      if (directory === undefined) {
        throw new CastoreError({ code: "missing", what: `directory ${formatDigest(digest)}` })
      }
      this.#directories.set(key, (entries = new Map(directory.entries)))
    }
    return entries
  }
}
