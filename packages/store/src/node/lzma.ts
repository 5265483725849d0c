import { createRequire } from "node:module"
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
