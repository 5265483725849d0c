import type { CallOptions } from "../call.ts"
import type { B3Digest } from "../digest.ts"

/** A piece of a blob that is stored on its own, and once, whatever blobs it is part of. */
export interface ChunkMeta {
  readonly digest: B3Digest
  /** Bytes. */
  readonly size: number
}

export interface BlobMeta {
  /** Bytes. */
  readonly size: number
  /** Joined, they are the blob. A blob that was not cut is one chunk with its own digest; an empty blob has none. */
  readonly chunks: readonly ChunkMeta[]
}

export interface ReadOptions extends CallOptions {
  /** The half-open range of bytes that is wanted: [from, to), cut off at the end of the blob. All of it without. */
  readonly from?: number
  readonly to?: number
  /**
   * That each piece is done with before the next is asked for. Back ends may then read into the same memory again, which is
   * worth it where that costs more than reading does; none has to.
   */
  readonly fleeting?: boolean
}

/** Bytes as they arrive; whoever takes a piece must be done with it before taking the next. */
export type Contents = AsyncIterable<Uint8Array> | Iterable<Uint8Array>

/**
 * Stores byte strings under the BLAKE3 of their contents. There is no overwriting, and putting the same bytes twice stores
 * them once.
 *
 * Every back end passes `testBlobService` (testing/blob-service.ts); what that does not check, nobody may rely on.
 */
export interface BlobService {
  /** The chunks of a blob, without reading them; `undefined` if it is not there. A chunk is a blob, too. */
  stat(digest: B3Digest, options?: CallOptions): Promise<BlobMeta | undefined>

  /**
   * The blob's bytes in order, in pieces that are never empty and that the caller may keep, unless they are `fleeting`;
   * `undefined` if it is not there.
   * Bytes that are not what the digest says are never yielded: the iteration fails with a `CastoreError`, `corrupt`.
   */
  read(digest: B3Digest, options?: ReadOptions): Promise<AsyncIterable<Uint8Array> | undefined>

  /** For one who reads many small blobs one after the other. Only where they are at hand, so that waiting would cost more. */
  reader?(): BlobReader

  /** Stores what `contents` yields. It is durable and visible to everybody when the promise resolves, or not at all. */
  put(contents: Contents, options?: CallOptions): Promise<B3Digest>

  /** Begins to store many blobs, which become durable together. */
  batch(options?: CallOptions): BlobBatch

  /** Releases files, threads and connections. Nothing may be called afterwards, except `close` again. */
  close(): Promise<void>
}

export interface BlobReader {
  /**
   * All of a blob, if it is in one piece, until the next call; `undefined` if not, which does not say that it is not there.
   *
   * @throws {CastoreError} `corrupt`
   */
  read(digest: B3Digest): Uint8Array | undefined
}

/** Blobs on their way. Nothing is promised about any of them before {@link commit} resolves. */
export interface BlobBatch {
  /** Begins the next blob; the one before it must have ended. `size` in bytes, where it is known, saves work. */
  blob(size?: number): BlobWriter
  /** Resolves when every blob that has ended is durable and visible to everybody. The batch can be used again after it. */
  commit(): Promise<void>
  /** Gives up what is not committed, and ends the batch. */
  abort(): Promise<void>
}

export interface BlobWriter {
  /** Adds bytes, which are copied before it returns. A promise asks to wait for it before writing more. */
  write(bytes: Uint8Array): void | Promise<void>
  /** The blob is complete. Its digest may arrive much later: go on meanwhile. */
  end(): Promise<B3Digest>
}
