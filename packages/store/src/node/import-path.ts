import { readTree, type ReadTreeOptions } from "@tvix-ts/castore/node"
import { storeTree, type StoreTreeOptions } from "../import.ts"
import type { PathInfo } from "../path-info/path-info.ts"
import type { Store } from "../store.ts"

export interface ImportOptions extends Omit<StoreTreeOptions, "name">, ReadTreeOptions {
  /** The part of the store path after the digest; the last component of the path without. */
  readonly name?: string
}

/**
 * Stores the file tree at `path`, a byte string, under the path that follows from its contents, as `nix-store --add` does.
 *
 * @throws {CastoreError} `invalid` if no store path may have the name
 * @throws {DiskError} for what cannot be read, or is no part of a tree
 */
export async function importPath(path: string, store: Store, options: ImportOptions = {}): Promise<PathInfo> {
  const name = options.name ?? lastComponent(path)
  return storeTree((sink) => readTree(path, sink, options), store, { ...options, name })
}

/** Without the slashes at its end. */
function lastComponent(path: string): string {
  return /([^/]*)\/*$/.exec(path)![1]!
}
