import { equal } from "@tvix-ts/bytes"
import { tellBoth, TreeBuilder, type CallOptions, type Contents, type Node, type TreeSink } from "@tvix-ts/castore"
import { startHash } from "@tvix-ts/hash"
import { NarReader, type StorePath } from "@tvix-ts/nix-compat"
import { invalid } from "../path-info/check.ts"
import type { NarCalculation } from "../path-info/service.ts"
import { foundReferences, ReferenceScanner } from "../references/scanner.ts"
import type { Store } from "../store.ts"

export interface IngestOptions extends CallOptions {
  /** What the archive has to be; anything else is refused. */
  readonly narSize?: number
  /** SHA-256: 32 bytes. */
  readonly narHash?: Uint8Array
  /** Bytes that the archive may have. */
  readonly narSizeMax?: number
  /** Entries that its directories may have together: each takes some hundred bytes of memory while it is stored. */
  readonly entriesMax?: number
  /** Store paths that the archive may mention. */
  readonly candidates?: Iterable<StorePath>
}

export interface Ingested extends NarCalculation {
  readonly node: Node
  /** Those of the candidates that the archive mentions, as path infos have them. */
  readonly references: readonly StorePath[]
}

/**
 * Stores the tree of a Nix archive in one pass. All of it is durable when the promise resolves; if it is refused, or fails,
 * nothing of it can be seen.
 *
 * @throws {NarError} for what is no archive, with the offset of the byte
 * @throws {CastoreError} `invalid` for another archive than was expected
 */
export async function ingestNar(
  contents: Contents,
  store: Pick<Store, "blobs" | "directories">,
  options: IngestOptions = {},
): Promise<Ingested> {
  const { signal, narSize: expectedSize, narHash: expectedHash } = options
  const candidates = [...(options.candidates ?? [])]
  const sizeMax = Math.min(expectedSize ?? Infinity, options.narSizeMax ?? Number.MAX_SAFE_INTEGER)
  signal?.throwIfAborted()
  const builder = new TreeBuilder(store, options)
  try {
    const { entriesMax } = options
    const sink = entriesMax === undefined ? builder : tellBoth(builder, entryLimit(entriesMax))
    const reader = new NarReader(sink, { sizeMax })
    const hasher = startHash("sha256")
    const scanner = candidates.length === 0 ? undefined : new ReferenceScanner(candidates.map(({ digest }) => digest))
    let narSize = 0
    for await (const piece of contents) {
      signal?.throwIfAborted()
      const waiting = reader.write(piece)
      hasher.update(piece)
      scanner?.update(piece)
      narSize += piece.length
      if (waiting !== undefined) await waiting
    }
    reader.end()
    const narHash = hasher.digest()
    if (expectedSize !== undefined && narSize !== expectedSize) {
      invalid("narSize", `the archive has ${narSize} bytes, not ${expectedSize}`)
    }
    if (expectedHash !== undefined && !equal(narHash, expectedHash)) {
      invalid("narHash", "the archive has another SHA-256 than it should have")
    }
    const node = await builder.finish()
    return { node, narSize, narHash, references: foundReferences(candidates, scanner?.found ?? new Set()) }
  } catch (error) {
    await builder.abort()
    throw error
  }
}

/** Refuses a tree of too many entries. */
function entryLimit(max: number): TreeSink {
  let count = 0
  return {
    file() {},
    contents() {},
    symlink() {},
    directory() {},
    entry() {
      if (++count > max) invalid("archive", `it has more than ${max} files and folders`)
    },
    endDirectory() {},
  }
}
