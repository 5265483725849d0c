import { chmodSync, lstatSync, lutimesSync, mkdirSync, readdirSync, renameSync } from "node:fs"
import { join } from "node:path"
import { encodeHex } from "@tvix-ts/bytes"
import { walkNode, type BlobService, type CallOptions, type DirectoryService, type Node } from "@tvix-ts/castore"
import { WriteTree } from "@tvix-ts/castore/node"
import { removeTree } from "./remove-tree.ts"
import type { Trees } from "./trees.ts"
import { Workspace } from "./workspace.ts"

interface Services {
  readonly blobs: BlobService
  readonly directories: DirectoryService
}

/** Seconds since 1970: the time that Nix gives everything in its store. */
const MTIME = 1

/**
 * The trees of a castore in a folder on disk, each once: under a name made of its digest, so that processes can share the
 * folder. A tree appears there when it is complete, read-only, with the permissions and times that Nix gives it.
 */
export class TreeFolder implements Trees {
  readonly #services: Services
  readonly #workspace: Workspace
  readonly #placing = new Map<string, Promise<string>>()

  private constructor(services: Services, workspace: Workspace) {
    this.#services = services
    this.#workspace = workspace
  }

  /** @param folder absolute; made if it is not there */
  static async open(folder: string, services: Services): Promise<TreeFolder> {
    return new TreeFolder(services, await Workspace.open(folder))
  }

  async place(_name: string, node: Node, options: CallOptions = {}): Promise<string> {
    const path = this.#path(node)
    // Others' signals end their waiting, not our work: who waits for somebody who gave up begins anew.
    for (;;) {
      options.signal?.throwIfAborted()
      const placing = this.#placing.get(path)
      if (placing === undefined) break
      await placing.catch(() => undefined)
    }
    if (isThere(path)) return path
    const placing = this.#write(node, path, options).finally(() => this.#placing.delete(path))
    this.#placing.set(path, placing)
    return placing
  }

  /** Removes the tree, if it is there. Nobody may need it any more. */
  async remove(node: Node): Promise<void> {
    const doomed = this.#workspace.fresh()
    try {
      renameSync(this.#path(node), doomed)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return
      throw error
    }
    await removeTree(doomed)
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#placing.values())
    await this.#workspace.close()
  }

  #path(node: Node): string {
    if (node.type === "symlink") throw new TypeError("a symlink has no tree of its own")
    const kind = node.type === "directory" ? "d" : node.executable ? "x" : "f"
    return join(this.#workspace.folder, `${kind}-${encodeHex(node.digest)}`)
  }

  async #write(node: Node, path: string, options: CallOptions): Promise<string> {
    const folder = this.#workspace.fresh()
    const draft = join(folder, "tree")
    mkdirSync(folder)
    try {
      await write(draft, node, this.#services, options)
      canonicalise(draft)
      renameSync(draft, path)
      isThere(path)
      return path
    } catch (error) {
      // Another process was faster: a directory that is not empty stays when another is renamed to it.
      const { code } = error as NodeJS.ErrnoException
      if (code === "ENOTEMPTY" || code === "EEXIST") return path
      throw error
    } finally {
      await removeTree(folder)
    }
  }
}

async function write(path: string, node: Node, services: Services, options: CallOptions): Promise<void> {
  const tree = new WriteTree(path)
  try {
    await walkNode(node, services, tree, options)
    tree.finish()
  } catch (error) {
    tree.abort()
    throw error
  }
}

/** Only its owner may write into a directory that is to be moved; it gets its own permissions where it arrives. */
function isThere(path: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (stats?.isDirectory() === true && (stats.mode & 0o777) !== EXECUTABLE) chmodSync(path, EXECUTABLE)
  return stats !== undefined
}

const FILE = 0o444
const EXECUTABLE = 0o555
const MOVABLE = 0o755
const OWNER_EXECUTES = 0o100

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
