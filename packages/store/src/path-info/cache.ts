import { closeAll } from "../close-all.ts"
import type { PathInfoService } from "./service.ts"

/**
 * Looks into `near` first, and keeps there what is found in `far`. What is put goes to `far`, and then to `near` as well; what
 * is listed is what `far` has. That something is absent is never remembered.
 *
 * Whatever keeps `near` from being filled is no failure of reading. Closing closes both.
 */
export function cachePathInfoService(near: PathInfoService, far: PathInfoService): PathInfoService {
  return {
    async get(digest, options) {
      const cached = await near.get(digest, options)
      if (cached !== undefined) return cached
      const found = await far.get(digest, options)
      if (found === undefined) return undefined
      try {
        await near.put(found, options)
      } catch {
        // The next reader fetches it again: slower, and still right.
      }
      return found
    },
    async describe(digest, options) {
      return (await near.describe(digest, options)) ?? far.describe(digest, options)
    },
    async put(pathInfo, options) {
      const stored = await far.put(pathInfo, options)
      await near.put(stored, options)
      return stored
    },
    async putMany(pathInfos, options) {
      await far.putMany(pathInfos, options)
      await near.putMany(pathInfos, options)
    },
    list: (options) => far.list(options),
    close: () => closeAll(near, far),
  }
}
