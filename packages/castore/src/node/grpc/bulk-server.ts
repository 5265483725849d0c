import { create, toBinary } from "@bufbuild/protobuf"
import { concat } from "@tvix-ts/bytes"
import {
  BulkBlobService,
  BulkReadResponse_BlobSchema,
  BulkReadResponseSchema,
  StatBlobResponseSchema,
  type BulkReadResponse_Blob,
} from "@tvix-ts/protos"
import type { BlobService } from "../../blob/service.ts"
import type { CallOptions } from "../../call.ts"
import { DIGEST_LENGTH, type B3Digest } from "../../digest.ts"
import { invalid } from "../../problem.ts"
import { BULK_BLOB_BYTES_MAX, BULK_BLOBS_MAX, BULK_MESSAGE_BYTES, chunkMessages } from "./bulk.ts"
import { grpcService, serverStreaming, unary, type GrpcService } from "./service.ts"

const { read, put } = BulkBlobService.method

/** Blobs of one call that are looked for at once. Their contents are held until the client takes them. */
const AT_ONCE = 32

/** What a blob counts for in a message besides its contents, or a chunk of it. */
const OVERHEAD_BYTES = 48

/** `BulkBlobService`: many small blobs in one call. */
export function bulkServices(blobs: BlobService): GrpcService[] {
  return grpcService(
    [BulkBlobService],
    [
      serverStreaming(read, async function* ({ digests, contentsMax }, { signal }) {
        const asked = digestsOf(digests)
        const max = Math.min(Number(contentsMax), BULK_BLOB_BYTES_MAX)
        let found: BulkReadResponse_Blob[] = []
        let bytes = 0
        for (let at = 0; at < asked.length; at += AT_ONCE) {
          for (const blob of await Promise.all(
            asked.slice(at, at + AT_ONCE).map((digest) => look(blobs, digest, max, { signal })),
          )) {
            found.push(blob)
            bytes += bytesOf(blob)
            if (bytes < BULK_MESSAGE_BYTES) continue
            yield encode(found)
            found = []
            bytes = 0
          }
        }
        if (found.length > 0) yield encode(found)
      }),
      unary(put, async ({ blobs: contents }, { signal }) => {
        const batch = blobs.batch({ signal })
        try {
          const digests: Promise<B3Digest>[] = []
          for (const bytes of contents) {
            const writer = batch.blob(bytes.length)
            const waiting = writer.write(bytes)
            if (waiting !== undefined) await waiting
            const digest = writer.end()
            // The commit tells of a failure first.
            digest.catch(() => undefined)
            digests.push(digest)
          }
          await batch.commit()
          return { digests: concat(await Promise.all(digests)) }
        } finally {
          // After the commit there is nothing to give up.
          await batch.abort()
        }
      }),
    ],
  )
}

function digestsOf(joined: Uint8Array): B3Digest[] {
  if (joined.length % DIGEST_LENGTH !== 0) throw invalid("digests", `${joined.length} bytes are no digests`)
  const count = joined.length / DIGEST_LENGTH
  if (count > BULK_BLOBS_MAX) throw invalid("digests", `${count} of them, at most ${BULK_BLOBS_MAX} may be asked for`)
  return Array.from({ length: count }, (_, i) => joined.slice(i * DIGEST_LENGTH, (i + 1) * DIGEST_LENGTH) as B3Digest)
}

async function look(
  blobs: BlobService,
  digest: B3Digest,
  contentsMax: number,
  options: CallOptions,
): Promise<BulkReadResponse_Blob> {
  const answer = create(BulkReadResponse_BlobSchema)
  const meta = await blobs.stat(digest, options)
  if (meta === undefined) return answer
  if (contentsMax === 0 || meta.size > contentsMax) {
    answer.found = { case: "stat", value: create(StatBlobResponseSchema, { chunks: chunkMessages(meta) }) }
    return answer
  }
  const contents = await blobs.read(digest, options)
  if (contents === undefined) return answer
  const pieces: Uint8Array[] = []
  for await (const piece of contents) pieces.push(piece)
  answer.found = { case: "contents", value: pieces.length === 1 ? pieces[0]! : concat(pieces) }
  return answer
}

function bytesOf({ found }: BulkReadResponse_Blob): number {
  if (found.case === undefined) return OVERHEAD_BYTES
  if (found.case === "contents") return found.value.length + OVERHEAD_BYTES
  return (found.value.chunks.length + 1) * OVERHEAD_BYTES
}

function encode(blobs: BulkReadResponse_Blob[]): Uint8Array {
  return toBinary(BulkReadResponseSchema, create(BulkReadResponseSchema, { blobs }))
}
