import { chmodSync, lstatSync, lutimesSync, readdirSync } from "node:fs"
import { walkNode, type BlobService, type CallOptions, type DirectoryService, type Node } from "@tvix-ts/castore"
import { WriteTree } from "@tvix-ts/castore/node"

export interface TreeSource {
  readonly blobs: BlobService
  readonly directories: DirectoryService
}

/** Seconds since 1970: the time that Nix gives everything in its store. */
const MTIME = 1
const FILE = 0o444
const EXECUTABLE = 0o555
const MOVABLE = 0o755
const OWNER_EXECUTES = 0o100

/**
 * Writes a tree to a path where nothing is, with the permissions and times that it has in a store. Only its owner may write
 * into a directory that is to be moved: it gets its own permissions where it arrives, from {@link isPlaced}.
 */
export async function writeTree(path: string, node: Node, from: TreeSource, options: CallOptions): Promise<void> {
  const tree = new WriteTree(path)
  try {
    await walkNode(node, from, tree, options)
    tree.finish()
  } catch (error) {
    tree.abort()
    throw error
  }
  canonicalise(path)
}

/** Whether there is a tree at the path to which it was moved. */
export function isPlaced(path: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (stats?.isDirectory() === true && (stats.mode & 0o777) !== EXECUTABLE) chmodSync(path, EXECUTABLE)
  return stats !== undefined
}

/** Gives everything in the tree the permissions and the time that it has in a store, but for the root's permissions. */
function canonicalise(root: string): void {
  const first = Buffer.from(root)
  const open: Buffer[] = [first]
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const stats = lstatSync(path)
    if (stats.isDirectory()) for (const name of readdirSync(path, "buffer")) open.push(below(path, name))
    if (stats.isFile()) chmodSync(path, (stats.mode & OWNER_EXECUTES) !== 0 ? EXECUTABLE : FILE)
    else if (stats.isDirectory()) chmodSync(path, path === first ? MOVABLE : EXECUTABLE)
    lutimesSync(path, MTIME, MTIME)
  }
}

function below(folder: Buffer, name: Buffer): Buffer {
  return Buffer.concat([folder, SLASH, name])
}
const SLASH = Buffer.from("/")
