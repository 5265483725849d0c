/** What client and server agree upon for `BulkBlobService`, which carries many small blobs in one call. */
import type { MessageInitShape } from "@bufbuild/protobuf"
import type { StatBlobResponse_ChunkMetaSchema } from "@tvix-ts/protos"
import type { BlobMeta } from "../../blob/service.ts"

/** Bytes of a blob that travels with others, at most. Of larger ones a call is a small part of what they cost. */
export const BULK_BLOB_BYTES_MAX = 256 * 2 ** 10

/** Bytes after which a message is sent. */
export const BULK_MESSAGE_BYTES = 2 ** 20

/** Blobs of one call, at most. */
export const BULK_BLOBS_MAX = 1024

/** The chunks of a blob, as messages have them. */
export function chunkMessages({ chunks }: BlobMeta): MessageInitShape<typeof StatBlobResponse_ChunkMetaSchema>[] {
  return chunks.map(({ digest, size }) => ({ digest, size: BigInt(size) }))
}
