import { COMPRESSIONS, type Compression } from "../compression/problem.ts"

export interface DecompressOptions {
  /** What to do about bytes behind the end: they are an error unless they are to be ignored. */
  readonly trailing?: "ignore"
}

/** The names of compressions, as narinfos have them. */
export function isCompression(name: string): name is Compression {
  return (COMPRESSIONS as readonly string[]).includes(name)
}

/**
 * What was compressed. Each piece, of `contents` as well, is done with when the next is asked for. Memory is bounded, whatever
 * is in the data; the caller bounds how much comes out. `contents` is closed if the caller stops early.
 *
 * @throws {CompressionError} for what is damaged, cut off, or goes on behind its end; and what `contents` throws
 */
export async function* decompress(
  contents: AsyncIterable<Uint8Array>,
  compression: Compression,
  options: DecompressOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  // Most programs never need one.
  const { DECODERS } = await import("./decoders.ts")
  yield* DECODERS[compression](contents, options)
}
