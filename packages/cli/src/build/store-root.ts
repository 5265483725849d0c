import { makeFolder } from "@tvix-ts/castore/node"
import type { Trees } from "@tvix-ts/build/node"
import { formatStorePath } from "@tvix-ts/nix-compat"
import type { PathInfo } from "@tvix-ts/store"
import { readlinkSync, renameSync, symlinkSync } from "node:fs"
import { dirname, join, relative } from "node:path"

/** A folder that stands for the root of a machine: store paths are below it as they would be on one, as links to their trees. */
export class StoreRoot {
  readonly #folder: string
  readonly #trees: Trees

  /** @param folder absolute */
  constructor(folder: string, trees: Trees) {
    this.#folder = folder
    this.#trees = trees
  }

  /** Puts a store path there and says where it is: an absolute path that ends in it. */
  async place({ storePath, node }: PathInfo): Promise<string> {
    const path = join(this.#folder, formatStorePath(storePath))
    makeFolder(dirname(path))
    const target =
      node.type === "symlink"
        ? Buffer.from(node.target, "latin1")
        : Buffer.from(relative(dirname(path), await this.#trees.place(formatStorePath(storePath), node)))
    if (readLink(path)?.equals(target) === true) return path
    const draft = `${path}.tmp-${process.pid}`
    symlinkSync(target, draft)
    renameSync(draft, path)
    return path
  }
}

function readLink(path: string): Buffer | undefined {
  try {
    return readlinkSync(path, "buffer")
  } catch {
    return undefined
  }
}
