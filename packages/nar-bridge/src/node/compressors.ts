import { createRequire } from "node:module"
import { compress } from "@tvix-ts/store/node"
import type { Compressor, Compressors } from "../nar-files.ts"

/** What is made while it is sent has to be made as fast as it is sent: levels are low. */
const LEVELS = { zstd: 1, xz: 0, br: 4, gzip: 6 } as const

/** What this machine can compress with, while it sends. xz needs a library that may be missing. */
export function nodeCompressors(): Compressors {
  const { zlib, zstd, brotli } = process.versions
  const kind = (name: keyof typeof LEVELS, version: string | undefined): Compressor => ({
    version: [name, version, LEVELS[name]].filter((part) => part !== undefined).join("-"),
    compress: (contents) => compress(contents, name, LEVELS[name]),
  })
  return {
    zstd: kind("zstd", zstd),
    br: kind("br", brotli),
    gzip: kind("gzip", zlib),
    ...(hasLzma() && { xz: kind("xz", undefined) }),
  }
}

function hasLzma(): boolean {
  try {
    // A native addon, which is in no bundle.
    createRequire(import.meta.url).resolve("@napi-rs/lzma")
    return true
  } catch {
    return false
  }
}
