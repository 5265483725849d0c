import { CastoreError, type CallOptions } from "@tvix-ts/castore"
import {
  contentAddressPath,
  formatStorePath,
  parseStorePath,
  StorePathError,
  type StorePath,
} from "@tvix-ts/nix-compat"
import { describeCastoreFinding, type CastoreFinding, type VerifyCastoreOptions } from "@tvix-ts/castore/node"
import { checkArchive } from "../copy/copy.ts"
import { calculateNar } from "../nar/calculate.ts"
import type { PathInfo } from "../path-info/path-info.ts"
import type { LocalStore } from "./local/store.ts"

/** Something that is not as it should be. A `note` is nothing wrong with the store itself. */
export type StoreFinding =
  /** What is stored as a path info is none. */
  | { readonly code: "path-info-damaged"; readonly digest: string; readonly reason: string }
  /** The path is not the one that follows from the content address, or the other way round. */
  | { readonly code: "path-wrong"; readonly path: StorePath; readonly reason: string }
  /** Something in the castore. */
  | { readonly code: "castore-damaged"; readonly finding: CastoreFinding }
  /** Something of the tree is missing or damaged, or its Nix archive is not what the path info says. */
  | { readonly code: "tree-damaged"; readonly path: StorePath; readonly reason: string }
  /** A note: there is no path info of something that a path refers to. */
  | { readonly code: "reference-missing"; readonly path: StorePath; readonly reference: StorePath }
  /** A note: there is no path info of something that is to be kept. */
  | { readonly code: "root-missing"; readonly name: string; readonly path: StorePath }

export interface VerifyOptions extends VerifyCastoreOptions {
  /** Called before the tree of a path is read. */
  readonly onPath?: (path: StorePath) => void
}

export function isNote({ code }: StoreFinding): boolean {
  return code === "reference-missing" || code === "root-missing"
}

/** One line of text. */
export function describeFinding(finding: StoreFinding): string {
  switch (finding.code) {
    case "path-info-damaged":
      return `path info ${finding.digest} is damaged: ${finding.reason}`
    case "path-wrong":
      return `${formatStorePath(finding.path)} has the wrong path: ${finding.reason}`
    case "castore-damaged":
      return describeCastoreFinding(finding.finding)
    case "tree-damaged":
      return finding.reason
    case "reference-missing":
      return `${formatStorePath(finding.path)} refers to ${formatStorePath(finding.reference)}, which is not in the store`
    case "root-missing":
      return `${formatStorePath(finding.path)}, to be kept for '${finding.name}', is not in the store`
  }
}

/**
 * Checks everything that is stored: first the castore itself, then every path info, and every tree by reading it as an archive.
 * With `repair`, what is damaged is forgotten, so that whoever puts it again makes it whole.
 */
export async function* verifyStore(
  store: LocalStore,
  options: VerifyOptions = {},
): AsyncGenerator<StoreFinding, void, undefined> {
  for await (const finding of store.castore.verify(options)) yield { code: "castore-damaged", finding }
  yield* verifyPathInfos(store, options)
}

/** What {@link verifyStore} does about path infos and their trees. */
export async function* verifyPathInfos(
  store: Pick<LocalStore, "pathInfos" | "roots" | "blobs" | "directories">,
  options: VerifyOptions = {},
): AsyncGenerator<StoreFinding, void, undefined> {
  const { onPath, signal } = options
  const callOptions: CallOptions = signal === undefined ? {} : { signal }
  const known = new Set<string>()
  for (const row of store.pathInfos.rows()) known.add(row.digest)
  // What was calculated before is no proof of what is there now.
  const nar = { calculate: (node: PathInfo["node"], options?: CallOptions) => calculateNar(node, store, options) }
  for (const { digest, pathInfo } of store.pathInfos.rows()) {
    signal?.throwIfAborted()
    if (pathInfo instanceof CastoreError) {
      const { problem } = pathInfo
      const reason = problem.code === "corrupt" ? problem.reason : pathInfo.message
      if (options.repair === true) store.pathInfos.delete(digest)
      yield { code: "path-info-damaged", digest, reason }
      continue
    }
    const path = pathInfo.storePath
    onPath?.(path)
    const wrong = wrongPath(pathInfo)
    if (wrong !== undefined) yield { code: "path-wrong", path, reason: wrong }
    for (const reference of pathInfo.references) {
      if (!known.has(reference.digest)) yield { code: "reference-missing", path, reference }
    }
    try {
      await checkArchive(pathInfo, { nar }, callOptions)
    } catch (error) {
      if (!(error instanceof CastoreError) || error.problem.code === "unavailable") throw error
      const { message } = error
      const name = formatStorePath(path)
      yield { code: "tree-damaged", path, reason: message.startsWith(name) ? message : `${name}: ${message}` }
    }
  }
  for (const { name, path } of store.roots.list()) {
    if (!known.has(path.digest)) yield { code: "root-missing", name, path }
  }
}

/** Why a content-addressed path cannot have this content address; `undefined` if it can. */
function wrongPath({ storePath, references, contentAddress }: PathInfo): string | undefined {
  if (contentAddress === undefined) return undefined
  const others = references.filter(({ digest }) => digest !== storePath.digest)
  try {
    const path = contentAddressPath(storePath.name, contentAddress, {
      others: others.map((path) => formatStorePath(path)),
      self: others.length < references.length,
    })
    if (parseStorePath(path).digest === storePath.digest) return undefined
    return `by its content address it would be ${path}`
  } catch (error) {
    if (error instanceof StorePathError) return error.message
    throw error
  }
}
