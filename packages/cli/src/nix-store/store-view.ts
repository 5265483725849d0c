/** What the words of `nix-store` name, and what the store knows of it. All paths are byte strings. */
import { lstatSync, readlinkSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { byteStringOf } from "@tvix-ts/bytes"
import type { CallOptions } from "@tvix-ts/castore"
import {
  formatStorePath,
  parseStorePath,
  parseStorePathBase,
  STORE_DIR,
  StorePathError,
  type Derivation,
  type StorePath,
} from "@tvix-ts/nix-compat"
import { byReferences, type PathDescription, type PathInfo, type Store } from "@tvix-ts/store"
import { wordBytes } from "../command-line.ts"
import { derivationInStore } from "../derivation/derivations.ts"
import { NixStoreError } from "./problem.ts"

/** As many as C++ Nix follows. */
const LINKS_MAX = 1024

/**
 * The store path that a word names, or a link that it is, or what is below it.
 *
 * @throws {StorePathError} if there is none
 */
export function storePathOf(word: string): StorePath {
  let path = resolve(word)
  for (let links = 0; ; links++) {
    const found = inStore(wordBytes(path))
    if (found !== undefined) return found
    const target = linkTarget(path)
    if (target === undefined) return notInStore(wordBytes(path))
    if (links === LINKS_MAX) throw new NixStoreError({ code: "links", path: wordBytes(word) })
    path = resolve(dirname(path), target)
  }
}

/** @throws {StorePathError} that says why */
function notInStore(path: string): StorePath {
  const [inStore] = /^\/nix\/store\/[^/]*/.exec(path) ?? []
  if (inStore !== undefined) return parseStorePath(inStore)
  throw new StorePathError({ code: "path-elsewhere", path })
}

/** Trees of ours are elsewhere on disk, below a folder that stands for the root of the machine. */
function inStore(path: string): StorePath | undefined {
  const at = path.indexOf(`${STORE_DIR}/`)
  if (at < 0) return undefined
  try {
    return parseStorePathBase(path.slice(at + STORE_DIR.length + 1).replace(/\/.*/s, ""))
  } catch (error) {
    if (error instanceof StorePathError) return undefined
    throw error
  }
}

function linkTarget(path: string): string | undefined {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return undefined
  return readlinkSync(path)
}

/** `PATH`, or `PATH!OUTPUT,OUTPUT`. */
export function withOutputs(word: string): { readonly path: StorePath; readonly outputs: readonly string[] | "all" } {
  const bang = word.indexOf("!")
  if (bang < 0) return { path: storePathOf(word), outputs: "all" }
  const outputs = byteStringOf(word.slice(bang + 1)).split(",")
  return { path: storePathOf(word.slice(0, bang)), outputs: outputs.includes("*") ? "all" : outputs }
}

/** Store paths of outputs, by name. */
export function outputsOf(path: string, { outputs }: Derivation): ReadonlyMap<string, StorePath> {
  return new Map(
    [...outputs].map(([name, output]) => {
      if ("path" in output) return [name, parseStorePath(output.path)]
      throw new NixStoreError({ code: "output-not-known-yet", derivation: path, output: name })
    }),
  )
}

export class StoreView {
  readonly store: Store
  readonly #options: CallOptions
  /** Who refers to a path, by digests; read when it is first asked for. */
  #referrers: Promise<ReadonlyMap<string, readonly PathInfo[]>> | undefined

  constructor(store: Store, signal: AbortSignal) {
    this.store = store
    this.#options = { signal }
  }

  async find({ digest, name }: StorePath): Promise<PathDescription | undefined> {
    const found = await this.store.pathInfos.describe(digest, this.#options)
    return found?.storePath.name === name ? found : undefined
  }

  /** @throws {NixStoreError} `path-invalid` if it is not there */
  async describe(path: StorePath): Promise<PathDescription> {
    const found = await this.find(path)
    if (found === undefined) throw new NixStoreError({ code: "path-invalid", path: formatStorePath(path) })
    return found
  }

  /** The same with its tree. */
  async get(path: StorePath): Promise<PathInfo> {
    const found = await this.store.pathInfos.get(path.digest, this.#options)
    if (found?.storePath.name === path.name) return found
    throw new NixStoreError({ code: "path-invalid", path: formatStorePath(path) })
  }

  /** @throws {NixStoreError} `path-invalid` if it is not there */
  async derivation(path: StorePath): Promise<Derivation> {
    const found = await derivationInStore(formatStorePath(path), this.store, this.#options)
    if (found === undefined) throw new NixStoreError({ code: "path-invalid", path: formatStorePath(path) })
    return found
  }

  /** In any order. */
  async referrers({ digest }: StorePath): Promise<readonly PathDescription[]> {
    this.#referrers ??= this.#readReferrers()
    return (await this.#referrers).get(digest) ?? []
  }

  async #readReferrers(): Promise<ReadonlyMap<string, readonly PathInfo[]>> {
    const referrers = new Map<string, PathInfo[]>()
    for await (const pathInfo of this.store.pathInfos.list(this.#options)) {
      for (const { digest } of pathInfo.references) {
        const some = referrers.get(digest)
        if (some === undefined) referrers.set(digest, [pathInfo])
        else some.push(pathInfo)
      }
    }
    return referrers
  }

  /**
   * `paths`, and whatever can be reached from them by `next`, each once and in any order. All have to be there.
   */
  async reach(
    paths: Iterable<StorePath>,
    next: (description: PathDescription) => Iterable<StorePath> | Promise<Iterable<StorePath>>,
  ): Promise<readonly PathDescription[]> {
    const reached = new Map<string, PathDescription>()
    const open = [...paths]
    for (let path = open.pop(); path !== undefined; path = open.pop()) {
      if (reached.has(path.digest)) continue
      const description = await this.describe(path)
      reached.set(path.digest, description)
      open.push(...(await next(description)))
    }
    return [...reached.values()]
  }

  /** The paths, each once and after those of them that it refers to, as C++ Nix sorts them; those that are not there, too. */
  async sorted(paths: Iterable<StorePath>): Promise<readonly StorePath[]> {
    const descriptions = new Map<string, Pick<PathDescription, "storePath" | "references">>()
    for (const path of paths) {
      if (descriptions.has(path.digest)) continue
      descriptions.set(path.digest, (await this.find(path)) ?? { storePath: path, references: [] })
    }
    return byReferences(descriptions.values()).map(({ storePath }) => storePath)
  }
}
