import { mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, statSync, symlinkSync } from "node:fs"
import { basename, join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import type { CallOptions, Node } from "@tvix-ts/castore"
import { makeFolder, tryLock } from "@tvix-ts/castore/node"
import { Placings } from "./placings.ts"
import { removeTree } from "./remove-tree.ts"
import { treeKey } from "./tree-folder.ts"
import type { Trees } from "./trees.ts"
import { Workspace } from "./workspace.ts"
import { isPlaced, writeTree, type TreeSource } from "./written-tree.ts"

/** What is ours in the directory and no store path. */
const OWN = ".tvix"
const RETRY_MS = 2

/**
 * A store directory that belongs to one castore: trees are in it under the names of their store paths, where the programs in
 * them look for each other. Below `.tvix` is whose it is (`owner`, a link to that), what is being made, and for each path a
 * link that says which tree is there (`placed`): a path whose link is not there, or says something else, is none.
 */
export class StoreDirectory implements Trees {
  readonly #folder: string
  readonly #source: TreeSource
  readonly #workspace: Workspace
  readonly #placings = new Placings()

  private constructor(folder: string, source: TreeSource, workspace: Workspace) {
    this.#folder = folder
    this.#source = source
    this.#workspace = workspace
  }

  /**
   * Takes possession of the directory, if it is empty; `undefined` if it is not there, is another user's, or somebody else's
   * who put something into it.
   *
   * @param folder absolute
   * @param owner absolute path of what the trees are of
   */
  static async open(folder: string, owner: string, source: TreeSource): Promise<StoreDirectory | undefined> {
    if (!claim(folder, owner)) return undefined
    makeFolder(join(folder, OWN, "placed"), 0o755)
    return new StoreDirectory(folder, source, await Workspace.open(join(folder, OWN, "work")))
  }

  /** @param name a store path; its last component is what the tree will be called */
  async place(name: string, node: Node, options: CallOptions = {}): Promise<string> {
    const base = basename(name)
    const path = join(this.#folder, base)
    const found = (): string | undefined => (this.#has(base, node) ? path : undefined)
    return this.#placings.place(base, options, found, () => this.#write(base, node, options))
  }

  /** Removes what is there of a store path, if anything is. Nobody may need it any more. */
  async remove(name: string): Promise<void> {
    const doomed = this.#workspace.fresh()
    await this.#locked(undefined, () => this.#takeAway(basename(name), doomed))
    await removeTree(doomed)
  }

  async close(): Promise<void> {
    await this.#placings.settled()
    await this.#workspace.close()
  }

  #has(base: string, node: Node): boolean {
    const path = join(this.#folder, base)
    if (readLink(join(this.#folder, OWN, "placed", base)) !== keyOf(node)) return false
    return node.type === "symlink" ? readLink(path, "latin1") === node.target : isPlaced(path)
  }

  async #write(base: string, node: Node, options: CallOptions): Promise<string> {
    const path = join(this.#folder, base)
    const folder = this.#workspace.fresh()
    const draft = join(folder, "tree")
    mkdirSync(folder)
    try {
      await writeTree(draft, node, this.#source, options)
      await this.#locked(options.signal, () => {
        // Another process may have been faster. What else is there was left by one that was stopped.
        if (this.#has(base, node)) return
        this.#takeAway(base, join(folder, "before"))
        renameSync(draft, path)
        isPlaced(path)
        symlinkSync(keyOf(node), join(this.#folder, OWN, "placed", base))
      })
      return path
    } finally {
      await removeTree(folder)
    }
  }

  #takeAway(base: string, to: string): void {
    rmSync(join(this.#folder, OWN, "placed", base), { force: true })
    try {
      renameSync(join(this.#folder, base), to)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error
    }
  }

  /** Runs `work` while no other process changes what is in the directory. */
  async #locked(signal: AbortSignal | undefined, work: () => void): Promise<void> {
    for (;;) {
      const lock = tryLock(join(this.#folder, OWN, "lock"))
      if (lock === undefined) {
        await delay(RETRY_MS, undefined, { signal })
        continue
      }
      try {
        work()
        return
      } finally {
        lock.release()
      }
    }
  }
}

/** Whether the directory is the owner's, now if not before. */
function claim(folder: string, owner: string): boolean {
  const link = join(folder, OWN, "owner")
  const before = readLink(link)
  if (before !== undefined) return before === owner
  try {
    if (statSync(folder).uid !== process.getuid?.() || readdirSync(folder).some((name) => name !== OWN)) return false
    makeFolder(join(folder, OWN), 0o755)
    symlinkSync(owner, link)
    return true
  } catch {
    // It is not there, or not ours to write to, or another process was faster.
    return readLink(link) === owner
  }
}

function keyOf(node: Node): string {
  return node.type === "symlink" ? "symlink" : treeKey(node)
}

function readLink(path: string, encoding: "utf8" | "latin1" = "utf8"): string | undefined {
  try {
    return readlinkSync(path, encoding)
  } catch {
    return undefined
  }
}
