import type { StorePath } from "@tvix-ts/nix-compat"
import type { Store } from "@tvix-ts/store"
import type { LocalStore } from "@tvix-ts/store/node"
import { UsageError } from "../options.ts"

/** The store as what it must be for `what`: on this machine, and not behind another. */
export function localStore(store: Store, what: string): LocalStore {
  if (!("roots" in store)) throw new UsageError(`${what} only a local store can do, one at local:///DIR`)
  return store as LocalStore
}

/** Keeps `path` from garbage collection. */
export function setRoot(store: Store, name: string, path: StorePath): void {
  localStore(store, "keeping roots is what").roots.add(name, path)
}
