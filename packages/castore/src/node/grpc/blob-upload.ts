import { equal } from "@tvix-ts/bytes"
import { startHash, type Hasher } from "@tvix-ts/hash"
import { TvixBlobService, type PutBlobResponse } from "@tvix-ts/protos"
import type { BlobBatch, BlobWriter } from "../../blob/service.ts"
import type { CallOptions } from "../../call.ts"
import { digestOf, EMPTY_DIGEST, formatDigest, type B3Digest } from "../../digest.ts"
import { CastoreError } from "../../problem.ts"
import { Backlog } from "./backlog.ts"
import { BlobChunkBuffer } from "./blob-chunk.ts"
import { BULK_BLOB_BYTES_MAX, BULK_BLOBS_MAX, BULK_MESSAGE_BYTES } from "./bulk.ts"
import { bulkPut, type BulkSupport } from "./bulk-client.ts"
import { answer, BLOB_MESSAGE_BYTES, type ClientStream, type GrpcChannel } from "./channel.ts"

const { put } = TvixBlobService.method

/**
 * Blobs of a batch that are on their way at the same time, each in a call of its own: many, because each waits for the peer's
 * disk, and those that wait together may be served together. Servers commonly allow a connection 100 calls or more.
 */
const BLOBS_IN_FLIGHT = 100

/** Bytes of a batch that have ended and are not stored yet, after which writers wait. */
const QUEUED_BYTES_MAX = 8 * 2 ** 20

/** What such a blob counts for besides its bytes, so that there are not any number of empty ones. */
const QUEUED_BLOB_BYTES = 512

/** One blob being sent: the call is made when there is more of it than a message takes, or when it ends. */
export class Upload {
  readonly #channel: GrpcChannel
  readonly #options: CallOptions
  #hasher: Hasher | undefined
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

  /** All of the blob, if it fits into one message and has ended. */
  get small(): Uint8Array | undefined {
    return this.#stream === undefined ? this.#buffer.contents : undefined
  }

  write(bytes: Uint8Array): Promise<void> | undefined {
    let wait: Promise<void> | undefined
    for (let rest = bytes; rest.length > 0;) {
      if (this.#buffer.full) wait = this.#flush()
      rest = rest.subarray(this.#buffer.add(rest))
    }
    return wait === undefined ? undefined : answer(wait, this.#options.signal)
  }

  async finish(): Promise<B3Digest> {
    if (this.#buffer.length > 0) await this.#flush()
    const digest = (this.#hasher?.digest() as B3Digest | undefined) ?? EMPTY_DIGEST
    this.#stream ??= this.#start()
    const response = await answer(this.#stream.end(), this.#options.signal)
    if (!equal(response.digest, digest)) throw storedOtherwise(digest)
    return digest
  }

  cancel(): void {
    this.#stream?.cancel()
  }

  #flush(): Promise<void> | undefined {
    this.#stream ??= this.#start()
    this.#hasher ??= startHash("blake3")
    this.#hasher.update(this.#buffer.contents)
    return this.#stream.write(this.#buffer.take())
  }

  #start(): ClientStream<PutBlobResponse> {
    return this.#channel.clientStream(put, this.#options)
  }
}

/** Small blobs that go in one call. */
interface Group {
  readonly members: { readonly upload: Upload; readonly contents: Uint8Array; readonly stored: Settle }[]
  bytes: number
}

type Settle = PromiseWithResolvers<B3Digest>

/** Blobs on their way to a peer: small ones together, where it offers that, others in calls of their own. */
export class GrpcBlobBatch implements BlobBatch {
  readonly #channel: GrpcChannel
  readonly #support: BulkSupport
  readonly #options: CallOptions
  readonly #stop = new AbortController()
  /** Blobs that have ended and are not stored; the failure of one that could not be. */
  readonly #ended = new Set<Promise<B3Digest>>()
  #failure: { readonly error: unknown } | undefined
  #inFlight = 0
  readonly #turns: (() => void)[] = []
  readonly #queued = new Backlog(QUEUED_BYTES_MAX)
  #group: Group | undefined
  #groupsInFlight = 0

  constructor(channel: GrpcChannel, support: BulkSupport, options: CallOptions) {
    const { signal } = this.#stop
    this.#channel = channel
    this.#support = support
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
        const contents = admitted === undefined ? upload.small : undefined
        const bulk = this.#support.offered && contents !== undefined && contents.length <= BULK_BLOB_BYTES_MAX
        return this.#track(bulk ? this.#join(upload, contents) : this.#send(upload, admit()), queuedBytes)
      },
    }
  }

  async commit(): Promise<void> {
    this.#flush()
    await Promise.allSettled(this.#ended)
    this.#options.signal?.throwIfAborted()
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure.error
  }

  async abort(): Promise<void> {
    this.#stop.abort()
    this.#flush()
    await Promise.allSettled(this.#ended)
  }

  #track(digest: Promise<B3Digest>, queuedBytes: number): Promise<B3Digest> {
    this.#ended.add(digest)
    const settled = (): void => {
      this.#ended.delete(digest)
      this.#queued.remove(queuedBytes)
    }
    digest.then(settled, (error: unknown) => {
      settled()
      // Whether or not anybody awaits it, commit() tells.
      this.#failure ??= { error }
    })
    return digest
  }

  /** In a call of its own. */
  async #send(upload: Upload, admitted: Promise<void>): Promise<B3Digest> {
    await admitted
    try {
      return await upload.finish()
    } catch (error) {
      upload.cancel()
      throw error
    } finally {
      this.#leave()
    }
  }

  /** With those that end before and after it. */
  #join(upload: Upload, contents: Uint8Array): Promise<B3Digest> {
    if (this.#group !== undefined && this.#group.bytes + contents.length > BULK_MESSAGE_BYTES) this.#flush()
    const group = (this.#group ??= { members: [], bytes: 0 })
    const stored = Promise.withResolvers<B3Digest>()
    group.members.push({ upload, contents, stored })
    group.bytes += contents.length
    if (group.members.length === BULK_BLOBS_MAX) this.#flush()
    // While others are under way, more gather; who is alone does not wait for company.
    else if (group.members.length === 1 && this.#groupsInFlight === 0) setImmediate(() => this.#flush(group))
    return stored.promise
  }

  #flush(group: Group | undefined = this.#group): void {
    if (group === undefined || group !== this.#group) return
    this.#group = undefined
    void this.#sendGroup(group)
  }

  async #sendGroup({ members }: Group): Promise<void> {
    this.#groupsInFlight++
    try {
      const blobs = members.map(({ contents }) => contents)
      const stored = bulkPut(this.#channel, this.#support, blobs, this.#options)
      // Meanwhile it is on its way.
      const digests = blobs.map(digestOf)
      const answers = await answer(stored, this.#options.signal)
      if (answers === undefined) {
        for (const { upload, stored } of members) stored.resolve(this.#send(upload, this.#admit()))
        return
      }
      for (const [i, { stored }] of members.entries()) {
        const digest = digests[i]!
        if (equal(answers[i]!, digest)) stored.resolve(digest)
        else stored.reject(storedOtherwise(digest))
      }
    } catch (error) {
      for (const { stored } of members) stored.reject(error)
    } finally {
      if (--this.#groupsInFlight === 0) this.#flush()
    }
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

function storedOtherwise(digest: B3Digest): CastoreError {
  const what = `blob ${formatDigest(digest)}`
  return new CastoreError({ code: "corrupt", what, reason: "the peer stored it under another digest" })
}
