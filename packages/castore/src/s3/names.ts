/**
 * What objects are called. Blobs and chunks are where Tvix has them (castore/src/blobservice/object_store.rs), and have in
 * them what they have there, so that either reads what the other has written:
 *
 *     chunks/b3/XXXX/DIGEST         one frame of zstd: the chunk, or the blob if it was not cut
 *     blobs/b3/XXXX/DIGEST          tvix.castore.v1.StatBlobResponse: the chunks of a blob that was cut
 *     directories/b3/XXXX/DIGEST    one frame of zstd: the canonical encoding of a directory
 *
 * DIGEST is 64 digits of base 16, XXXX the first 4 of them.
 */
import { encodeHex } from "@tvix-ts/bytes"
import type { B3Digest } from "../digest.ts"

export function objectName(kind: "blobs" | "chunks" | "directories", digest: B3Digest): string {
  const hex = encodeHex(digest)
  return `${kind}/b3/${hex.slice(0, 4)}/${hex}`
}
