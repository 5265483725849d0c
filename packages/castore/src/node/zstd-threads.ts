/** zstd in the threads of Node's pool. */
import { promisify } from "node:util"
import { zstdCompress, zstdDecompress, type ZstdOptions } from "node:zlib"

// Not made as this is loaded: commands load the module when something of it is first used.
export const compressInThread = (bytes: Uint8Array, options: ZstdOptions): Promise<Buffer> =>
  promisify<Uint8Array, ZstdOptions, Buffer>(zstdCompress)(bytes, options)
export const decompressInThread = (bytes: Uint8Array, options: ZstdOptions): Promise<Buffer<ArrayBuffer>> =>
  promisify<Uint8Array, ZstdOptions, Buffer<ArrayBuffer>>(zstdDecompress)(bytes, options)
