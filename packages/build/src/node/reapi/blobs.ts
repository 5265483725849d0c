/** The blobs of a Remote Execution service, by their SHA-256. */
import { createHash } from "node:crypto"
import { create, fromBinary, toBinary, type DescMessage, type MessageShape } from "@bufbuild/protobuf"
import { CastoreError, type CallOptions } from "@tvix-ts/castore"
import { answer, fromStatus, type GrpcChannel } from "@tvix-ts/castore/node"
import {
  BatchReadBlobsRequestSchema,
  BatchUpdateBlobsRequestSchema,
  ByteStream,
  ContentAddressableStorage,
  FindMissingBlobsRequestSchema,
  ReadRequestSchema,
  ReadResponseSchema,
  WriteRequestSchema,
} from "@tvix-ts/protos"

/** Of SHA-256, in base 16, and bytes. */
export interface BlobId {
  readonly hash: string
  readonly size: number
}

/** A blob that may have to be sent. */
export interface BlobSource {
  readonly id: BlobId
  open(): Promise<AsyncIterable<Uint8Array> | Iterable<Uint8Array>>
}

/** Bytes of blobs in one message; services take 4 MiB, with what is around them. */
const BATCH_BYTES = 3 * 2 ** 20
const BATCH_BLOBS = 2000
/** Digests that are asked about at a time. */
const QUESTIONS = 10_000
/** Bytes of a piece of a larger blob. */
const PIECE = 2 ** 20

export function idOf(bytes: Uint8Array): BlobId {
  return { hash: createHash("sha256").update(bytes).digest("hex"), size: bytes.length }
}

export function sourceOf(bytes: Uint8Array): BlobSource {
  return { id: idOf(bytes), open: async () => [bytes] }
}

export const digestMessage = ({ hash, size }: BlobId): { hash: string; sizeBytes: bigint } => ({
  hash,
  sizeBytes: BigInt(size),
})

export class RemoteBlobs {
  readonly #channel: GrpcChannel
  readonly #instanceName: string

  constructor(channel: GrpcChannel, instanceName: string) {
    this.#channel = channel
    this.#instanceName = instanceName
  }

  /** Sends those that the service lacks. */
  async send(sources: ReadonlyMap<string, BlobSource>, options: CallOptions): Promise<void> {
    const missing = await this.#missing([...sources.values()], options)
    let batch: { readonly digest: ReturnType<typeof digestMessage>; readonly data: Uint8Array }[] = []
    let bytes = 0
    const flush = async (): Promise<void> => {
      if (batch.length > 0) await this.#sendBatch(batch, options)
      batch = []
      bytes = 0
    }
    for (const source of missing) {
      const { size } = source.id
      if (size > BATCH_BYTES) {
        await this.#sendLarge(source, options)
        continue
      }
      if (bytes + size > BATCH_BYTES || batch.length >= BATCH_BLOBS) await flush()
      bytes += size
      batch.push({ digest: digestMessage(source.id), data: await gather(await source.open(), size) })
    }
    await flush()
  }

  /** @throws {CastoreError} `corrupt` if it is none */
  async message<D extends DescMessage>(schema: D, id: BlobId, options: CallOptions): Promise<MessageShape<D>> {
    try {
      return fromBinary(schema, await this.bytes(id, options))
    } catch (error) {
      if (error instanceof CastoreError || options.signal?.aborted === true) throw error
      throw corrupt(id, String(error))
    }
  }

  /** All of a blob, which has to be one that memory can hold. */
  async bytes(id: BlobId, options: CallOptions): Promise<Uint8Array> {
    return gather(this.read(id, options), id.size)
  }

  /** Of blobs of few bytes each: those of a batch at a time. */
  async *readMany(
    ids: readonly BlobId[],
    options: CallOptions,
  ): AsyncGenerator<AsyncIterable<Uint8Array> | Uint8Array[]> {
    for (let at = 0; at < ids.length;) {
      let bytes = 0
      let end = at
      while (end < ids.length && end - at < BATCH_BLOBS && (bytes += ids[end]!.size) <= BATCH_BYTES) end++
      if (end === at) {
        yield this.read(ids[at++]!, options)
        continue
      }
      const found = await this.#readBatch(ids.slice(at, end), options)
      for (; at < end; at++) yield [found.get(ids[at]!.hash)!]
    }
  }

