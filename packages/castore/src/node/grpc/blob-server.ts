import { SnixBlobService, TvixBlobService } from "@tvix-ts/protos"
import type { BlobService } from "../../blob/service.ts"
import { formatDigest, toDigest, type B3Digest } from "../../digest.ts"
import { CastoreError } from "../../problem.ts"
import { decodeBlobChunk, encodeBlobChunk } from "./blob-chunk.ts"
import { chunkMessages } from "./bulk.ts"
import { BLOB_MESSAGE_BYTES } from "./channel.ts"
import { clientStreaming, grpcService, invalidMessage, serverStreaming, unary, type GrpcService } from "./service.ts"

const { stat, read, put } = TvixBlobService.method

/** `BlobService`, under Tvix's name and under Snix's. */
export function blobServices(blobs: BlobService): GrpcService[] {
  return grpcService(
    [TvixBlobService, SnixBlobService],
    [
      unary(stat, async (request, { signal }) => {
        const digest = toDigest(request.digest, "digest")
        const meta = await blobs.stat(digest, { signal })
        if (meta === undefined) throw missing(digest)
        if (!request.sendChunks) return {}
        return { chunks: chunkMessages(meta) }
      }),
      serverStreaming(read, async function* (request, { signal }) {
        const digest = toDigest(request.digest, "digest")
        // Messages are copies.
        const contents = await blobs.read(digest, { signal, fleeting: true })
        if (contents === undefined) throw missing(digest)
        for await (const bytes of contents) {
          for (let at = 0; at < bytes.length; at += BLOB_MESSAGE_BYTES) {
            yield encodeBlobChunk(bytes.subarray(at, at + BLOB_MESSAGE_BYTES))
          }
        }
      }),
      clientStreaming(put, async (messages, { signal }) => {
        return { digest: await blobs.put(contentsOf(messages), { signal }) }
      }),
    ],
  )
}

async function* contentsOf(messages: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const message of messages) {
    let bytes: Uint8Array
    try {
      bytes = decodeBlobChunk(message)
    } catch (error) {
      throw invalidMessage("BlobChunk", error)
    }
    if (bytes.length > 0) yield bytes
  }
}

function missing(digest: B3Digest): CastoreError {
  return new CastoreError({ code: "missing", what: `blob ${formatDigest(digest)}` })
}
