import { byteStringFrom, bytesOf } from "@tvix-ts/bytes"
import { CastoreError, type CallOptions } from "@tvix-ts/castore"
import { STORE_DIR } from "@tvix-ts/nix-compat"
import type { CacheFiles } from "./cache-files.ts"

/** What a binary cache says of itself: `nix-cache-info`, lines of a name, a colon and a value. */
export interface CacheInfo {
  /** Of several caches, the one with the lowest is asked first. */
  readonly priority: number
}

export const CACHE_INFO = "nix-cache-info"
const SIZE_MAX = 65_536
/** As in C++ Nix, for caches that say nothing. */
export const PRIORITY = 50

/**
 * `undefined` if there is none: then it is no binary cache, or an empty one.
 *
 * @throws {CastoreError} `corrupt` if it is of another store
 */
export async function readCacheInfo(files: CacheFiles, options: CallOptions): Promise<CacheInfo | undefined> {
  const bytes = await files.read(CACHE_INFO, SIZE_MAX, options)
  if (bytes === undefined) return undefined
  let priority = PRIORITY
  for (const line of byteStringFrom(bytes).split("\n")) {
    const [, name, value = ""] = /^([^:]+):(.*)$/.exec(line) ?? []
    if (name === "StoreDir" && value.trim() !== STORE_DIR) {
      const reason = `it is of paths in '${value.trim()}', not in '${STORE_DIR}'`
      throw new CastoreError({ code: "corrupt", what: files.shown(CACHE_INFO), reason })
    }
    if (name === "Priority" && /^\d{1,9}$/.test(value.trim())) priority = Number(value)
  }
  return { priority }
}

/** What makes an empty folder a binary cache. */
export async function writeCacheInfo(files: CacheFiles, options: CallOptions): Promise<void> {
  await files.write(CACHE_INFO, () => [bytesOf(`StoreDir: ${STORE_DIR}\n`)], "text/x-nix-cache-info", options)
}
