/** Why one store path needs another: the shortest way between them, and the files that mention the next on it. */
import type { CallOptions, Node, TreeSink } from "@tvix-ts/castore"
import { walkNode } from "@tvix-ts/castore"
import { bytesOf } from "@tvix-ts/bytes"
import type { StorePath } from "@tvix-ts/nix-compat"
import type { Store } from "../store.ts"
import type { PathInfo } from "../path-info/path-info.ts"
import { ReferenceScanner } from "./scanner.ts"

/** One store path on the way. */
export interface Step {
  readonly path: StorePath
  /** What in it mentions the next step: names from the top, byte strings; the tree itself is "". Empty for the last. */
  readonly mentions: readonly string[]
}

/** @returns undefined if nothing leads from one to the other */
export async function whyDepends(
  from: StorePath,
  to: StorePath,
  store: Store,
  options: CallOptions = {},
): Promise<readonly Step[] | undefined> {
  const way = await shortestWay(from, to, store, options)
  if (way === undefined) return undefined
  const steps: Step[] = []
  for (const [i, { storePath, node }] of way.entries()) {
    const next = way[i + 1]?.storePath.digest
    const mentions = next === undefined ? [] : await filesThatMention(next, node, store, options)
    steps.push({ path: storePath, mentions })
  }
  return steps
}

async function shortestWay(
  from: StorePath,
  to: StorePath,
  { pathInfos }: Store,
  options: CallOptions,
): Promise<readonly PathInfo[] | undefined> {
  /** By digest: who it was reached from. */
  const reached = new Map<string, PathInfo | undefined>([[from.digest, undefined]])
  const known = new Map<string, PathInfo>()
  // A map goes on with what is added meanwhile.
  for (const digest of reached.keys()) {
    const info = await pathInfos.get(digest, options)
    if (info === undefined) continue
    known.set(digest, info)
    if (digest === to.digest) {
      const way: PathInfo[] = []
      for (let at: PathInfo | undefined = info; at !== undefined; at = reached.get(at.storePath.digest)) way.push(at)
      return way.reverse()
    }
    for (const reference of info.references) if (!reached.has(reference.digest)) reached.set(reference.digest, info)
  }
  return undefined
}

async function filesThatMention(digest: string, node: Node, store: Store, options: CallOptions): Promise<string[]> {
  const search = new Search(digest)
  await walkNode(node, store, search, options)
  return search.mentions
}

class Search implements TreeSink {
  readonly mentions: string[] = []
  readonly #digest: string
  readonly #names: string[] = []
  #scanner: ReferenceScanner | undefined

  constructor(digest: string) {
    this.#digest = digest
  }

  file(): void {
    this.#begin()
  }
  contents(bytes: Uint8Array): void {
    this.#scanner!.update(bytes)
    this.#look()
  }
  symlink(target: string): void {
    this.#begin()
    this.#scanner!.update(bytesOf(target))
    this.#look()
  }
  directory(): void {
    // For the name of the next entry.
    this.#names.push("")
  }
  entry(name: string): void {
    this.#names[this.#names.length - 1] = name
  }
  endDirectory(): void {
    this.#names.pop()
  }

  #begin(): void {
    this.#scanner = new ReferenceScanner([this.#digest])
  }
  #look(): void {
    if (!this.#scanner!.found.has(this.#digest)) return
    this.mentions.push(this.#names.join("/"))
    // Once is enough.
    this.#scanner = new ReferenceScanner([])
  }
}
