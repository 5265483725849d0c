import { create } from "@bufbuild/protobuf"
import {
  ReadBlobRequestSchema,
  StatBlobRequestSchema,
  TvixBlobService,
  type PutBlobResponse,
  type StatBlobResponse,
} from "@tvix-ts/protos"
import { concat, equal } from "@tvix-ts/bytes"
import { startHash, type Hasher } from "@tvix-ts/hash"
import type {
  BlobBatch,
  BlobMeta,
  BlobService,
  BlobWriter,
  ChunkMeta,
  Contents,
  ReadOptions,
} from "../../blob/service.ts"
import type { CallOptions } from "../../call.ts"
import { DIGEST_LENGTH, digestOf, formatDigest, type B3Digest } from "../../digest.ts"
import { rangeOf } from "../../blob/range.ts"
import { CastoreError } from "../../problem.ts"
import { Backlog } from "./backlog.ts"
import { BlobChunkBuffer, decodeBlobChunk } from "./blob-chunk.ts"
import { answer, BLOB_MESSAGE_BYTES, type ClientStream, type GrpcChannel } from "./channel.ts"
import { fromStatus, isNotFound } from "./status.ts"
import { HELD_BYTES_MAX, verifyByChunks, verifyWhole } from "./verify.ts"

const { stat, read, put } = TvixBlobService.method

/** Blobs of a batch that are on their way at the same time. Each is a call, and waits for the peer's disk. */
const BLOBS_IN_FLIGHT = 16

/** Bytes of blobs in a batch that wait for their turn, after which writers wait as well. */
const QUEUED_BYTES_MAX = 8 * 2 ** 20

/** What a waiting blob counts for besides its bytes, so that there are not any number of empty ones. */
const QUEUED_BLOB_BYTES = 512

/** Chunks of a range that are asked for ahead of their turn. */
const CHUNKS_AHEAD = 2

