import { zstdCompressSync, zstdDecompressSync } from "node:zlib"
import type { Zstd } from "../s3/options.ts"
import { compressInThread, decompressInThread } from "./zstd-threads.ts"

/** Bytes up to which a thread of Node's pool costs more than it spares: 0.3 ms (bench/services.ts). */
const SMALL = 32 * 1024
/** Bytes that so few may become without it taking long. */
const SMALL_INSIDE = 1024 * 1024

/** zstd at its usual level; what is not small, in the threads of Node's pool. */
export const zstd: Zstd = {
  async compress(bytes) {
    return plain(bytes.length <= SMALL ? zstdCompressSync(bytes) : await compressInThread(bytes, {}))
  },
  async decompress(bytes, sizeMax) {
    if (bytes.length <= SMALL) {
      try {
        return plain(zstdDecompressSync(bytes, { maxOutputLength: limit(Math.min(sizeMax, SMALL_INSIDE)) }))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ERR_BUFFER_TOO_LARGE" || sizeMax <= SMALL_INSIDE) throw error
      }
    }
    return plain(await decompressInThread(bytes, { maxOutputLength: limit(sizeMax) }))
  },
}

/** Node takes no limit of zero. */
function limit(sizeMax: number): number {
  return Math.max(1, sizeMax)
}

/** A Buffer behaves in other ways: its `slice` is no copy. */
function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length)
}
