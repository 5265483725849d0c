import { promisify } from "node:util"
import { zstdCompress, zstdDecompress } from "node:zlib"
import type { Zstd } from "../s3/options.ts"

const compressing = promisify(zstdCompress)
const decompressing = promisify(zstdDecompress)

/** zstd at its usual level, in the threads of Node's pool. */
export const zstd: Zstd = {
  compress: (bytes) => compressing(bytes),
  // Node takes no limit of zero.
  decompress: (bytes, sizeMax) => decompressing(bytes, { maxOutputLength: Math.max(1, sizeMax) }),
}