const EMPTY = digestOf(new Uint8Array())

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

  constructor(channel: GrpcChannel) {
    this.#channel = channel
    this.#release = channel.use()
  }

  async stat(digest: B3Digest, options: CallOptions = {}): Promise<BlobMeta | undefined> {
    const meta = await this.#chunks(digest, options)
    if (meta !== "unknown") return meta
    // A peer that does not cut blobs does not say how long they are either.
    let size = 0
    for await (const bytes of this.#whole(digest, options)) size += bytes.length
    return { size, chunks: [{ digest, size }] }
  }

  async read(digest: B3Digest, options: ReadOptions = {}): Promise<AsyncIterable<Uint8Array> | undefined> {
    const { from, to } = rangeOf(options, Infinity)
    const meta = await this.#chunks(digest, options)
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
    return new GrpcBlobBatch(this.#channel, options)
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
    if (equal(digest, EMPTY)) return { size: 0, chunks: [] }
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
    const wanted = touched(chunks, from, to)
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

/** One blob being sent: the call is made when there is more of it than a message takes, or when it ends. */
class Upload {
  readonly #channel: GrpcChannel
  readonly #options: CallOptions
  readonly #hasher: Hasher = startHash("blake3")
  readonly #buffer = new BlobChunkBuffer(BLOB_MESSAGE_BYTES)
  #stream: ClientStream<PutBlobResponse> | undefined

  constructor(channel: GrpcChannel, options: CallOptions) {
    options.signal?.throwIfAborted()
    this.#channel = channel
    this.#options = options
  }

  /** Bytes that wait for a call to be made. */
  get buffered(): number {
    return this.#buffer.length
  }

  /** Whether the next bytes need a call. */
  exceededBy(bytes: Uint8Array): boolean {
    return this.#stream === undefined && this.#buffer.length + bytes.length > BLOB_MESSAGE_BYTES
  }

  write(bytes: Uint8Array): Promise<void> | undefined {
    this.#hasher.update(bytes)
    let wait: Promise<void> | undefined
    for (let rest = bytes; rest.length > 0;) {
      if (this.#buffer.full) wait = this.#flush()
      rest = rest.subarray(this.#buffer.add(rest))
    }
    return wait === undefined ? undefined : answer(wait, this.#options.signal)
  }

  async finish(): Promise<B3Digest> {
    const digest = this.#hasher.digest() as B3Digest
    if (this.#buffer.length > 0) await this.#flush()
    this.#stream ??= this.#start()
    const response = await answer(this.#stream.end(), this.#options.signal)
    if (!equal(response.digest, digest)) {
      throw corrupt(digest, "the peer stored it under another digest")
    }
    return digest
  }

  cancel(): void {
    this.#stream?.cancel()
  }

  #flush(): Promise<void> | undefined {
    this.#stream ??= this.#start()
    return this.#stream.write(this.#buffer.take())
  }

  #start(): ClientStream<PutBlobResponse> {
    return this.#channel.clientStream(put, this.#options)
  }
}

class GrpcBlobBatch implements BlobBatch {
  readonly #channel: GrpcChannel
  readonly #options: CallOptions
  readonly #stop = new AbortController()
  /** Blobs that have ended; each rejects for {@link commit} and for whoever awaits its digest. */
  #ended: Promise<B3Digest>[] = []
  #inFlight = 0
  readonly #turns: (() => void)[] = []
  readonly #queued = new Backlog(QUEUED_BYTES_MAX)

  constructor(channel: GrpcChannel, options: CallOptions) {
    const { signal } = this.#stop
    this.#channel = channel
    this.#options = { signal: options.signal === undefined ? signal : AbortSignal.any([signal, options.signal]) }
  }

  blob(): BlobWriter {
    const upload = new Upload(this.#channel, this.#options)
    let admitted: Promise<void> | undefined
    let ended = false
    // A blob that fits into one message is sent when it has ended; others are while they are written.
    const admit = (): Promise<void> => (admitted ??= this.#admit())
    const writeLater = async (bytes: Uint8Array): Promise<void> => {
      await admit()
      await upload.write(bytes)
    }
    const send = async (queuedBytes: number): Promise<B3Digest> => {
      await admit()
      this.#queued.remove(queuedBytes)
      try {
        return await upload.finish()
      } catch (error) {
        upload.cancel()
        throw error
      } finally {
        this.#leave()
      }
    }
    return {
      write: (bytes) => {
        if (ended) throw new TypeError("this blob has ended")
        if (upload.exceededBy(bytes)) return writeLater(bytes.slice())
        return upload.write(bytes) ?? (this.#queued.tooMuch ? this.#queued.drained() : undefined)
      },
      end: () => {
        if (ended) throw new TypeError("this blob has ended")
        ended = true
        const queuedBytes = upload.buffered + QUEUED_BLOB_BYTES
        this.#queued.add(queuedBytes)
        const digest = send(queuedBytes)
        // Whether or not anybody awaits it, commit() tells.
        digest.catch(() => undefined)
        this.#ended.push(digest)
        return digest
      },
    }
  }

  async commit(): Promise<void> {
    const ended = this.#ended
    this.#ended = []
    const results = await Promise.allSettled(ended)
    this.#options.signal?.throwIfAborted()
    const failed = results.find((result) => result.status === "rejected")
    if (failed !== undefined) throw failed.reason
  }

  async abort(): Promise<void> {
    this.#stop.abort()
    await Promise.allSettled(this.#ended)
  }

  /** Waits until one more blob may be on its way. */
  async #admit(): Promise<void> {
    if (this.#inFlight < BLOBS_IN_FLIGHT) this.#inFlight++
    // Whoever leaves hands its place on. After an abort that goes quickly.
    else await new Promise<void>((resolve) => this.#turns.push(resolve))
  }

  #leave(): void {
    const next = this.#turns.shift()
    if (next === undefined) this.#inFlight--
    else next()
  }
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

/** The chunks that [from, to) touches, each with the offset of its first byte. */
function* touched(
  chunks: readonly ChunkMeta[],
  from: number,
  to: number,
): Generator<{ readonly chunk: ChunkMeta; readonly start: number }, void, undefined> {
  let start = 0
  for (const chunk of chunks) {
    if (start >= to) return
    if (start + chunk.size > from && from < to) yield { chunk, start }
    start += chunk.size
  }
}

/** The bytes [from, to) of a stream. */
async function* cut(stream: AsyncIterable<Uint8Array>, from: number, to: number): AsyncGenerator<Uint8Array> {
  let at = 0
  for await (const bytes of stream) {
    const piece = bytes.subarray(Math.max(from - at, 0), Math.max(to - at, 0))
    at += bytes.length
    if (piece.length > 0) yield piece
    if (at >= to) return
  }
}

// oxlint-disable-next-line require-yield
async function* nothing(): AsyncGenerator<Uint8Array> {
  // The empty blob.
}

function corrupt(digest: B3Digest, reason: string): CastoreError {
  return new CastoreError({ code: "corrupt", what: `blob ${formatDigest(digest)}`, reason })
}
