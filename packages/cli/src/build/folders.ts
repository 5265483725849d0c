import type { Store } from "@tvix-ts/store"
import { join } from "node:path"
import { isLocal } from "../store/local-store.ts"
import { stateDirectory } from "../store/settings.ts"

/** Where builds of this machine are that go to `store`, and what is known of them. */
export function buildFolder(store: Store): string {
  return isLocal(store) ? store.dir : stateDirectory()
}

/** Of {@link buildFolder}: trees that programs read, and store paths as links to them. */
export function treeFolder(folder: string): string {
  return join(folder, "trees")
}
/** What builds write while they run. */
export function workFolder(folder: string): string {
  return join(folder, "builds")
}
export function rootFolder(folder: string): string {
  return join(folder, "root")
}

/** Of builds that failed. */
export function keptFolder(folder: string): string {
  return join(folder, "failed")
}

export function timesFile(store: Store): string {
  return join(buildFolder(store), "build-times.json")
}

export function logFolder(store: Store): string {
  return join(buildFolder(store), "log")
}
