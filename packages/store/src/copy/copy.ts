import { equal } from "@tvix-ts/bytes"
import { CastoreError, type CallOptions } from "@tvix-ts/castore"
import { formatStorePath, type PublicKey, type StorePath } from "@tvix-ts/nix-compat"
import type { PathDescription, PathInfo } from "../path-info/path-info.ts"
import { checkContents, checkTrust } from "../path-info/trust.ts"
import { Pool } from "../pool.ts"
import type { Store } from "../store.ts"
import { describeClosure } from "./closure.ts"
import { copyTree } from "./tree.ts"

/** Paths that are copied at once: most are small, and wait for disks and answers; for those of a server most of all. */
const PATHS_AT_ONCE = 8
const ARCHIVES_AT_ONCE = 16

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
  /** Who has to have signed what is copied, unless it is content-addressed. */
  readonly trusted?: readonly PublicKey[]
  readonly onProgress?: (progress: CopyProgress) => void
  /** Called with each path that is copied: when that begins, and when it is there. */
  readonly onPath?: (description: PathDescription, state: "begun" | "done") => void
}

/** What has been done so far; one object, which changes. */
export interface CopyProgress {
  /** Paths that are known to be missing, while it is found out which are. */
  found: number
  /** Paths to be copied, and those that are. */
  pathsTotal: number
  paths: number
  /** Bytes of the archives of all paths to be copied: an upper bound of what there is to do. */
  narBytesTotal: number
  narBytes: number
  /**
   * Contents of files that were read from the source, and that were at the destination already; of what comes or goes as
   * archives, the archives.
   */
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
  const { signal, onProgress, onPath, verify = true, reuseChunks = false, closure: follow = true, trusted } = options
  const callOptions: CallOptions = signal === undefined ? {} : { signal }
  const progress: CopyProgress = {
    found: 0,
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
  const onBytes = (bytes: number): void => onBlob(bytes, true)
  let there: StorePath[] = []
  const has = async (path: StorePath): Promise<boolean> => {
    // Who takes archives may be one of whom nothing is read.
    if (to.archives !== undefined) return (await to.pathInfos.has([path.digest], callOptions)).size > 0
    return (await to.pathInfos.describe(path.digest, callOptions)) !== undefined
  }
  const skip = async (path: StorePath): Promise<boolean> => {
    if (!(await has(path))) return false
    there.push(path)
    return true
  }
  const onFound = (): void => {
    progress.found++
    onProgress?.(progress)
  }
  const infoOf = async (description: PathDescription, one: CallOptions): Promise<PathInfo> => {
    if (isPathInfo(description)) return description
    const { storePath } = description
    const pathInfo = await from.pathInfos.get(storePath.digest, one)
    if (pathInfo !== undefined) return pathInfo
    throw new CastoreError({ code: "missing", what: formatStorePath(storePath) })
  }
  /** @param after when all that it refers to is there */
  const transfer = async (
    description: PathDescription,
    after: Promise<unknown>,
    one: CallOptions,
  ): Promise<PathInfo> => {
    const { storePath } = description
    if (trusted !== undefined) await checkTrust(description, trusted, formatStorePath(storePath))
    if (to.archives !== undefined) {
      const pathInfo = await infoOf(description, one)
      if (trusted !== undefined) await checkContents(pathInfo, pathInfo.node, from, one)
      await to.archives.push(pathInfo, from, { ...one, onBytes, after })
      return pathInfo
    }
    let pathInfo
    if (from.archives !== undefined && !isPathInfo(description)) {
      pathInfo = await from.archives.fetch(description, to, { ...one, onBytes })
    } else {
      pathInfo = await infoOf(description, one)
      await copyTree(pathInfo.node, from, to, { ...one, reuseChunks, onBlob })
      if (verify) await checkArchive(pathInfo, to, one)
      if (trusted !== undefined) await checkContents(pathInfo, pathInfo.node, to, one)
    }
    await after
    await to.pathInfos.put(pathInfo, one)
    return pathInfo
  }
  const underWay = new Set<StorePath>()
  const copyOne = async (
    description: PathDescription,
    after: Promise<unknown>,
    one: CallOptions,
  ): Promise<PathInfo> => {
    const { storePath, narSize } = description
    underWay.add(storePath)
    progress.current ??= storePath
    onProgress?.(progress)
    onPath?.(description, "begun")
    const pathInfo = await transfer(description, after, one)
    underWay.delete(storePath)
    progress.current = underWay.values().next().value
    progress.paths++
    progress.narBytes += narSize
    onProgress?.(progress)
    onPath?.(description, "done")
    return pathInfo
  }
  const copyAll = async (missing: readonly PathDescription[]): Promise<readonly PathInfo[]> => {
    // If one fails, the others need not go on.
    const stop = new AbortController()
    const one = { signal: signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]) }
    const begun = new Map<string, Promise<PathInfo>>()
    const begin = async (description: PathDescription): Promise<void> => {
      // Those that come later in spite of being referred to refer to this one: nobody waits for them.
      const after = Promise.all(description.references.flatMap(({ digest }) => begun.get(digest) ?? []))
      after.catch(() => {})
      const copying = copyOne(description, after, one).catch((error: unknown) => {
        stop.abort(error)
        throw error
      })
      begun.set(description.storePath.digest, copying)
      await copying
    }
    const isArchived = from.archives !== undefined || to.archives !== undefined
    const pool = new Pool(isArchived ? ARCHIVES_AT_ONCE : PATHS_AT_ONCE)
    for (const description of missing) pool.add(() => begin(description))
    await pool.done()
    return Promise.all(begun.values())
  }
  const copied: PathInfo[] = []
  for (let wanted = [...paths]; ;) {
    const missing = await describeClosure(wanted, from.pathInfos, { ...callOptions, skip, follow, onFound })
    if (missing.length === 0) break
    progress.pathsTotal += missing.length
    for (const { narSize } of missing) progress.narBytesTotal += narSize
    copied.push(...(await copyAll(missing)))
    // What was there may have been collected before anything new referred to it. From now on it is kept: look again.
    wanted = there
    there = []
  }
  progress.current = undefined
  onProgress?.(progress)
  return copied
}

function isPathInfo(description: PathDescription): description is PathInfo {
  return "node" in description
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
