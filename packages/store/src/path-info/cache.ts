import type { PathInfo } from "./path-info.ts"
import type { PathInfoService } from "./service.ts"

/**
 * Looks into `near` first, and keeps there what is found in `far`. What is put goes to `far`, and then to `near` as well; what
 * is listed is what `far` has. That something is absent is never remembered.
 */
export function cachePathInfoService(near: PathInfoService, far: PathInfoService): PathInfoService {
  return {
    async get(digest, options) {
      const cached = await near.get(digest, options)
      if (cached !== undefined) return cached
      const found = await far.get(digest, options)
      return found === undefined ? undefined : keep(found, options)
    },
    async put(pathInfo, options) {
      return keep(await far.put(pathInfo, options), options)
    },
    list: (options) => far.list(options),
    async close() {
      const closed = await Promise.allSettled([near.close(), far.close()])
      for (const result of closed) if (result.status === "rejected") throw result.reason
    },
  }

  async function keep(pathInfo: PathInfo, options: Parameters<PathInfoService["put"]>[1]): Promise<PathInfo> {
    await near.put(pathInfo, options)
    return pathInfo
  }
}
