import { create } from "@bufbuild/protobuf"
import { ReadBlobRequestSchema, StatBlobRequestSchema, TvixBlobService, type StatBlobResponse } from "@tvix-ts/protos"
import { concat, equal } from "@tvix-ts/bytes"
import type { BlobBatch, BlobMeta, BlobService, ChunkMeta, Contents, ReadOptions } from "../../blob/service.ts"
import type { CallOptions } from "../../call.ts"
import { DIGEST_LENGTH, EMPTY_DIGEST, formatDigest, type B3Digest } from "../../digest.ts"
import { chunksIn, rangeOf } from "../../blob/range.ts"
import { CastoreError } from "../../problem.ts"
import { decodeBlobChunk } from "./blob-chunk.ts"
import { GrpcBlobBatch, Upload } from "./blob-upload.ts"
import { BULK_BLOB_BYTES_MAX } from "./bulk.ts"
import { BulkReader, type BulkFound, type BulkSupport } from "./bulk-client.ts"
import type { GrpcChannel } from "./channel.ts"
import { fromStatus, isNotFound } from "./status.ts"
import { HELD_BYTES_MAX, verifyByChunks, verifyWhole } from "./verify.ts"

const { stat, read } = TvixBlobService.method

/** Chunks of a range that are asked for ahead of their turn. */
const CHUNKS_AHEAD = 2

/**
 * The blobs of a peer, who is not trusted: what it sends is given to nobody before it agrees with a digest.
 *
 * A peer says which chunks a blob has, and each is checked by its digest as it arrives. That the chunks are those of the
 * blob shows with the last one, which is held back until then. Of a range only the chunks that it touches are read, so
 * about a range no more can be known than that it agrees with the list.
 */
export function grpcBlobService(channel: GrpcChannel): BlobService {
  return new GrpcBlobService(channel)
}

class GrpcBlobService implements BlobService {
  readonly #channel: GrpcChannel
  readonly #release: () => void
  readonly #support: BulkSupport = { offered: true }
  readonly #metas: BulkReader
  readonly #small: BulkReader

  constructor(channel: GrpcChannel) {
    this.#channel = channel
    this.#release = channel.use()
    this.#metas = new BulkReader(channel, this.#support, 0)
    this.#small = new BulkReader(channel, this.#support, BULK_BLOB_BYTES_MAX)
  }

  async stat(digest: B3Digest, options: CallOptions = {}): Promise<BlobMeta | undefined> {
    options.signal?.throwIfAborted()
    const found = await this.#metas.ask(digest, options)
    if (found === undefined) return undefined
    const meta = found === "unanswered" ? await this.#chunks(digest, options) : metaOf(digest, found)
    if (meta !== "unknown") return meta
    // A peer that does not cut blobs does not say how long they are either.
    let size = 0
    for await (const bytes of this.#whole(digest, options)) size += bytes.length
    return { size, chunks: [{ digest, size }] }
  }

  async read(digest: B3Digest, options: ReadOptions = {}): Promise<AsyncIterable<Uint8Array> | undefined> {
    const { from, to } = rangeOf(options, Infinity)
    options.signal?.throwIfAborted()
    const found = await (from === 0 && to === Infinity ? this.#small : this.#metas).ask(digest, options)
    if (found === undefined) return undefined
    if (found !== "unanswered" && found.case === "contents") return cut([found.value], from, to)
    const meta = found === "unanswered" ? await this.#chunks(digest, options) : metaOf(digest, found)
    if (meta === undefined) return undefined
    // A chunk is held back until it is verified.
    if (meta === "unknown" || meta.chunks.some(({ size }) => size > HELD_BYTES_MAX)) {
      return cut(this.#whole(digest, options), from, to)
    }
    if (meta.size === 0) return nothing()
    if (from === 0 && to >= meta.size) return this.#byChunks(digest, meta.chunks, options)
    return this.#range(meta.chunks, from, Math.min(to, meta.size), options)
  }

  async put(contents: Contents, options: CallOptions = {}): Promise<B3Digest> {
    const upload = new Upload(this.#channel, options)
    try {
      for await (const bytes of contents) {
        options.signal?.throwIfAborted()
        await upload.write(bytes)
      }
      return await upload.finish()
    } catch (error) {
      upload.cancel()
      throw options.signal?.aborted === true ? options.signal.reason : error
    }
  }

  batch(options: CallOptions = {}): BlobBatch {
    return new GrpcBlobBatch(this.#channel, this.#support, options)
  }

  async close(): Promise<void> {
    this.#release()
  }

  /** As the peer says, who may know of no chunks. */
  async #chunks(digest: B3Digest, { signal }: CallOptions): Promise<BlobMeta | "unknown" | undefined> {
    const request = create(StatBlobRequestSchema, { digest, sendChunks: true })
    let response: StatBlobResponse
    try {
      response = await this.#channel.unary(stat, request, { ...(signal && { signal }) })
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw signal?.aborted === true ? signal.reason : fromStatus(error)
    }
    return chunksOf(digest, response)
  }

  async *#contents(digest: B3Digest, { signal }: CallOptions): AsyncGenerator<Uint8Array, void, undefined> {
    const request = create(ReadBlobRequestSchema, { digest })
    try {
      for await (const message of this.#channel.serverStream(read, request, { ...(signal && { signal }) })) {
        yield chunkOf(message)
      }
    } catch (error) {
      throw signal?.aborted === true ? signal.reason : fromStatus(error)
    }
  }

  #byChunks(digest: B3Digest, chunks: readonly ChunkMeta[], options: CallOptions): AsyncIterable<Uint8Array> {
    return verifyByChunks(digest, chunks, this.#contents(digest, options))
  }

  #whole(digest: B3Digest, options: CallOptions): AsyncIterable<Uint8Array> {
    return verifyWhole(digest, () => this.#contents(digest, options))
  }

  async *#range(
    chunks: readonly ChunkMeta[],
    from: number,
    to: number,
    options: CallOptions,
  ): AsyncGenerator<Uint8Array> {
    const ahead: { readonly start: number; readonly bytes: Promise<Uint8Array> }[] = []
    const wanted = chunksIn(chunks, from, to)
    // Whoever stops reading ends the calls that are ahead.
    const stop = new AbortController()
    const signal = options.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, options.signal])
    try {
      for (;;) {
        while (ahead.length <= CHUNKS_AHEAD) {
          const next = wanted.next()
          if (next.done === true) break
          const bytes = this.#chunk(next.value.chunk, { signal })
          // Awaited in its turn, or not at all.
          bytes.catch(() => undefined)
          ahead.push({ start: next.value.start, bytes })
        }
        const first = ahead.shift()
        if (first === undefined) return
        const bytes = await first.bytes
        yield bytes.subarray(Math.max(from - first.start, 0), Math.min(to - first.start, bytes.length))
      }
    } finally {
      stop.abort()
    }
  }

