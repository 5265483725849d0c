import { equal } from "@tvix-ts/bytes"
import { startHash } from "@tvix-ts/hash"
import { putInto } from "../blob/put.ts"
import { chunksIn, rangeOf } from "../blob/range.ts"
import type { BlobBatch, BlobMeta, BlobService, ChunkMeta, Contents, ReadOptions } from "../blob/service.ts"
import type { CallOptions } from "../call.ts"
import { EMPTY_DIGEST, formatDigest, type B3Digest } from "../digest.ts"
import { CastoreError } from "../problem.ts"
import { S3BlobBatch } from "./blob-batch.ts"
import { readVerified } from "./contents.ts"
import { decodeManifest, MANIFEST_BYTES_MAX } from "./manifest.ts"
import { objectName } from "./names.ts"
import { S3Objects } from "./objects.ts"
import type { S3Options, Zstd } from "./options.ts"

/** Chunks of a large blob that are being read while one is with the caller. */
const CHUNKS_AHEAD = 8

/** Blobs as objects: the chunks, each once, and a list of them for blobs that have more than one. */
export function s3BlobService(options: S3Options): BlobService {
  return new S3Blobs(new S3Objects(options), options.zstd)
}

class S3Blobs implements BlobService {
  readonly #objects: S3Objects
  readonly #zstd: Zstd

  constructor(objects: S3Objects, zstd: Zstd) {
    this.#objects = objects
    this.#zstd = zstd
  }

  async stat(digest: B3Digest, options: CallOptions = {}): Promise<BlobMeta | undefined> {
    options.signal?.throwIfAborted()
    // It is known, so it is there.
    if (equal(digest, EMPTY_DIGEST)) return { size: 0, chunks: [] }
    const head = await this.#objects.head(objectName("chunks", digest), options)
    if (head === undefined) return this.#manifest(digest, options)
    // Others do not write down the size.
    const size = head.size ?? (await this.#chunk(digest, options))?.length
    return size === undefined ? undefined : { size, chunks: [{ digest, size }] }
  }

  async read(digest: B3Digest, options: ReadOptions = {}): Promise<AsyncIterable<Uint8Array> | undefined> {
    rangeOf(options, Infinity)
    options.signal?.throwIfAborted()
    if (equal(digest, EMPTY_DIGEST)) return one(new Uint8Array())
    const call = options.signal === undefined ? {} : { signal: options.signal }
    // Most blobs are one chunk.
    const chunk = await this.#chunk(digest, call)
    if (chunk !== undefined) {
      const { from, to } = rangeOf(options, chunk.length)
      return one(chunk.subarray(from, to))
    }
    const meta = await this.#manifest(digest, call)
    if (meta === undefined) return undefined
    const { from, to } = rangeOf(options, meta.size)
    return this.#pieces(digest, meta, from, to, call)
  }

  put(contents: Contents, options: CallOptions = {}): Promise<B3Digest> {
    return putInto(this.batch(options), contents, options.signal)
  }

  batch(options: CallOptions = {}): BlobBatch {
    return new S3BlobBatch(this.#objects, this.#zstd, options.signal)
  }

  async close(): Promise<void> {}

  #chunk(digest: B3Digest, options: CallOptions): Promise<Uint8Array | undefined> {
    return readVerified("chunk", digest, this.#objects, this.#zstd, options)
  }

  async #manifest(digest: B3Digest, options: CallOptions): Promise<BlobMeta | undefined> {
    const object = await this.#objects.get(objectName("blobs", digest), MANIFEST_BYTES_MAX, options)
    return object && decodeManifest(object.bytes, digest)
  }

  /** Chunks are verified one by one; that they are those of the blob shows with the last, which is held back until then. */
  async *#pieces(
    digest: B3Digest,
    { size, chunks }: BlobMeta,
    from: number,
    to: number,
    options: CallOptions,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const whole = from === 0 && to === size ? startHash("blake3") : undefined
    const stop = new AbortController()
    const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal])
    const wanted = chunksIn(chunks, from, to)
    const underWay: { readonly start: number; readonly bytes: Promise<Uint8Array> }[] = []
    const begin = (): void => {
      const { done, value } = wanted.next()
      if (done === true) return
      const bytes = this.#chunkOf(digest, value.chunk, { signal })
      // Its turn comes later, or not at all.
      bytes.catch(() => {})
      underWay.push({ start: value.start, bytes })
    }
    try {
      for (let i = 0; i <= CHUNKS_AHEAD; i++) begin()
      for (let next = underWay.shift(); next !== undefined; next = underWay.shift()) {
        const bytes = await next.bytes
        begin()
        options.signal?.throwIfAborted()
        whole?.update(bytes)
        if (whole !== undefined && underWay.length === 0 && !equal(whole.digest(), digest)) {
          const reason = "its chunks are those of another blob"
          throw new CastoreError({ code: "corrupt", what: `blob ${formatDigest(digest)}`, reason })
        }
        yield bytes.subarray(Math.max(from - next.start, 0), Math.min(to - next.start, bytes.length))
      }
    } finally {
      stop.abort()
    }
  }

  async #chunkOf(blob: B3Digest, chunk: ChunkMeta, options: CallOptions): Promise<Uint8Array> {
    const bytes = await this.#chunk(chunk.digest, options)
    const what = `chunk ${formatDigest(chunk.digest)} of blob ${formatDigest(blob)}`
    if (bytes === undefined) throw new CastoreError({ code: "missing", what })
    if (bytes.length === chunk.size) return bytes
    throw new CastoreError({ code: "corrupt", what, reason: `it has ${bytes.length} bytes, not ${chunk.size}` })
  }
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  if (bytes.length > 0) yield bytes
}
