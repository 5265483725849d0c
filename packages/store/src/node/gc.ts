/**
 * Garbage collection of a local store, while others read and write: first path infos, then what their trees were made of.
 *
 * What a path info refers to stays as long as it does. One that was put since the oldest living writer began stays, since
 * whoever writes puts references before what refers to them, and copies look again whether they are still there.
 */
import { CastoreError, type CallOptions } from "@tvix-ts/castore"
import type { CollectProgress, CollectReport } from "@tvix-ts/castore/node"
import type { StorePath } from "@tvix-ts/nix-compat"
import type { PathInfo } from "../path-info/path-info.ts"
import type { LocalStore } from "./local/store.ts"

export interface CollectGarbageOptions extends CallOptions {
  /** Paths that are kept as roots are. */
  readonly pins?: Iterable<StorePath>
  /** Keeps also what was put or seen less than so many ms ago. */
  readonly graceMs?: number
  /** Says what would go, and removes nothing. */
  readonly dryRun?: boolean
  readonly onProgress?: (progress: CollectProgress) => void
}

export interface GarbageReport {
  readonly keptPaths: number
  /** Path infos that went or, in a dry run, would go; damaged ones only have a digest. */
  readonly removedPaths: readonly { readonly digest: string; readonly pathInfo: PathInfo | undefined }[]
  /** Bytes of the archives of these. What their trees share with others stays. */
  readonly removedNarBytes: number
  /** What was done about chunks, blobs and directories. */
  readonly castore: CollectReport
}

/**
 * Removes what no root leads to.
 *
 * @throws {CastoreError} `unavailable` if another collection is running; `corrupt` if something that is to be kept is damaged,
 *   so that it cannot be told what else is
 */
export async function collectGarbage(store: LocalStore, options: CollectGarbageOptions = {}): Promise<GarbageReport> {
  const { signal, pins = [], graceMs = 0, dryRun = false, onProgress } = options
  signal?.throwIfAborted()
  const pinned = [...pins].map(({ digest }) => digest)
  // Before what they kept is, so that none is left that leads to nothing.
  if (!dryRun) store.roots.removeDead()
  const horizon = await store.castore.horizon(graceMs)
  const roots = (): string[] => [...pinned, ...store.roots.living().map(({ path }) => path.digest)]
  const { kept, removed } = store.pathInfos.sweep(roots, horizon, dryRun)
  const castore = await store.castore.collect({
    // Whatever was put since is younger than the horizon.
    roots: kept.map(({ node }) => node),
    horizon,
    graceMs,
    dryRun,
    ...(signal === undefined ? {} : { signal }),
    ...(onProgress === undefined ? {} : { onProgress }),
  })
  if (!dryRun) store.forgetCalculations()
  const removedPaths = removed.map(({ digest, pathInfo }) => ({
    digest,
    pathInfo: pathInfo instanceof CastoreError ? undefined : pathInfo,
  }))
  return {
    keptPaths: kept.length,
    removedPaths,
    removedNarBytes: removedPaths.reduce((sum, { pathInfo }) => sum + (pathInfo?.narSize ?? 0), 0),
    castore,
  }
}
