import { CastoreError, type CallOptions } from "@tvix-ts/castore"
import { formatStorePath, storePathBase, type StorePath } from "@tvix-ts/nix-compat"
import type { PathDescription, PathInfo } from "../path-info/path-info.ts"
import type { PathInfoService } from "../path-info/service.ts"
import { Pool } from "../pool.ts"

/** Look-ups at once: what a server far away can be asked over as many connections. */
const AT_ONCE = 64

export interface ClosureOptions extends CallOptions {
  /** Whether the path, and with it what only it refers to, is left out. */
  readonly skip?: (path: StorePath) => Promise<boolean>
  /** Whether references are followed; so they are unless this is `false`. */
  readonly follow?: boolean
  /** Called with each that is found. */
  readonly onFound?: (description: PathDescription) => void
}

/**
 * Path infos of `paths` and of everything they refer to, each once and after all that it refers to: the order in which they
 * can be put without ever having one whose references are missing. Each is asked for as soon as something is known to refer
 * to it.
 *
 * @throws {CastoreError} `missing` if there is none of a path
 */
export function closureOf(
  paths: Iterable<StorePath>,
  pathInfos: Pick<PathInfoService, "get">,
  options: ClosureOptions = {},
): Promise<readonly PathInfo[]> {
  return closure(paths, (digest, callOptions) => pathInfos.get(digest, callOptions), options)
}

/** The same without their trees, for which some back ends would have to download all of them. */
export function describeClosure(
  paths: Iterable<StorePath>,
  pathInfos: Pick<PathInfoService, "describe">,
  options: ClosureOptions = {},
): Promise<readonly PathDescription[]> {
  return closure(paths, (digest, callOptions) => pathInfos.describe(digest, callOptions), options)
}

async function closure<T extends PathDescription>(
  paths: Iterable<StorePath>,
  get: (digest: string, options: CallOptions) => Promise<T | undefined>,
  options: ClosureOptions,
): Promise<readonly T[]> {
  const { skip, follow = true, onFound, ...callOptions } = options
  const known = new Map<string, T>()
  const asked = new Set<string>()
  const wanted = [...paths]
  const pool = new Pool(AT_ONCE)
  const lookUp = async (path: StorePath): Promise<void> => {
    if ((await skip?.(path)) === true) return
    const found = await get(path.digest, callOptions)
    if (found === undefined) throw new CastoreError({ code: "missing", what: formatStorePath(path) })
    known.set(path.digest, found)
    onFound?.(found)
    if (follow) found.references.forEach(ask)
  }
  const ask = (path: StorePath): void => {
    if (asked.has(path.digest)) return
    asked.add(path.digest)
    pool.add(() => lookUp(path))
  }
  wanted.forEach(ask)
  await pool.done()
  return inReferenceOrder(wanted, known)
}

type Referring = Pick<PathDescription, "storePath" | "references">

/**
 * The descriptions, each after those of them that it refers to; else by their base names, in which C++ Nix's
 * `topoSortPaths` (libstore/misc.cc) begins as well.
 */
export function byReferences<T extends Referring>(descriptions: Iterable<T>): readonly T[] {
  const sorted = [...descriptions].sort((a, b) => (storePathBase(a.storePath) < storePathBase(b.storePath) ? -1 : 1))
  const known = new Map(sorted.map((description) => [description.storePath.digest, description]))
  return inReferenceOrder(
    sorted.map(({ storePath }) => storePath),
    known,
  )
}

/** References first. Those that refer to each other, which no build makes, come in any order. */
function inReferenceOrder<T extends Referring>(
  wanted: readonly StorePath[],
  known: ReadonlyMap<string, T>,
): readonly T[] {
  const ordered: T[] = []
  const begun = new Set<string>()
  const open: { readonly pathInfo: T; next: number }[] = []
  const begin = (digest: string): void => {
    const pathInfo = known.get(digest)
    if (pathInfo === undefined || begun.has(digest)) return
    begun.add(digest)
    open.push({ pathInfo, next: 0 })
  }
  for (const { digest } of wanted) {
    begin(digest)
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      const reference = top.pathInfo.references[top.next++]
      if (reference !== undefined) begin(reference.digest)
      else ordered.push(open.pop()!.pathInfo)
    }
  }
  return ordered
}
