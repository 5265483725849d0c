import { isUtf8 } from "@tvix-ts/bytes"
import {
  CastoreError,
  digestKey,
  directoryDigest,
  formatDigest,
  type CallOptions,
  type Directory,
  type Node,
} from "@tvix-ts/castore"
import { formatListing, NarLister } from "@tvix-ts/nix-compat"
import type { Store } from "@tvix-ts/store"
import { refuse } from "./problem.ts"

/** Entries that a listing may have: some 100 bytes each, of text that is held whole. */
const ENTRIES_MAX = 500_000

/**
 * The listing of a tree's archive, as `.ls` files have it: from its directories alone.
 *
 * @throws {CacheError} `not-found` if it cannot be said in JSON, or is too large
 * @throws {CastoreError} `missing` if a directory is
 */
export async function narListing(root: Node, store: Pick<Store, "directories">, options: CallOptions): Promise<string> {
  const tooLarge = (): never => refuse({ code: "not-found", what: "a listing of so many files" })
  if (root.type === "directory" && root.size > ENTRIES_MAX) tooLarge()
  const directories = new Map<string, Directory>()
  if (root.type === "directory") {
    for await (const directory of store.directories.getRecursive(root.digest, options)) {
      directories.set(digestKey(directoryDigest(directory)), directory)
    }
  }
  const lister = new NarLister()
  const open: { readonly entries: Directory["entries"]; next: number }[] = []
  const visit = (node: Node): void => {
    if (node.type === "file") return lister.file(node.size, node.executable)
    if (node.type === "symlink") return lister.symlink(utf8(node.target))
    const directory = directories.get(digestKey(node.digest))
    if (directory === undefined) {
      throw new CastoreError({ code: "missing", what: `directory ${formatDigest(node.digest)}` })
    }
    lister.directory()
    open.push({ entries: directory.entries, next: 0 })
  }
  let count = 0
  visit(root)
  for (let directory = open.at(-1); directory !== undefined; directory = open.at(-1)) {
    const entry = directory.entries[directory.next++]
    if (entry === undefined) {
      lister.endDirectory()
      open.pop()
      continue
    }
    // Directories say themselves how many there are below them.
    if (++count > ENTRIES_MAX) tooLarge()
    lister.entry(utf8(entry[0]))
    visit(entry[1])
  }
  return formatListing(lister.listing!)
}

function utf8(name: string): string {
  if (!isUtf8(name)) refuse({ code: "not-found", what: "a listing of names that are not UTF-8" })
  return name
}
