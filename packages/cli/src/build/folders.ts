import type { Store } from "@tvix-ts/store"
import { join } from "node:path"
import { isLocal } from "../store/local-store.ts"
import { stateDirectory } from "../store/settings.ts"

/** Where builds of this machine are that go to `store`, and what is known of them. */
export function buildFolder(store: Store): string {
  return isLocal(store) ? store.dir : stateDirectory()
}

export function logFolder(store: Store): string {
  return join(buildFolder(store), "log")
}
