import { CastoreError, type CallOptions } from "@tvix-ts/castore"
import { formatStorePath, type StorePath } from "@tvix-ts/nix-compat"
import { ahead } from "../ahead.ts"
import type { PathInfo } from "../path-info/path-info.ts"
import type { PathInfoService } from "../path-info/service.ts"

/** Look-ups at once. */
const AT_ONCE = 32

export interface ClosureOptions extends CallOptions {
  /** Whether the path, and with it what only it refers to, is left out. */
  readonly skip?: (path: StorePath) => Promise<boolean>
  /** Whether references are followed; so they are unless this is `false`. */
  readonly follow?: boolean
}

/**
 * Path infos of `paths` and of everything they refer to, each once and after all that it refers to: the order in which they
 * can be put without ever having one whose references are missing.
 *
 * @throws {CastoreError} `missing` if there is none of a path
 */
export async function closureOf(
  paths: Iterable<StorePath>,
  pathInfos: PathInfoService,
  options: ClosureOptions = {},
): Promise<readonly PathInfo[]> {
  const { skip, follow = true, ...callOptions } = options
  const known = new Map<string, PathInfo>()
  const asked = new Set<string>()
  const isNew = ({ digest }: StorePath): boolean => !asked.has(digest) && asked.add(digest) !== undefined
  const lookUp = async (path: StorePath): Promise<PathInfo | undefined> => {
    if ((await skip?.(path)) === true) return undefined
    const pathInfo = await pathInfos.get(path.digest, callOptions)
    if (pathInfo === undefined) throw new CastoreError({ code: "missing", what: formatStorePath(path) })
    return pathInfo
  }
  for (let level = [...paths].filter(isNew); level.length > 0;) {
    const next: StorePath[] = []
    for await (const pathInfo of ahead(level, AT_ONCE, lookUp)) {
      if (pathInfo === undefined) continue
      known.set(pathInfo.storePath.digest, pathInfo)
      if (follow) next.push(...pathInfo.references.filter(isNew))
    }
    level = next
  }
  return inReferenceOrder(known)
}

/** References first. Those that refer to each other, which no build makes, come in any order. */
function inReferenceOrder(known: ReadonlyMap<string, PathInfo>): readonly PathInfo[] {
  const ordered: PathInfo[] = []
  const begun = new Set<string>()
  const open: { readonly pathInfo: PathInfo; next: number }[] = []
  const begin = (digest: string): void => {
    const pathInfo = known.get(digest)
    if (pathInfo === undefined || begun.has(digest)) return
    begun.add(digest)
    open.push({ pathInfo, next: 0 })
  }
  for (const digest of known.keys()) {
    begin(digest)
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      const reference = top.pathInfo.references[top.next++]
      if (reference !== undefined) begin(reference.digest)
      else ordered.push(open.pop()!.pathInfo)
    }
  }
  return ordered
}
