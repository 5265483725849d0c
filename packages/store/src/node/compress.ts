import { Readable, type Transform } from "node:stream"
import { constants, createBrotliCompress, createGzip, createZstdCompress } from "node:zlib"
import type { Codecs } from "../http/cache-files.ts"
import { LEVELS, type UploadCompression } from "../http/upload.ts"
import { decompress, isCompression } from "./decompress.ts"
import { loadLzma, webStream } from "./lzma.ts"

/** Compresses with whatever binary caches know. Each piece, of `contents` as well, is done with when the next is asked for. */
export function compress(
  contents: AsyncIterable<Uint8Array>,
  compression: UploadCompression,
  level: number = LEVELS[compression].usual,
): AsyncIterable<Uint8Array> {
  switch (compression) {
    case "none":
      return contents
    case "xz":
      return loadLzma().xz.compressStream(webStream(copies(contents)), { preset: level })
    case "zstd":
      return through(contents, createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: level } }))
    case "gzip":
      return through(contents, createGzip({ level }))
    case "br":
      return through(contents, createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: level } }))
  }
}

export const NODE_CODECS: Codecs = {
  known: (name) => (isCompression(name) ? name : undefined),
  decompress,
  compress,
}

async function* through(
  contents: AsyncIterable<Uint8Array>,
  encoder: Transform,
): AsyncGenerator<Uint8Array, void, undefined> {
  const source = Readable.from(copies(contents), { objectMode: false, highWaterMark: 2 ** 18 })
  source.on("error", (error) => encoder.destroy(error))
  source.pipe(encoder)
  try {
    for await (const piece of encoder) yield piece as Uint8Array
  } finally {
    source.destroy()
    encoder.destroy()
  }
}

/** Streams keep what they are given. */
async function* copies(contents: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const piece of contents) yield piece.slice()
}
