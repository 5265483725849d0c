import { promisify } from "node:util"
import { zstdCompress, zstdDecompress } from "node:zlib"
import type { Zstd } from "../s3/options.ts"

const compressing = promisify(zstdCompress)
const decompressing = promisify(zstdDecompress)

/** zstd at its usual level, in the threads of Node's pool. */
export const zstd: Zstd = {
  compress: async (bytes) => plain(await compressing(bytes)),
  // Node takes no limit of zero.
  decompress: async (bytes, sizeMax) => plain(await decompressing(bytes, { maxOutputLength: Math.max(1, sizeMax) })),
}

/** A Buffer behaves in other ways: its `slice` is no copy. */
function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length)
}