  /** The bytes, which are what the digest says. */
  async *read(id: BlobId, options: CallOptions): AsyncGenerator<Uint8Array, void, undefined> {
    if (id.size <= BATCH_BYTES) {
      yield (await this.#readBatch([id], options)).get(id.hash)!
      return
    }
    const resourceName = this.#resource(`blobs/${id.hash}/${id.size}`)
    const request = create(ReadRequestSchema, { resourceName })
    const hash = createHash("sha256")
    let size = 0
    try {
      for await (const message of this.#channel.serverStream(ByteStream.method.read, request, options)) {
        const { data } = fromBinary(ReadResponseSchema, message)
        hash.update(data)
        size += data.length
        if (size > id.size) break
        if (data.length > 0) yield data
      }
    } catch (error) {
      throw options.signal?.aborted === true ? options.signal.reason : fromStatus(error)
    }
    if (size !== id.size || hash.digest("hex") !== id.hash) throw corrupt(id, "the peer sent something else")
  }

  async #missing(sources: readonly BlobSource[], options: CallOptions): Promise<BlobSource[]> {
    const missing: BlobSource[] = []
    for (let at = 0; at < sources.length; at += QUESTIONS) {
      const asked = sources.slice(at, at + QUESTIONS)
      const request = create(FindMissingBlobsRequestSchema, {
        instanceName: this.#instanceName,
        blobDigests: asked.map(({ id }) => digestMessage(id)),
      })
      const calling = this.#channel.unary(ContentAddressableStorage.method.findMissingBlobs, request, options)
      const { missingBlobDigests } = await answer(calling, options.signal)
      const hashes = new Set(missingBlobDigests.map(({ hash }) => hash))
      missing.push(...asked.filter(({ id }) => hashes.has(id.hash)))
    }
    return missing
  }

  async #sendBatch(requests: readonly { digest: object; data: Uint8Array }[], options: CallOptions): Promise<void> {
    const request = create(BatchUpdateBlobsRequestSchema, {
      instanceName: this.#instanceName,
      requests: requests as { digest: { hash: string; sizeBytes: bigint }; data: Uint8Array }[],
    })
    const calling = this.#channel.unary(ContentAddressableStorage.method.batchUpdateBlobs, request, options)
    const { responses } = await answer(calling, options.signal)
    for (const { digest, status } of responses) {
      if (status === undefined || status.code === 0) continue
      const reason = `the peer does not take blob ${digest?.hash}: ${status.message}`
      throw new CastoreError({ code: "unavailable", reason })
    }
  }

  async #sendLarge(source: BlobSource, options: CallOptions): Promise<void> {
    const { id } = source
    const resourceName = this.#resource(`uploads/${crypto.randomUUID()}/blobs/${id.hash}/${id.size}`)
    const stream = this.#channel.clientStream(ByteStream.method.write, options)
    const write = async (data: Uint8Array, at: number): Promise<void> => {
      const message = create(WriteRequestSchema, {
        resourceName,
        writeOffset: BigInt(at),
        finishWrite: at + data.length === id.size,
        data,
      })
      await stream.write(toBinary(WriteRequestSchema, message))
    }
    try {
      let at = 0
      for await (const bytes of await source.open()) {
        for (let from = 0; from < bytes.length; from += PIECE) {
          const piece = bytes.subarray(from, from + PIECE)
          await write(piece, at)
          at += piece.length
        }
      }
      await answer(stream.end(), options.signal)
    } catch (error) {
      stream.cancel()
      throw options.signal?.aborted === true ? options.signal.reason : fromStatus(error)
    }
  }

  async #readBatch(ids: readonly BlobId[], options: CallOptions): Promise<Map<string, Uint8Array>> {
    const found = new Map<string, Uint8Array>()
    const wanted = new Map(ids.map((id) => [id.hash, id]))
    const empty = idOf(new Uint8Array()).hash
    if (wanted.delete(empty)) found.set(empty, new Uint8Array())
    if (wanted.size === 0) return found
    const request = create(BatchReadBlobsRequestSchema, {
      instanceName: this.#instanceName,
      digests: [...wanted.values()].map(digestMessage),
    })
    const calling = this.#channel.unary(ContentAddressableStorage.method.batchReadBlobs, request, options)
    const { responses } = await answer(calling, options.signal)
    for (const { digest, data, status } of responses) {
      const id = wanted.get(digest?.hash ?? "")
      if (id === undefined || (status !== undefined && status.code !== 0)) continue
      if (idOf(data).hash !== id.hash) throw corrupt(id, "the peer sent something else")
      found.set(id.hash, data)
    }
    for (const id of wanted.values()) {
      if (!found.has(id.hash)) throw new CastoreError({ code: "missing", what: `blob sha256:${id.hash} of the peer` })
    }
    return found
  }

  #resource(name: string): string {
    return this.#instanceName === "" ? name : `${this.#instanceName}/${name}`
  }
}

async function gather(pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size)
  let at = 0
  for await (const piece of pieces) {
    if (at + piece.length > size) break
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}

function corrupt(id: BlobId, reason: string): CastoreError {
  return new CastoreError({ code: "corrupt", what: `blob sha256:${id.hash}`, reason })
}
