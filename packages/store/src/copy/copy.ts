import { equal } from "@tvix-ts/bytes"
import { CastoreError, type CallOptions } from "@tvix-ts/castore"
import { formatStorePath, type StorePath } from "@tvix-ts/nix-compat"
import { ahead } from "../ahead.ts"
import type { PathInfo } from "../path-info/path-info.ts"
import type { Store } from "../store.ts"
import { closureOf } from "./closure.ts"
import { copyTree } from "./tree.ts"

/** Paths that are copied at once: most are small, and wait for disks and answers. */
const PATHS_AT_ONCE = 8

export interface CopyOptions extends CallOptions {
  /** Whether what the paths refer to is copied as well; so it is unless this is `false`. */
  readonly closure?: boolean
  /**
   * Whether the destination works out the hash of each Nix archive from what it has stored, before there is a path info that
   * claims it; so it does unless this is `false`. Blobs and directories are always checked.
   */
  readonly verify?: boolean
  /** Whether large blobs are made from chunks that the destination has: for a source that is farther away than it is. */
  readonly reuseChunks?: boolean
  readonly onProgress?: (progress: CopyProgress) => void
}

/** What has been done so far; one object, which changes. */
export interface CopyProgress {
  /** Paths to be copied, and those that are. */
  pathsTotal: number
  paths: number
  /** Bytes of the archives of all paths to be copied: an upper bound of what there is to do. */
  narBytesTotal: number
  narBytes: number
  /** Contents of files that were read from the source, and that were at the destination already. */
  bytesCopied: number
  bytesThere: number
  /** One of those that are being copied, that for the longest time. */
  current: StorePath | undefined
}

/**
 * Copies `paths` with all that they refer to. What the destination has a path info of is there with all its references, and
 * left alone. A path's path info is put when everything of it is durable, and that of its references is: who is interrupted
 * leaves nothing that is not complete.
 *
 * @throws {CastoreError} `missing` if `from` has not all, `corrupt` if it is not what it says
 * @returns what was copied, in order
 */
export async function copyPaths(
  paths: Iterable<StorePath>,
  from: Store,
  to: Store,
  options: CopyOptions = {},
): Promise<readonly PathInfo[]> {
  const { signal, onProgress, verify = true, reuseChunks = false, closure: follow = true } = options
  const callOptions: CallOptions = signal === undefined ? {} : { signal }
  const progress: CopyProgress = {
    pathsTotal: 0,
    paths: 0,
    narBytesTotal: 0,
    narBytes: 0,
    bytesCopied: 0,
    bytesThere: 0,
    current: undefined,
  }
  const onBlob = (size: number, copied: boolean): void => {
    if (copied) progress.bytesCopied += size
    else progress.bytesThere += size
    onProgress?.(progress)
  }
  let there: StorePath[] = []
  const skip = async (path: StorePath): Promise<boolean> => {
    if ((await to.pathInfos.get(path.digest, callOptions)) === undefined) return false
    there.push(path)
    return true
  }
  const underWay = new Set<StorePath>()
  const copyOne = async (
    pathInfo: PathInfo,
    before: readonly Promise<PathInfo>[],
    one: CallOptions,
  ): Promise<PathInfo> => {
    const { storePath, node, narSize } = pathInfo
    underWay.add(storePath)
    progress.current ??= storePath
    onProgress?.(progress)
    await copyTree(node, from, to, { ...one, reuseChunks, onBlob })
    if (verify) await checkArchive(pathInfo, to, one)
    await Promise.all(before)
    await to.pathInfos.put(pathInfo, one)
    underWay.delete(storePath)
    progress.current = underWay.values().next().value
    progress.paths++
    progress.narBytes += narSize
    onProgress?.(progress)
    return pathInfo
  }
  const copied: PathInfo[] = []
  const copyAll = async (missing: readonly PathInfo[]): Promise<void> => {
    // If one fails, the others need not go on.
    const stop = new AbortController()
    const one = { signal: signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]) }
    const begun = new Map<string, Promise<PathInfo>>()
    const begin = (pathInfo: PathInfo): Promise<PathInfo> => {
      // Those that come later in spite of being referred to refer to this one: nobody waits for them.
      const before = pathInfo.references.flatMap(({ digest }) => begun.get(digest) ?? [])
      const copying = copyOne(pathInfo, before, one).catch((error: unknown) => {
        stop.abort(error)
        throw error
      })
      begun.set(pathInfo.storePath.digest, copying)
      return copying
    }
    for await (const pathInfo of ahead(missing, PATHS_AT_ONCE, begin)) copied.push(pathInfo)
  }
  for (let wanted = [...paths]; ;) {
    const missing = await closureOf(wanted, from.pathInfos, { ...callOptions, skip, follow })
    if (missing.length === 0) break
    progress.pathsTotal += missing.length
    for (const { narSize } of missing) progress.narBytesTotal += narSize
    await copyAll(missing)
    // What was there may have been collected before anything new referred to it. From now on it is kept: look again.
    wanted = there
    there = []
  }
  progress.current = undefined
  onProgress?.(progress)
  return copied
}

/** @throws {CastoreError} `corrupt` if the archive of the tree is not the one that the path info claims */
export async function checkArchive(
  { storePath, node, narSize, narHash }: PathInfo,
  store: Pick<Store, "nar">,
  options: CallOptions = {},
): Promise<void> {
  const calculated = await store.nar.calculate(node, options)
  const what = formatStorePath(storePath)
  if (calculated.narSize !== narSize) {
    const reason = `its Nix archive has ${calculated.narSize} bytes, not ${narSize}`
    throw new CastoreError({ code: "corrupt", what, reason })
  }
  if (!equal(calculated.narHash, narHash)) {
    throw new CastoreError({ code: "corrupt", what, reason: "its Nix archive has another SHA-256" })
  }
}
