import { tellBoth, TreeBuilder, type CallOptions, type TreeSink } from "@tvix-ts/castore"
import { startHash, type HashAlgorithm } from "@tvix-ts/hash"
import {
  contentAddressPath,
  formatStorePath,
  parseStorePath,
  type ContentAddress,
  type StorePath,
} from "@tvix-ts/nix-compat"
import { narHasher } from "./nar/hasher.ts"
import { checkPathName, invalid } from "./path-info/check.ts"
import type { PathInfo } from "./path-info/path-info.ts"
import { foundReferences, ReferenceScanner } from "./references/scanner.ts"
import type { Store } from "./store.ts"

export interface StoreTreeOptions extends CallOptions {
  /** The part of the store path after the digest. */
  readonly name: string
  /** What the path follows from; the SHA-256 of the Nix archive without. `flat` is the hash of a file's bytes alone. */
  readonly by?: { readonly method: "nar" | "flat"; readonly algorithm: HashAlgorithm }
  /** Store paths that the tree may mention; those that it does become references. None are looked for without. */
  readonly candidates?: Iterable<StorePath>
}

/**
 * Stores a tree under the path that follows from its contents, as `nix-store --add` does, in one pass: what `produce` says
 * goes into the castore, into the hash of the Nix archive, and to the search for references at the same time.
 *
 * By its own bytes only a file can be stored; that it is executable is lost then.
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
  const { method, algorithm } = options.by ?? BY_DEFAULT
  const other = method === "nar" && algorithm === "sha256" ? undefined : startHash(algorithm)
  const hasher = narHasher((bytes) => {
    scanner?.update(bytes)
    if (method === "nar") other?.update(bytes)
  })
  const builder = new TreeBuilder(store, options)
  let nar
  let node
  try {
    const sink = tellBoth(builder, hasher.writer)
    await produce(method === "flat" ? flatSink(sink, other!) : sink)
    nar = hasher.finish()
    node = await builder.finish()
  } catch (error) {
    await builder.abort()
    throw error
  }
  const references = foundReferences(candidates, scanner?.found ?? new Set())
  const contentAddress: ContentAddress = { method, hash: { algorithm, digest: other?.digest() ?? nar.narHash } }
  const others = references.map((path) => formatStorePath(path))
  const storePath = parseStorePath(contentAddressPath(name, contentAddress, { others, self: false }))
  return store.pathInfos.put({ storePath, node, references, ...nar, signatures: [], contentAddress }, options)
}

const BY_DEFAULT = { method: "nar", algorithm: "sha256" } as const

/** Passes on a file, and nothing else; `hasher` gets its bytes. */
function flatSink(sink: TreeSink, hasher: ReturnType<typeof startHash>): TreeSink {
  const refuse = (): never => invalid("tree", "it is not a regular file, and only that has a hash of its bytes")
  return {
    file: (size) => sink.file(size, false),
    contents(bytes) {
      hasher.update(bytes)
      return sink.contents(bytes)
    },
    symlink: refuse,
    directory: refuse,
    entry: refuse,
    endDirectory: refuse,
  }
}
