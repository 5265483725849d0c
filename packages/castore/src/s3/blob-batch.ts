import { concat } from "@tvix-ts/bytes"
import { startHash, type Hasher } from "@tvix-ts/hash"
import type { BlobBatch, BlobWriter, ChunkMeta } from "../blob/service.ts"
import { Chunker } from "../chunker/chunker.ts"
import { CHUNK_MIN } from "../chunker/gear.ts"
import { digestKey, digestOf, type B3Digest } from "../digest.ts"
import { encodeManifest } from "./manifest.ts"
import { objectName } from "./names.ts"
import type { S3Objects } from "./objects.ts"
import type { Zstd } from "./options.ts"

/** Bytes of chunks, and chunks, that a batch holds back: one that is given up before has left nothing. */
const HELD_BYTES_MAX = 16 * 2 ** 20
const HELD_CHUNKS_MAX = 4096
/** Bytes and chunks in memory, held back or on their way, above which writers are asked to wait. */
const MEMORY_BYTES_MAX = 48 * 2 ** 20
const MEMORY_CHUNKS_MAX = 8192
/** Bytes from which on it is worth a request to see whether a chunk is there already, rather than sending it. */
const LOOK_FIRST = 16 * 1024

interface Chunk {
  readonly digest: B3Digest
  readonly bytes: Uint8Array
}

/**
 * Blobs on their way. Chunks are stored on the way if there are many; the lists of chunks after all of them, in `commit`. So
 * what is listed is there, and what a batch leaves that is given up, or whose process ends, is nothing that anybody could find
 * but by its own digest.
 */
export class S3BlobBatch implements BlobBatch {
  readonly #objects: S3Objects
  readonly #zstd: Zstd
  readonly #signal: AbortSignal | undefined
  readonly #stop = new AbortController()
  /** Chunks that this batch has taken, by {@link digestKey}. */
  readonly #taken = new Set<string>()
  #held: Chunk[] = []
  #heldBytes = 0
  /** Whether there were so many that they are no longer held back. */
  #flowing = false
  readonly #storing = new Set<Promise<void>>()
  #storingBytes = 0
  /** Writers, until something is stored. */
  readonly #waiting: (() => void)[] = []
  #lists: { readonly digest: B3Digest; readonly chunks: readonly ChunkMeta[] }[] = []
  #failure: { readonly error: unknown } | undefined
  #ended = false

  constructor(objects: S3Objects, zstd: Zstd, signal: AbortSignal | undefined) {
    this.#objects = objects
    this.#zstd = zstd
    this.#signal = signal
  }

