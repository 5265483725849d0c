import { mkdirSync, renameSync } from "node:fs"
import { join } from "node:path"
import { encodeHex } from "@tvix-ts/bytes"
import type { CallOptions, Node } from "@tvix-ts/castore"
import { Placings } from "./placings.ts"
import { removeTree } from "./remove-tree.ts"
import type { Trees } from "./trees.ts"
import { Workspace } from "./workspace.ts"
import { isPlaced, writeTree, type TreeSource } from "./written-tree.ts"

/**
 * The trees of a castore in a folder on disk, each once: under a name made of its digest, so that processes can share the
 * folder. A tree appears there when it is complete, read-only, with the permissions and times that Nix gives it.
 */
export class TreeFolder implements Trees {
  readonly #source: TreeSource
  readonly #workspace: Workspace
  readonly #placings = new Placings()

  private constructor(source: TreeSource, workspace: Workspace) {
    this.#source = source
    this.#workspace = workspace
  }

  /** @param folder absolute; made if it is not there */
  static async open(folder: string, source: TreeSource): Promise<TreeFolder> {
    return new TreeFolder(source, await Workspace.open(folder))
  }

  async place(_name: string, node: Node, options: CallOptions = {}): Promise<string> {
    const path = join(this.#workspace.folder, treeKey(node))
    const found = (): string | undefined => (isPlaced(path) ? path : undefined)
    return this.#placings.place(path, options, found, () => this.#write(node, path, options))
  }

  /** Removes the tree, if it is there. Nobody may need it any more. */
  async remove(node: Node): Promise<void> {
    const doomed = this.#workspace.fresh()
    try {
      renameSync(join(this.#workspace.folder, treeKey(node)), doomed)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return
      throw error
    }
    await removeTree(doomed)
  }

  async close(): Promise<void> {
    await this.#placings.settled()
    await this.#workspace.close()
  }

  async #write(node: Node, path: string, options: CallOptions): Promise<string> {
    const folder = this.#workspace.fresh()
    const draft = join(folder, "tree")
    mkdirSync(folder)
    try {
      await writeTree(draft, node, this.#source, options)
      renameSync(draft, path)
      isPlaced(path)
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

/** Says which tree it is, for the name of a file. */
export function treeKey(node: Node): string {
  if (node.type === "symlink") throw new TypeError("a symlink has no tree of its own")
  const kind = node.type === "directory" ? "d" : node.executable ? "x" : "f"
  return `${kind}-${encodeHex(node.digest)}`
}
