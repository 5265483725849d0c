import { walkNode, type CallOptions, type Node } from "@tvix-ts/castore"
import { NarWriter } from "@tvix-ts/nix-compat"
import type { Store } from "../store.ts"

/**
 * Gives the Nix archive of a tree to `output`, piece by piece.
 *
 * @param output may keep a piece only until it returns, or until the promise that it returns is fulfilled; until then it is
 *   not called again
 * @throws {CastoreError} `missing` or `corrupt` if the tree is not all there
 */
export async function writeNar(
  node: Node,
  store: Pick<Store, "blobs" | "directories">,
  output: (bytes: Uint8Array) => void | Promise<void>,
  options: CallOptions = {},
): Promise<void> {
  const writer = new NarWriter(output)
  await walkNode(node, store, writer, options)
  await writer.end()
}

/**
 * The Nix archive of a tree in pieces that are never empty; whoever takes one must be done with it before taking the next.
 * The errors are those of {@link writeNar}.
 */
export async function* renderNar(
  node: Node,
  store: Pick<Store, "blobs" | "directories">,
  options: CallOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const abort = new AbortController()
  const signal = options.signal === undefined ? abort.signal : AbortSignal.any([options.signal, abort.signal])
  /** The piece that is to be taken, and what its taker calls when it wants the next. */
  let piece: Uint8Array | undefined
  let taken: (() => void) | undefined
  let wake: (() => void) | undefined
  let ended = false
  const output = (bytes: Uint8Array): Promise<void> => {
    piece = bytes
    wake?.()
    return new Promise((resolve) => void (taken = resolve))
  }
  const writing = writeNar(node, store, output, { ...options, signal }).finally(() => {
    ended = true
    wake?.()
  })
  // It is awaited below, if anybody gets that far.
  writing.catch(() => {})
  try {
    for (;;) {
      if (piece === undefined && !ended) await new Promise<void>((resolve) => void (wake = resolve))
      if (piece === undefined) return await writing
      yield piece
      piece = undefined
      taken?.()
    }
  } finally {
    // Whoever stops early does not want the rest.
    abort.abort()
    taken?.()
  }
}
