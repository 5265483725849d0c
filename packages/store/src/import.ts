import { tellBoth, TreeBuilder, type CallOptions, type TreeSink } from "@tvix-ts/castore"
import { contentAddressPath, formatStorePath, parseStorePath, type StorePath } from "@tvix-ts/nix-compat"
import { narHasher } from "./nar/hasher.ts"
import { checkPathName } from "./path-info/check.ts"
import type { PathInfo } from "./path-info/path-info.ts"
import { foundReferences, ReferenceScanner } from "./references/scanner.ts"
import type { Store } from "./store.ts"

export interface StoreTreeOptions extends CallOptions {
  /** The part of the store path after the digest. */
  readonly name: string
  /** Store paths that the tree may mention; those that it does become references. None are looked for without. */
  readonly candidates?: Iterable<StorePath>
}

/**
 * Stores a tree under the path that follows from its contents, as `nix-store --add` does, in one pass: what `produce` says
 * goes into the castore, into the hash of the Nix archive, and to the search for references at the same time.
 *
 * Blobs and directories are durable before there is a path info, and that before the promise resolves.
 *
 * @throws {CastoreError} `invalid` if no store path may have this name
 */
export async function storeTree(
  produce: (sink: TreeSink) => Promise<void>,
  store: Store,
  options: StoreTreeOptions,
): Promise<PathInfo> {
  const { name } = options
  checkPathName(name, "name")
  const candidates = [...(options.candidates ?? [])]
  const scanner = candidates.length === 0 ? undefined : new ReferenceScanner(candidates.map(({ digest }) => digest))
  const hasher = narHasher(scanner && ((bytes) => scanner.update(bytes)))
  const builder = new TreeBuilder(store, options)
  let nar
  let node
  try {
    await produce(tellBoth(builder, hasher.writer))
    nar = hasher.finish()
    node = await builder.finish()
  } catch (error) {
    await builder.abort()
    throw error
  }
  const references = foundReferences(candidates, scanner?.found ?? new Set())
  const contentAddress = { method: "nar", hash: { algorithm: "sha256", digest: nar.narHash } } as const
  const others = references.map((path) => formatStorePath(path))
  const storePath = parseStorePath(contentAddressPath(name, contentAddress, { others, self: false }))
  return store.pathInfos.put({ storePath, node, references, ...nar, signatures: [], contentAddress }, options)
}