  blob(): BlobWriter {
    if (this.#ended) throw new TypeError("this batch was given up")
    return new S3BlobWriter(this)
  }

  async commit(): Promise<void> {
    try {
      this.check()
      this.#store()
      while (this.#storing.size > 0) await Promise.all(this.#storing)
      this.check()
      const lists = this.#lists
      this.#lists = []
      this.#flowing = false
      for (const { digest, chunks } of lists) {
        const put = async (): Promise<void> => {
          const options = { unless: "there", signal: this.#either() } as const
          await this.#objects.put(objectName("blobs", digest), encodeManifest(chunks), options)
        }
        this.#begin(put(), 0)
      }
      while (this.#storing.size > 0) await Promise.all(this.#storing)
      this.check()
    } catch (error) {
      await this.abort()
      throw error
    }
  }

  async abort(): Promise<void> {
    this.#ended = true
    this.#held = []
    this.#heldBytes = 0
    this.#lists = []
    this.#stop.abort(new TypeError("this batch was given up"))
    await Promise.allSettled(this.#storing)
  }

  /** @throws {unknown} what has failed */
  check(): void {
    this.#signal?.throwIfAborted()
    if (this.#failure !== undefined) throw this.#failure.error
  }

  /** @param bytes are the batch's from now on */
  take(digest: B3Digest, bytes: Uint8Array): void {
    const key = digestKey(digest)
    if (this.#ended || this.#taken.has(key)) return
    this.#taken.add(key)
    this.#held.push({ digest, bytes })
    this.#heldBytes += bytes.length
    this.#flowing ||= this.#heldBytes > HELD_BYTES_MAX || this.#held.length > HELD_CHUNKS_MAX
    if (this.#flowing) this.#store()
  }

  list(digest: B3Digest, chunks: readonly ChunkMeta[]): void {
    this.#lists.push({ digest, chunks })
  }

  /** Whether the writer should wait, and until when. */
  room(): void | Promise<void> {
    if (this.#isFull()) return this.#untilRoom()
  }

  #isFull(): boolean {
    return this.#storingBytes > MEMORY_BYTES_MAX || this.#storing.size > MEMORY_CHUNKS_MAX
  }

  async #untilRoom(): Promise<void> {
    while (this.#isFull() && this.#failure === undefined) {
      await new Promise<void>((resolve) => void this.#waiting.push(resolve))
    }
    this.check()
  }

  #store(): void {
    for (const chunk of this.#held) this.#begin(this.#put(chunk), chunk.bytes.length)
    this.#held = []
    this.#heldBytes = 0
  }

  #begin(storing: Promise<void>, bytes: number): void {
    this.#storingBytes += bytes
    const done = storing
      .catch((error: unknown) => {
        this.#failure ??= { error: this.#signal?.aborted === true ? this.#signal.reason : error }
        // The others would be in vain.
        this.#stop.abort(error)
      })
      .finally(() => {
        this.#storing.delete(done)
        this.#storingBytes -= bytes
        for (const wake of this.#waiting.splice(0)) wake()
      })
    this.#storing.add(done)
  }

  async #put({ digest, bytes }: Chunk): Promise<void> {
    const signal = this.#either()
    const name = objectName("chunks", digest)
    // One that says nothing of its size is somebody else's, or was cut off by a service that stores half of what it gets.
    if (bytes.length >= LOOK_FIRST && (await this.#objects.head(name, { signal }))?.size === bytes.length) return
    const compressed = await this.#zstd.compress(bytes)
    await this.#objects.put(name, compressed, { unless: "there", size: bytes.length, signal })
  }

  #both: AbortSignal | undefined
  #either(): AbortSignal {
    this.#both ??= this.#signal === undefined ? this.#stop.signal : AbortSignal.any([this.#signal, this.#stop.signal])
    return this.#both
  }
}

class S3BlobWriter implements BlobWriter {
  readonly #batch: S3BlobBatch
  readonly #chunks: ChunkMeta[] = []
  /** What there is of a blob that may still turn out too small to be cut. */
  #pieces: Uint8Array[] = []
  #size = 0
  #chunker: Chunker | undefined
  #whole: Hasher | undefined

  constructor(batch: S3BlobBatch) {
    this.#batch = batch
  }

  write(bytes: Uint8Array): void | Promise<void> {
    this.#batch.check()
    this.#size += bytes.length
    if (this.#chunker === undefined) {
      if (this.#size <= CHUNK_MIN) {
        this.#pieces.push(bytes.slice())
        return this.#batch.room()
      }
      this.#chunker = new Chunker((chunk) => this.#keep(chunk.slice()))
      this.#whole = startHash("blake3")
      for (const piece of this.#pieces) this.#pass(piece)
      this.#pieces = []
    }
    this.#pass(bytes)
    return this.#batch.room()
  }

  async end(): Promise<B3Digest> {
    this.#batch.check()
    if (this.#chunker === undefined) {
      const bytes = this.#pieces.length === 1 ? this.#pieces[0]! : concat(this.#pieces)
      this.#pieces = []
      // The empty blob is everywhere.
      return bytes.length === 0 ? digestOf(bytes) : this.#keep(bytes)
    }
    this.#chunker.end()
    const digest = this.#whole!.digest() as B3Digest
    if (this.#chunks.length > 1) this.#batch.list(digest, this.#chunks)
    return digest
  }

  #pass(bytes: Uint8Array): void {
    this.#whole!.update(bytes)
    this.#chunker!.write(bytes)
  }

  #keep(chunk: Uint8Array): B3Digest {
    const digest = digestOf(chunk)
    this.#batch.take(digest, chunk)
    this.#chunks.push({ digest, size: chunk.length })
    return digest
  }
}
