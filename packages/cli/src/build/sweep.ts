import { encodeHex } from "@tvix-ts/bytes"
import type { Node } from "@tvix-ts/castore"
import { formatStorePath } from "@tvix-ts/nix-compat"
import type { PathInfo } from "@tvix-ts/store"
import type { LocalStore } from "@tvix-ts/store/node"
import { existsSync, rmSync } from "node:fs"
import { join } from "node:path"
import { buildFolder, rootFolder, treeFolder } from "./folders.ts"

/** Removes from disk what was there of store paths for programs to read, once these are gone from the store. */
export async function sweepTrees(store: LocalStore, removed: readonly PathInfo[]): Promise<void> {
  if (removed.length === 0) return
  await sweepStoreDirectory(store, removed)
  const folder = buildFolder(store)
  if (!existsSync(treeFolder(folder))) return
  for (const { storePath } of removed) rmSync(join(rootFolder(folder), formatStorePath(storePath)), { force: true })
  // The same tree may be under other store paths.
  const kept = new Set<string>()
  for await (const { node } of store.pathInfos.list()) kept.add(keyOf(node))
  const { TreeFolder } = await import("@tvix-ts/build/node")
  const trees = await TreeFolder.open(treeFolder(folder), store)
  try {
    for (const { node } of removed) {
      if (node.type !== "symlink" && !kept.has(keyOf(node))) await trees.remove(node)
    }
  } finally {
    await trees.close()
  }
}

async function sweepStoreDirectory(store: LocalStore, removed: readonly PathInfo[]): Promise<void> {
  const { openStoreDirectory } = await import("./places.ts")
  const own = await openStoreDirectory(store)
  if (own === undefined) return
  try {
    for (const { storePath } of removed) await own.remove(formatStorePath(storePath))
  } finally {
    await own.close()
  }
}

function keyOf(node: Node): string {
  if (node.type === "symlink") return node.target
  return `${node.type === "file" && node.executable} ${encodeHex(node.digest)}`
}
