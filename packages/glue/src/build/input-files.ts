/** Reads in the inputs of a build, where they are trees of a castore. All paths are byte strings. */
import { byteStringFrom } from "@tvix-ts/bytes"
import { digestKey, type Directory, type Node } from "@tvix-ts/castore"
import { STORE_DIR } from "@tvix-ts/nix-compat"
import type { BuildRequest } from "@tvix-ts/build"
import type { Store } from "@tvix-ts/store"

/** Links that one path may lead through. */
const LINKS_MAX = 1024
/** Bytes of a file that is read whole. */
const FILE_MAX = 2 ** 24

export class InputFiles {
  readonly #inputs: BuildRequest["inputs"]
  readonly #store: Store
  readonly #signal: AbortSignal
  readonly #directories = new Map<string, Directory>()

  constructor({ inputs }: BuildRequest, store: Store, signal: AbortSignal) {
    this.#inputs = inputs
    this.#store = store
    this.#signal = signal
  }

  /** What is at an absolute path, all links followed; undefined if nothing is, or it is no input. */
  async find(path: string): Promise<Node | undefined> {
    let links = 0
    /** Names on the way there, and those still to come, the next one last. */
    let passed: string[] = []
    const ahead = path.split("/").reverse()
    for (;;) {
      const name = ahead.pop()
      if (name === undefined) return this.#at(passed)
      if (name === "" || name === ".") continue
      if (name === "..") {
        passed.pop()
        continue
      }
      passed.push(name)
      const node = await this.#at(passed)
      if (node?.type !== "symlink") continue
      if (++links > LINKS_MAX) return undefined
      passed.pop()
      if (node.target.startsWith("/")) passed = []
      ahead.push(...node.target.split("/").reverse())
    }
  }

  /** In order. */
  async entries(node: Node): Promise<Directory["entries"]> {
    return node.type === "directory" ? (await this.#directory(node)).entries : []
  }

  /** The file at `path`, a byte string; undefined if there is none. */
  async read(path: string): Promise<string | undefined> {
    const node = await this.find(path)
    if (node?.type !== "file" || node.size > FILE_MAX) return undefined
    let text = ""
    for await (const piece of (await this.#store.blobs.read(node.digest, { signal: this.#signal })) ?? []) {
      text += byteStringFrom(piece)
    }
    return text
  }

  /** Without links on the way, which are followed already. */
  async #at(names: readonly string[]): Promise<Node | undefined> {
    const store = STORE_DIR.slice(1).split("/")
    if (store.some((name, i) => names[i] !== name)) return undefined
    const [object, ...below] = names.slice(store.length)
    let node = object === undefined ? undefined : this.#inputs.get(object)
    for (const name of below) {
      if (node?.type !== "directory") return undefined
      const { entries } = await this.#directory(node)
      node = entries.find(([entry]) => entry === name)?.[1]
    }
    return node
  }

  async #directory(node: Node & { readonly type: "directory" }): Promise<Directory> {
    const key = digestKey(node.digest)
    let directory = this.#directories.get(key)
    if (directory === undefined) {
      directory = await this.#store.directories.get(node.digest, { signal: this.#signal })
      if (directory === undefined) throw new Error(`a directory of an input is missing: ${key}`)
      this.#directories.set(key, directory)
    }
    return directory
  }
}
