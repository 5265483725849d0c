/**
 * Garbage collection of a local store, while others read and write: first path infos, then what their trees were made of.
 *
 * What a path info refers to stays as long as it does. One that was put, or asked for by a client of a server, since the oldest
 * living writer began stays, since whoever writes puts references before what refers to them, and copies look again whether
 * they are still there.
 */
import { setImmediate as turn } from "node:timers/promises"
import { CastoreError, type CallOptions, type Node } from "@tvix-ts/castore"
import type { CollectProgress, CollectReport } from "@tvix-ts/castore/node"
import type { StorePath } from "@tvix-ts/nix-compat"
import type { PathInfo } from "../path-info/path-info.ts"
import type { StoredPathInfo } from "./local/path-infos.ts"
import type { LocalStore } from "./local/store.ts"

export interface CollectGarbageOptions extends CallOptions {
  /** Paths that are kept as roots are. */
  readonly pins?: Iterable<StorePath>
  /** Keeps also what was put, or seen by writers, less than so many ms ago. */
  readonly graceMs?: number
  /**
   * Keeps also what was put, or asked for by a client of a server, less than so many ms ago. Without this and {@link bytesMax},
   * only roots and pins keep anything.
   */
  readonly unusedMs?: number
  /**
   * Keeps also what was used last, as far as it has no more bytes than this, stored, together with what is kept in any case. Of
   * two paths the one that was used earlier goes first, but never before what refers to it.
   */
  readonly bytesMax?: number
  /** Whether derivations are kept whose outputs are; so they are unless this is `false`. */
  readonly keepDerivations?: boolean
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
 * Removes what no root leads to and, if there are limits, nobody uses.
 *
 * @throws {CastoreError} `unavailable` if another collection is running; `corrupt` if something that is to be kept is damaged,
 *   so that it cannot be told what else is
 */
export async function collectGarbage(store: LocalStore, options: CollectGarbageOptions = {}): Promise<GarbageReport> {
  const { signal, pins = [], graceMs = 0, bytesMax, keepDerivations = true, dryRun = false, onProgress } = options
  signal?.throwIfAborted()
  const pinned = [...pins].map(({ digest }) => digest)
  // Before what they kept is, so that none is left that leads to nothing.
  if (!dryRun) store.roots.removeDead()
  const horizon = await store.castore.horizon(graceMs)
  const rows = await readRows(store, signal)
  const roots = (): string[] => [...pinned, ...store.roots.living().map(({ path }) => path.digest)]
  const needs: Needs = ({ references, deriver }) =>
    keepDerivations && deriver !== undefined ? [...references, deriver] : references
  const always = new Closure(rows, needs, [...roots(), ...touchedSince(rows, horizon)])
  const used = await keptByUse(store, rows, always, options)
  const { kept, removed } = store.pathInfos.sweep(rows, () => [...roots(), ...used], needs, horizon, dryRun)
  const { indexBytes } = await store.castore.usage()
  const castore = await store.castore.collect({
    // Whatever was put since is younger than the horizon.
    roots: kept.map(({ node }) => node),
    horizon,
    graceMs,
    dryRun,
    ...(bytesMax !== undefined && { packBytesMax: Math.max(0, bytesMax - indexBytes) }),
    ...(signal !== undefined && { signal }),
    ...(onProgress !== undefined && { onProgress }),
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

type Rows = ReadonlyMap<string, StoredPathInfo>
/** What is kept with a path. */
type Needs = (pathInfo: PathInfo) => readonly StorePath[]

/** Rows that are read before somebody else gets a turn. */
const ROWS_PER_TURN = 1024

async function readRows(store: LocalStore, signal: AbortSignal | undefined): Promise<Rows> {
  const rows = new Map<string, StoredPathInfo>()
  for (const row of store.pathInfos.rows()) {
    rows.set(row.digest, row)
    if (rows.size % ROWS_PER_TURN !== 0) continue
    // oxlint-disable-next-line no-await-in-loop -- a server goes on serving
    await turn()
    signal?.throwIfAborted()
  }
  return rows
}

function touchedSince(rows: Rows, time: number): string[] {
  return [...rows.values()].filter(({ touched }) => touched >= time).map(({ digest }) => digest)
}

/** What a path info takes in the index, roughly; bytes. */
const PATH_INFO_BYTES = 1024

/** Digests of what is kept for its own sake, the one that was used last first. `always` is kept in any case. */
async function keptByUse(
  store: LocalStore,
  rows: Rows,
  always: Closure,
  { unusedMs, bytesMax, signal }: CollectGarbageOptions,
): Promise<readonly string[]> {
  if (unusedMs === undefined && bytesMax === undefined) return []
  const since = unusedMs === undefined ? 0 : Date.now() - unusedMs
  const byUse = [...rows.values()]
    .filter(({ touched, pathInfo }) => touched >= since && !(pathInfo instanceof CastoreError))
    .sort((a, b) => b.touched - a.touched || (a.digest < b.digest ? -1 : 1))
    .map(({ digest }) => digest)
  if (bytesMax === undefined) return byUse
  const groups = [[...always.paths()], ...byUse.map((digest) => always.add(digest))]
  const sizes = store.castore.measure(treesOf(groups), { ...(signal !== undefined && { signal }) })
  const size = sizes[Symbol.asyncIterator]()
  let left = bytesMax
  try {
    for (const [i, group] of groups.entries()) {
      for (const _ of group) {
        // oxlint-disable-next-line no-await-in-loop -- each is measured without what those before it have
        left -= PATH_INFO_BYTES + ((await size.next()).value ?? 0)
      }
      // The first is kept though it be too large.
      if (left < 0) return byUse.slice(0, Math.max(0, i - 1))
    }
    return byUse
  } finally {
    await size.return?.()
  }
}

function* treesOf(groups: readonly (readonly PathInfo[])[]): Generator<Node, void, undefined> {
  for (const group of groups) for (const { node } of group) yield node
}

/** Paths, and what is kept with them. */
class Closure {
  readonly #rows: Rows
  readonly #needs: Needs
  readonly #paths = new Map<string, PathInfo>()

  constructor(rows: Rows, needs: Needs, digests: Iterable<string>) {
    this.#rows = rows
    this.#needs = needs
    for (const digest of digests) this.add(digest)
  }

  paths(): Iterable<PathInfo> {
    return this.#paths.values()
  }

  /** What was not in it before. What is damaged, or not there, is left out. */
  add(digest: string): PathInfo[] {
    const added: PathInfo[] = []
    const reached = [digest]
    for (let next = reached.pop(); next !== undefined; next = reached.pop()) {
      const pathInfo = this.#rows.get(next)?.pathInfo
      if (pathInfo === undefined || pathInfo instanceof CastoreError || this.#paths.has(next)) continue
      this.#paths.set(next, pathInfo)
      added.push(pathInfo)
      for (const path of this.#needs(pathInfo)) reached.push(path.digest)
    }
    return added
  }
}
