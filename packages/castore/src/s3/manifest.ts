/** The chunks of a blob as an object: `tvix.castore.v1.StatBlobResponse`, as it goes over the wire. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import { StatBlobResponseSchema } from "@tvix-ts/protos"
import type { BlobMeta, ChunkMeta } from "../blob/service.ts"
import { DIGEST_LENGTH, formatDigest, type B3Digest } from "../digest.ts"
import { CastoreError } from "../problem.ts"

/** Bytes: the list of a blob of 350 GB. */
export const MANIFEST_BYTES_MAX = 64 * 2 ** 20

export function encodeManifest(chunks: readonly ChunkMeta[]): Uint8Array {
  const message = create(StatBlobResponseSchema, {
    chunks: chunks.map(({ digest, size }) => ({ digest, size: BigInt(size) })),
  })
  return toBinary(StatBlobResponseSchema, message)
}

/**
 * @param digest of the blob
 * @returns `undefined` where there are no chunks: Tvix has such an object beside the chunk that is a whole blob
 * @throws {CastoreError} `corrupt`
 */
export function decodeManifest(bytes: Uint8Array, digest: B3Digest): BlobMeta | undefined {
  const corrupt = (reason: string, cause?: unknown): CastoreError =>
    new CastoreError({ code: "corrupt", what: `the list of chunks of blob ${formatDigest(digest)}`, reason }, { cause })
  let message
  try {
    message = fromBinary(StatBlobResponseSchema, bytes, { readUnknownFields: false })
  } catch (error) {
    throw corrupt(error instanceof Error ? error.message : String(error), error)
  }
  if (message.chunks.length === 0) return undefined
  let size = 0
  const chunks = message.chunks.map((chunk): ChunkMeta => {
    if (chunk.digest.length !== DIGEST_LENGTH) throw corrupt(`a chunk's digest has ${chunk.digest.length} bytes`)
    if (chunk.size === 0n || chunk.size > BigInt(Number.MAX_SAFE_INTEGER))
      throw corrupt(`a chunk of ${chunk.size} bytes`)
    size += Number(chunk.size)
    if (size > Number.MAX_SAFE_INTEGER) throw corrupt("it has more than 2^53 - 1 bytes")
    // Its own bytes: what was read may be one buffer with much else.
    return { digest: chunk.digest.slice() as B3Digest, size: Number(chunk.size) }
  })
  return { size, chunks }
}
