import type { Store } from "@tvix-ts/store"
import type { LocalStore } from "@tvix-ts/store/node"
import { UsageError } from "../options.ts"

/** The store as what it must be to `doWhat`: in a folder of this machine, and not behind another. */
export function localStore(store: Store, doWhat: string): LocalStore {
  if (!isLocal(store)) throw new UsageError(`only a local store can ${doWhat}, one at local:///DIR`)
  return store
}

export function isLocal(store: Store): store is LocalStore {
  return "roots" in store
}
