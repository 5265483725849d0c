import { closeAll } from "../close-all.ts"
import { memoryNarCache } from "../nar/cache.ts"
import { calculatingNarService } from "../nar/calculate.ts"
import type { Store } from "../store.ts"
import { BinaryCache, type BinaryCacheOptions } from "./binary-cache.ts"
import type { CacheFiles } from "./cache-files.ts"

/**
 * A binary cache as a store. It keeps trees as archives, so they are taken apart into a castore when somebody asks for them:
 * that of the store in front of it, or one of its own.
 *
 * @param close frees the castore, if that is to go with the store
 */
export function binaryCacheStore(
  files: CacheFiles,
  options: BinaryCacheOptions & { readonly readOnly?: boolean },
  close: () => Promise<void> = async () => {},
): Store {
  const { castore, readOnly = false } = options
  const cache = new BinaryCache(files, options)
  return {
    // It may be opened by being asked for.
    get blobs() {
      return castore.blobs
    },
    get directories() {
      return castore.directories
    },
    pathInfos: cache,
    archives: cache,
    nar: calculatingNarService(castore, memoryNarCache()),
    readOnly,
    priority: () => cache.priority(),
    close: () => closeAll(cache, { close }),
  }
}
