import { TreeBuilder, type CallOptions, type TreeSink } from "@tvix-ts/castore"
import { startHash } from "@tvix-ts/hash"
import { contentAddressPath, formatStorePath, NarWriter, parseStorePath, type StorePath } from "@tvix-ts/nix-compat"
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
  const hasher = startHash("sha256")
  let narSize = 0
  const writer = new NarWriter((bytes) => {
    hasher.update(bytes)
    scanner?.update(bytes)
    narSize += bytes.length
  })
  const builder = new TreeBuilder(store, options)
  let node
  try {
    await produce(both(builder, writer))
    void writer.end()
    node = await builder.finish()
  } catch (error) {
    await builder.abort()
    throw error
  }
  const narHash = hasher.digest()
  const references = foundReferences(candidates, scanner?.found ?? new Set())
  const contentAddress = { method: "nar", hash: { algorithm: "sha256", digest: narHash } } as const
  const others = references.map((path) => formatStorePath(path))
  const storePath = parseStorePath(contentAddressPath(name, contentAddress, { others, self: false }))
  return store.pathInfos.put({ storePath, node, references, narSize, narHash, signatures: [], contentAddress }, options)
}

/** Tells both, and waits for the first, if it asks for that. The second never does. */
function both(first: TreeSink, second: NarWriter): TreeSink {
  return {
    file(size, executable) {
      first.file(size, executable)
      second.file(size, executable)
    },
    contents(bytes) {
      const waiting = first.contents(bytes)
      void second.contents(bytes)
      return waiting
    },
    symlink(target) {
      first.symlink(target)
      second.symlink(target)
    },
    directory() {
      first.directory()
      second.directory()
    },
    entry(name) {
      first.entry(name)
      second.entry(name)
    },
    endDirectory() {
      first.endDirectory()
      second.endDirectory()
    },
  }
}