  /** All of one chunk, verified: it is what is read ahead. */
  async #chunk(chunk: ChunkMeta, options: CallOptions): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    for await (const bytes of verifyByChunks(chunk.digest, [chunk], this.#contents(chunk.digest, options))) {
      parts.push(bytes)
    }
    return parts.length === 1 ? parts[0]! : concat(parts)
  }
}

/** What a peer says of a blob, who may know of no chunks. */
function chunksOf(digest: B3Digest, response: StatBlobResponse): BlobMeta | "unknown" {
  if (equal(digest, EMPTY_DIGEST)) return { size: 0, chunks: [] }
  if (response.chunks.length === 0) return "unknown"
  let size = 0
  const chunks = response.chunks.map((chunk): ChunkMeta => {
    size += Number(chunk.size)
    const problem =
      chunk.digest.length !== DIGEST_LENGTH
        ? `a chunk's digest has ${chunk.digest.length} bytes`
        : chunk.size === 0n
          ? "it has an empty chunk"
          : size > Number.MAX_SAFE_INTEGER
            ? "it has more than 2^53 bytes"
            : undefined
    if (problem !== undefined) throw corrupt(digest, problem)
    return { digest: chunk.digest as B3Digest, size: Number(chunk.size) }
  })
  return { size, chunks }
}

function metaOf(digest: B3Digest, found: BulkFound): BlobMeta | "unknown" {
  if (found.case === "stat") return chunksOf(digest, found.value)
  const size = found.value.length
  return { size, chunks: size === 0 ? [] : [{ digest, size }] }
}

function chunkOf(message: Uint8Array): Uint8Array {
  try {
    return decodeBlobChunk(message)
  } catch (error) {
    throw new CastoreError(
      { code: "corrupt", what: "the peer's BlobChunk", reason: error instanceof Error ? error.message : String(error) },
      { cause: error },
    )
  }
}

/** The bytes [from, to) of a stream. */
async function* cut(stream: Contents, from: number, to: number): AsyncGenerator<Uint8Array> {
  let at = 0
  for await (const bytes of stream) {
    const piece = bytes.subarray(Math.max(from - at, 0), Math.max(to - at, 0))
    at += bytes.length
    if (piece.length > 0) yield piece
    if (at >= to) return
  }
}

// oxlint-disable-next-line require-yield -- the empty blob has no pieces
async function* nothing(): AsyncGenerator<Uint8Array> {}

function corrupt(digest: B3Digest, reason: string): CastoreError {
  return new CastoreError({ code: "corrupt", what: `blob ${formatDigest(digest)}`, reason })
}
