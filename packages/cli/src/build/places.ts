/** Where store paths are on this machine, for programs. */
import { StoreDirectory, TreeFolder, type Trees } from "@tvix-ts/build/node"
import { makeFolder } from "@tvix-ts/castore/node"
import { formatStorePath, STORE_DIR, type StorePath } from "@tvix-ts/nix-compat"
import { closureOf, type PathInfo, type Store } from "@tvix-ts/store"
import { readlinkSync, renameSync, symlinkSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { isLocal } from "../store/local-store.ts"
import { buildFolder, rootFolder, treeFolder } from "./folders.ts"

export interface Places {
  readonly trees: Trees
  /** Whether store paths are where programs look for them. */
  readonly areReal: boolean
  /** Puts a store path there and says where it is: text, an absolute path that ends in it. */
  place(pathInfo: PathInfo): Promise<string>
  close(): Promise<void>
}

/** In the machine's store directory, if that belongs to `store`; else in folders of its own. */
export async function openPlaces(store: Store): Promise<Places> {
  const own = await openStoreDirectory(store)
  if (own !== undefined) {
    return {
      trees: own,
      areReal: true,
      place: ({ storePath, node }) => own.place(formatStorePath(storePath), node),
      close: () => own.close(),
    }
  }
  const folder = buildFolder(store)
  const trees = await TreeFolder.open(treeFolder(folder), store)
  const root = rootFolder(folder)
  return {
    trees,
    areReal: false,
    place: (pathInfo) => link(root, trees, pathInfo),
    close: () => trees.close(),
  }
}

/** The machine's own, if it is the store's. */
export async function openStoreDirectory(store: Store): Promise<StoreDirectory | undefined> {
  return isLocal(store) ? StoreDirectory.open(STORE_DIR, store.dir, store) : undefined
}

/** Puts a store path, and what it refers to, where programs can use it. The result is where it is: text, an absolute path. */
export async function placeClosure(path: StorePath, store: Store, places: Places): Promise<string> {
  let place = ""
  // What was asked for comes last.
  for (const pathInfo of await closureOf([path], store.pathInfos)) place = await places.place(pathInfo)
  return place
}

/** Below `root`, which stands for the root of a machine, store paths are links to their trees. */
async function link(root: string, trees: Trees, { storePath, node }: PathInfo): Promise<string> {
  const path = join(root, formatStorePath(storePath))
  makeFolder(dirname(path))
  const target =
    node.type === "symlink"
      ? Buffer.from(node.target, "latin1")
      : Buffer.from(relative(dirname(path), await trees.place(formatStorePath(storePath), node)))
  if (readLink(path)?.equals(target) === true) return path
  const draft = `${path}.tmp-${process.pid}`
  symlinkSync(target, draft)
  renameSync(draft, path)
  return path
}

function readLink(path: string): Buffer | undefined {
  try {
    return readlinkSync(path, "buffer")
  } catch {
    return undefined
  }
}
