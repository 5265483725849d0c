import type { CallOptions } from "@tvix-ts/castore"
import { checkPathInfo, checkStoreDigest } from "./check.ts"
import type { PathInfo } from "./path-info.ts"
import { missingPath } from "./require-there.ts"
import type { PathInfoService } from "./service.ts"
import { mergeSignatures } from "./signatures.ts"

/** Path infos that last as long as the program. */
export function memoryPathInfoService(): PathInfoService {
  const stored = new Map<string, PathInfo>()
  const store = (pathInfo: PathInfo): PathInfo => {
    const { digest } = pathInfo.storePath
    const merged = mergeSignatures(stored.get(digest), pathInfo)
    stored.set(digest, copyOf(merged))
    return merged
  }
  const get = async (digest: string, options?: CallOptions): Promise<PathInfo | undefined> => {
    options?.signal?.throwIfAborted()
    checkStoreDigest(digest, "digest")
    return stored.get(digest)
  }
  return {
    get,
    describe: get,
    async has(digests, options) {
      options?.signal?.throwIfAborted()
      const there = new Set<string>()
      for (const digest of digests) {
        checkStoreDigest(digest, "digest")
        if (stored.has(digest)) there.add(digest)
      }
      return there
    },
    async put(pathInfo, options) {
      options?.signal?.throwIfAborted()
      checkPathInfo(pathInfo)
      for (const path of options?.requires ?? []) {
        if (stored.get(path.digest)?.storePath.name !== path.name) throw missingPath(path)
      }
      return store(pathInfo)
    },
    async putMany(pathInfos, options) {
      options?.signal?.throwIfAborted()
      for (const pathInfo of pathInfos) checkPathInfo(pathInfo)
      for (const pathInfo of pathInfos) store(pathInfo)
    },
    async *list(options) {
      for (const digest of [...stored.keys()].sort()) {
        options?.signal?.throwIfAborted()
        const pathInfo = stored.get(digest)
        if (pathInfo !== undefined) yield pathInfo
      }
    },
    async close() {},
  }
}

/** Arrays are the caller's, who may change them. */
function copyOf(pathInfo: PathInfo): PathInfo {
  return structuredClone(pathInfo)
}
