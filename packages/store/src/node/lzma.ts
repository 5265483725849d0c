import { createRequire } from "node:module"
import { ReadableStream } from "node:stream/web"
import type * as Lzma from "@napi-rs/lzma"
import { CompressionError } from "../compression/problem.ts"

/** What reads and writes xz. @throws {CompressionError} `unavailable` */
export function loadLzma(): typeof Lzma {
  try {
    // A native addon, which is in no bundle.
    return createRequire(import.meta.url)("@napi-rs/lzma") as typeof Lzma
  } catch (cause) {
    throw new CompressionError({ code: "unavailable", compression: "xz", library: "@napi-rs/lzma" }, { cause })
  }
}

type LzmaInput = Parameters<typeof Lzma.xz.compressStream>[0]

/** As the library takes it, whose types know the streams of pages alone. */
export function webStream(contents: AsyncIterable<Uint8Array>): LzmaInput {
  // oxlint-disable-next-line typescript/no-unnecessary-type-assertion -- it is not, where the types of pages are there
  return ReadableStream.from(contents) as unknown as LzmaInput
}
