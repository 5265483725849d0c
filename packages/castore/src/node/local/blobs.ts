import { equal } from "@tvix-ts/bytes"
import { putInto } from "../../blob/put.ts"
import { rangeOf } from "../../blob/range.ts"
import type {
  BlobBatch,
  BlobMeta,
  BlobReader,
  BlobService,
  BlobWriter,
  ChunkMeta,
  Contents,
  ReadOptions,
} from "../../blob/service.ts"
import type { CallOptions } from "../../call.ts"
import { EMPTY_DIGEST, formatDigest, type B3Digest } from "../../digest.ts"
import { readChunkList } from "./chunk-list.ts"
import type { LocalStore } from "./local-store.ts"
import { SEGMENT_BYTES } from "./protocol.ts"

const EMPTY_META: BlobMeta = { size: 0, chunks: [] }

export class LocalBlobs implements BlobService {
  private readonly store: LocalStore

  constructor(store: LocalStore) {
    this.store = store
  }

  async stat(digest: B3Digest, options?: CallOptions): Promise<BlobMeta | undefined> {
    options?.signal?.throwIfAborted()
    const chunk = this.store.index.chunk(digest)
    if (chunk !== undefined) {
      if (!(await this.store.stillThere("chunks", digest, chunk.touched))) return undefined
      return { size: chunk.length, chunks: [{ digest, size: chunk.length }] }
    }
    const blob = this.store.index.blob(digest)
    if (blob === undefined) return isEmpty(digest) ? EMPTY_META : undefined
    if (!(await this.store.stillThere("blobs", digest, blob.touched))) return undefined
    return { size: blob.size, chunks: readChunkList(blob.chunks, `blob ${formatDigest(digest)}`) }
  }

  reader(): BlobReader {
    return this.store.chunks.smallReader()
  }

  async read(digest: B3Digest, options: ReadOptions = {}): Promise<AsyncIterable<Uint8Array> | undefined> {
    const { signal, fleeting = false } = options
    signal?.throwIfAborted()
    const row = this.store.index.chunk(digest)
    if (row !== undefined) {
      const { from, to } = rangeOf(options, row.length)
      if (from === to) return new Pieces(() => undefined)
      return new Pieces(() => {
        const bytes = this.store.chunks.readSync(digest, row)
        return from === 0 && to === row.length ? bytes : bytes.subarray(from, to)
      })
    }
    const blob = this.store.index.blob(digest)
    const { from, to } = rangeOf(options, blob?.size ?? 0)
    if (blob === undefined) return isEmpty(digest) ? new Pieces(() => undefined) : undefined
    return this.readRange(readChunkList(blob.chunks, `blob ${formatDigest(digest)}`), from, to, fleeting, signal)
  }

  private async *readRange(
    chunks: readonly ChunkMeta[],
    from: number,
    to: number,
    fleeting: boolean,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    if (from >= to) return
    const wanted: ChunkMeta[] = []
    /** Bytes before the first chunk that is wanted. */
    let start = 0
    let end = 0
    for (const chunk of chunks) {
      if (end + chunk.size <= from) start = end + chunk.size
      else if (end < to) wanted.push(chunk)
      end += chunk.size
    }
    let at = start
    for await (const bytes of this.store.chunks.read(wanted, signal, fleeting)) {
      const first = Math.max(from - at, 0)
      const last = Math.min(to - at, bytes.length)
      at += bytes.length
      yield first === 0 && last === bytes.length ? bytes : bytes.subarray(first, last)
    }
  }

  async put(contents: Contents, options?: CallOptions): Promise<B3Digest> {
    return putInto(this.batch(options), inSegments(contents), options?.signal)
  }

  batch(options?: CallOptions): BlobBatch {
    return new LocalBatch(this.store, options?.signal)
  }

  async close(): Promise<void> {
    await this.store.close()
  }
}

/** Pieces may be of any size; memory is not. */
async function* inSegments(contents: Contents): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const piece of contents) {
    for (let at = 0; at < piece.length; at += SEGMENT_BYTES) yield piece.subarray(at, at + SEGMENT_BYTES)
  }
}

function isEmpty(digest: B3Digest): boolean {
  return equal(digest, EMPTY_DIGEST)
}

/** At most one piece: cheaper than a generator, of which reading many small files would make many. */
class Pieces implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array, undefined> {
  private produce: (() => Uint8Array | undefined) | undefined

  constructor(produce: () => Uint8Array | undefined) {
    this.produce = produce
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const value = this.produce?.()
    this.produce = undefined
    return value === undefined ? { done: true, value: undefined } : { done: false, value }
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.produce = undefined
    return { done: true, value: undefined }
  }
}

class LocalBatch implements BlobBatch {
  private readonly store: LocalStore
  private readonly signal: AbortSignal | undefined
  private readonly number: number
  private ended = false

  constructor(store: LocalStore, signal: AbortSignal | undefined) {
    signal?.throwIfAborted()
    this.store = store
    this.signal = signal
    this.number = store.feed.begin()
  }

  blob(): BlobWriter {
    this.check()
    const { feed } = this.store
    const { number } = this
    const blob = feed.beginBlob()
    return {
      write: (bytes) => {
        this.check()
        return feed.write(number, blob, bytes)
      },
      end: () => {
        this.check()
        return feed.end(number, blob)
      },
    }
  }

  async commit(): Promise<void> {
    this.check()
    await this.store.feed.commit(this.number)
  }

  async abort(): Promise<void> {
    if (this.ended) return
    this.ended = true
    await this.store.feed.abort(this.number)
  }

  private check(): void {
    if (this.signal?.aborted === true) this.abort().catch(() => undefined)
    this.signal?.throwIfAborted()
    if (this.ended) throw new TypeError("the batch has ended")
  }
}
