import { createRequire } from "node:module"
import { Readable } from "node:stream"
import { constants, createBrotliCompress, createGzip, createZstdCompress } from "node:zlib"
import type * as Lzma from "@napi-rs/lzma"
import type { Compressors } from "../nar-files.ts"

/** As fast as a network of a gigabit, and two thirds of what xz leaves. */
const ZSTD_LEVEL = 3
/** Small enough to be sent while it is made. */
const XZ_PRESET = 1
const BROTLI_QUALITY = 4

/** What this machine can compress with, while it sends. xz needs a library that may be missing. */
export function nodeCompressors(): Compressors {
  const lzma = loadLzma()
  const { zlib, zstd, brotli } = process.versions
  return {
    zstd: {
      version: `zstd-${zstd}-${ZSTD_LEVEL}`,
      compress: (contents) =>
        through(contents, createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL } })),
    },
    br: {
      version: `br-${brotli}-${BROTLI_QUALITY}`,
      compress: (contents) =>
        through(contents, createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY } })),
    },
    gzip: { version: `gzip-${zlib}`, compress: (contents) => through(contents, createGzip()) },
    ...(lzma !== undefined && {
      xz: { version: `xz-${XZ_PRESET}`, compress: (contents) => throughXz(contents, lzma) },
    }),
  }
}

async function* through(
  contents: AsyncIterable<Uint8Array>,
  compressor: NodeJS.ReadWriteStream & { destroy(error?: Error): void },
): AsyncGenerator<Uint8Array, void, undefined> {
  const source = Readable.from(copies(contents), { objectMode: false, highWaterMark: 2 ** 18 })
  source.on("error", (error) => compressor.destroy(error))
  source.pipe(compressor)
  try {
    for await (const piece of compressor) yield piece as unknown as Uint8Array
  } finally {
    source.destroy()
    compressor.destroy()
  }
}

async function* throughXz(
  contents: AsyncIterable<Uint8Array>,
  { xz }: typeof Lzma,
): AsyncGenerator<Uint8Array, void, undefined> {
  const source = copies(contents)
  try {
    for await (const piece of xz.compressStream(ReadableStream.from(source), { preset: XZ_PRESET })) yield piece
  } finally {
    void source.return()
  }
}

/** Streams keep what they are given. */
async function* copies(contents: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const piece of contents) yield piece.slice()
}

function loadLzma(): typeof Lzma | undefined {
  try {
    // A native addon, which is in no bundle.
    return createRequire(import.meta.url)("@napi-rs/lzma") as typeof Lzma
  } catch {
    return undefined
  }
}
