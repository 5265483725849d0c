/** What {@link decompress} chooses from. */
import { Readable, type Transform } from "node:stream"
import { createBrotliDecompress, createGunzip, createZstdDecompress } from "node:zlib"
import { decompressBzip2 } from "../compression/bzip2.ts"
import { CompressionError, type Compression } from "../compression/problem.ts"
import type { DecompressOptions } from "./decompress.ts"
import { loadLzma, webStream } from "./lzma.ts"

type Decoder = (contents: AsyncIterable<Uint8Array>, options: DecompressOptions) => AsyncIterable<Uint8Array>

export const DECODERS: Readonly<Record<Compression, Decoder>> = {
  none: (contents) => contents,
  xz: decompressXz,
  bzip2: decompressBzip2,
  zstd: (contents, options) => throughZlib(contents, "zstd", createZstdDecompress(), options),
  br: (contents, options) => throughZlib(contents, "br", createBrotliDecompress(), options),
  gzip: (contents, options) => throughZlib(contents, "gzip", createGunzip(), options),
}

/** What the source throws, apart from what its reader does. */
class SourceFailure {
  failure: { readonly error: unknown } | undefined

  async *watch(contents: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      // Streams keep what they are given.
      for await (const piece of contents) yield piece.slice()
    } catch (error) {
      this.failure = { error }
      throw error
    }
  }

  /** What is to be thrown for what a decoder has thrown. */
  blame(error: unknown, compression: Compression): unknown {
    if (this.failure !== undefined) return this.failure.error
    const reason = error instanceof Error ? error.message : String(error)
    return new CompressionError({ code: "damaged", compression, reason }, { cause: error })
  }
}

async function* throughZlib(
  contents: AsyncIterable<Uint8Array>,
  compression: Compression,
  decoder: Transform & { readonly bytesWritten: number },
  { trailing }: DecompressOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const failure = new SourceFailure()
  let length = 0
  const source = Readable.from(counted(failure.watch(contents)), { objectMode: false, highWaterMark: 2 ** 18 })
  async function* counted(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const piece of pieces) {
      length += piece.length
      yield piece
    }
  }
  source.on("error", (error) => decoder.destroy(error))
  source.pipe(decoder)
  try {
    for await (const piece of decoder) yield piece as Uint8Array
  } catch (error) {
    throw failure.blame(error, compression)
  } finally {
    source.destroy()
    decoder.destroy()
  }
  // It stops counting where it stops reading.
  if (decoder.bytesWritten !== length && trailing !== "ignore") {
    throw new CompressionError({ code: "trailing", compression })
  }
}

async function* decompressXz(contents: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const { xz } = loadLzma()
  const failure = new SourceFailure()
  // The stream's own queue is bounded; the decoder's, for whoever calls it directly, is not.
  const source = failure.watch(contents)
  const decoded = xz.decompressStream(webStream(source))
  try {
    for await (const piece of decoded) yield piece
  } catch (error) {
    throw failure.blame(error, "xz")
  } finally {
    // The decoder's thread gets round to it later.
    void source.return()
  }
}
