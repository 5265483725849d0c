import { CastoreError, type CallOptions, type Node } from "@tvix-ts/castore"
import { parseStorePathBase, storePathBase, StorePathError, type StorePath } from "@tvix-ts/nix-compat"
import type { PathInfo, PathInfoService } from "@tvix-ts/store"

/** The folder that is mounted: of what is in it, each tree is asked for when somebody wants it. */
export interface Root {
  /** @param name a byte string */
  lookUp(name: string, options?: CallOptions): Promise<Node | undefined>
  /** Every name, each once. */
  list(options?: CallOptions): AsyncIterable<readonly [name: string, node: Node]>
}

/** A store directory: what is in a store, by the base names of the store paths. */
export function storeRoot(pathInfos: PathInfoService): Root {
  return {
    async lookUp(name, options) {
      const path = storePathNamed(name)
      if (path === undefined) return undefined
      const found = await pathInfos.get(path.digest, options)
      return found?.storePath.name === path.name ? found.node : undefined
    },
    async *list(options) {
      for await (const { storePath, node } of pathInfos.list(options)) yield [storePathBase(storePath), node]
    },
  }
}

/** A store directory with a few paths alone. Nothing is asked of the store that is not needed. */
export function pathsRoot(paths: readonly StorePath[], pathInfos: PathInfoService): Root {
  const byName = new Map(paths.map((path) => [storePathBase(path), path]))
  const find = async ({ digest }: StorePath, options?: CallOptions): Promise<PathInfo | undefined> =>
    pathInfos.get(digest, options)
  return {
    async lookUp(name, options) {
      const path = byName.get(name)
      return path && (await find(path, options))?.node
    },
    async *list(options) {
      for (const [name, path] of byName) {
        // oxlint-disable-next-line no-await-in-loop -- whoever lists may stop
        const info = await find(path, options)
        if (info === undefined) throw new CastoreError({ code: "missing", what: `'${name}'` })
        yield [name, info.node]
      }
    },
  }
}

/** Programs look for names of every kind, wherever they are. */
function storePathNamed(name: string): StorePath | undefined {
  try {
    const path = parseStorePathBase(name)
    // Only under its own name, whatever else would be understood.
    return storePathBase(path) === name ? path : undefined
  } catch (error) {
    if (error instanceof StorePathError) return undefined
    throw error
  }
}
