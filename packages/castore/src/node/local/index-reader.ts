import type { DatabaseSync, StatementSync } from "node:sqlite"
import type { B3Digest } from "../../digest.ts"

/** Where a chunk is. */
export interface ChunkRow {
  readonly pack: number
  /** Bytes from the beginning of the pack. */
  readonly offset: number
  /** Bytes. */
  readonly length: number
  /** ms since the epoch; see database.ts. */
  readonly touched: number
}

export interface BlobRow {
  /** Bytes. */
  readonly size: number
  /** See chunk-list.ts. */
  readonly chunks: Uint8Array
  readonly touched: number
}

export interface DirectoryRow {
  readonly data: Uint8Array
  readonly touched: number
}

/** Look-ups in the index. */
export class IndexReader {
  private readonly chunkByDigest: StatementSync
  private readonly blobByDigest: StatementSync
  private readonly directoryByDigest: StatementSync

  constructor(database: DatabaseSync) {
    this.chunkByDigest = database.prepare("SELECT pack, offset, length, touched FROM chunks WHERE digest = ?")
    this.blobByDigest = database.prepare("SELECT size, chunks, touched FROM blobs WHERE digest = ?")
    this.directoryByDigest = database.prepare("SELECT data, touched FROM directories WHERE digest = ?")
  }

  chunk(digest: B3Digest): ChunkRow | undefined {
    return this.chunkByDigest.get(digest) as unknown as ChunkRow | undefined
  }

  blob(digest: B3Digest): BlobRow | undefined {
    return this.blobByDigest.get(digest) as unknown as BlobRow | undefined
  }

  directory(digest: B3Digest): DirectoryRow | undefined {
    return this.directoryByDigest.get(digest) as unknown as DirectoryRow | undefined
  }
}
