import { closeAll } from "../close-all.ts"
import { requireThere } from "./require-there.ts"
import type { PathInfoService } from "./service.ts"

/**
 * Looks into `near` first, and keeps there what is found in `far`. What is put goes to `far`, and then to `near` as well, to
 * `near` alone if `far` is read-only; what is listed is what `far` has, or then `near`. That something is absent is never
 * remembered.
 *
 * Whatever keeps `near` from being filled is no failure of reading. Closing closes both.
 */
export function cachePathInfoService(
  near: PathInfoService,
  far: PathInfoService,
  { readOnly = false }: { readonly readOnly?: boolean } = {},
): PathInfoService {
  return {
    async get(digest, options) {
      const { onArchive: _, ...nearOptions } = options ?? {}
      const cached = await near.get(digest, nearOptions)
      if (cached !== undefined) return cached
      const found = await far.get(digest, options)
      if (found === undefined) return undefined
      try {
        await near.put(found, nearOptions)
      } catch {
        // The next reader fetches it again: slower, and still right.
      }
      return found
    },
    async describe(digest, options) {
      return (await near.describe(digest, options)) ?? far.describe(digest, options)
    },
    async has(digests, options) {
      const asked = [...digests]
      const isNear = await near.has(asked, options)
      const others = asked.filter((digest) => !isNear.has(digest))
      return others.length === 0 ? isNear : isNear.union(await far.has(others, options))
    },
    async put(pathInfo, options) {
      const { requires = [], ...nearOptions } = options ?? {}
      if (!readOnly) return near.put(await far.put(pathInfo, options), nearOptions)
      const isNear = await Promise.all(
        requires.map(async ({ digest }) => (await near.describe(digest, nearOptions)) !== undefined),
      )
      await requireThere(
        requires.filter((_, i) => isNear[i] === false),
        far,
        nearOptions,
      )
      return near.put(pathInfo, { ...nearOptions, requires: requires.filter((_, i) => isNear[i] === true) })
    },
    async putMany(pathInfos, options) {
      if (!readOnly) await far.putMany(pathInfos, options)
      await near.putMany(pathInfos, options)
    },
    list: (options) => (readOnly ? near : far).list(options),
    close: () => closeAll(near, far),
  }
}
