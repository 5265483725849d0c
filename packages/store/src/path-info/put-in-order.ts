import type { CallOptions } from "@tvix-ts/castore"
import { ahead } from "../ahead.ts"
import { checkPathInfo } from "./check.ts"
import type { PathInfo } from "./path-info.ts"

/** Puts under way at once: enough to keep a peer busy. */
const PUTS_AT_ONCE = 16

/**
 * `putMany` for back ends that can only put one after the other: several at once, but none before those that it refers to and
 * that come before it, nor before another of the same path.
 *
 * @throws {CastoreError} `invalid`, before any is put
 */
export async function putInOrder(
  pathInfos: readonly PathInfo[],
  put: (pathInfo: PathInfo, options: CallOptions) => Promise<unknown>,
  { signal }: CallOptions,
): Promise<void> {
  for (const pathInfo of pathInfos) checkPathInfo(pathInfo)
  const stop = new AbortController()
  const one = { signal: signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]) }
  const begun = new Map<string, Promise<void>>()
  const begin = (pathInfo: PathInfo): Promise<void> => {
    const before = [pathInfo.storePath, ...pathInfo.references].flatMap(({ digest }) => begun.get(digest) ?? [])
    const putting = Promise.all(before)
      .then(async () => void (await put(pathInfo, one)))
      .catch((error: unknown) => {
        stop.abort(error)
        throw error
      })
    begun.set(pathInfo.storePath.digest, putting)
    return putting
  }
  for await (const _ of ahead(pathInfos, PUTS_AT_ONCE, begin));
}
