import type { DatabaseSync, StatementSync } from "node:sqlite"
import type { B3Digest } from "../../digest.ts"
import { storageError } from "./failure.ts"

/** Where a chunk is: on its own, or in a frame (frames.ts) with others. */
export interface ChunkPlace {
  readonly pack: number
  /** Bytes from the beginning of the pack, to the chunk or its frame. */
  readonly offset: number
  /** Bytes of the chunk. */
  readonly length: number
  /** Bytes of the frame as it is stored; 0 if there is none. */
  readonly packed: number
  /** Bytes of the frame's chunks together. */
  readonly unpacked: number
  /** Bytes of them that are before this one. */
  readonly start: number
}

export interface ChunkRow extends ChunkPlace {
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

/**
 * Look-ups in the index. A snapshot of it is kept for a turn of the event loop, which halves their price. What is found in
 * it may be collected meanwhile, and is then as good as if it had been read before; what is not found is looked for again.
 */
export class IndexReader {
  private readonly database: DatabaseSync
  private readonly chunkByDigest: StatementSync
  private readonly blobByDigest: StatementSync
  private readonly directoryByDigest: StatementSync
  private held = false

  /** @param database for nobody else: transactions of others would get into the snapshot's way */
  constructor(database: DatabaseSync) {
    this.database = database
    this.chunkByDigest = database.prepare(
      "SELECT pack, offset, length, touched, ifnull(packed, 0), ifnull(unpacked, 0), ifnull(start, 0)" +
        " FROM chunks WHERE digest = ?",
    )
    // It takes half the time of an object, and most look-ups are this one.
    this.chunkByDigest.setReturnArrays(true)
    this.blobByDigest = database.prepare("SELECT size, chunks, touched FROM blobs WHERE digest = ?")
    this.directoryByDigest = database.prepare("SELECT data, touched FROM directories WHERE digest = ?")
  }

  chunk(digest: B3Digest): ChunkRow | undefined {
    const row = this.look(this.chunkByDigest, digest) as number[] | undefined
    if (row === undefined) return undefined
    const [pack, offset, length, touched, packed, unpacked, start] = row as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ]
    return { pack, offset, length, touched, packed, unpacked, start }
  }

  blob(digest: B3Digest): BlobRow | undefined {
    return this.look(this.blobByDigest, digest) as BlobRow | undefined
  }

  directory(digest: B3Digest): DirectoryRow | undefined {
    return this.look(this.directoryByDigest, digest) as DirectoryRow | undefined
  }

  /** The next look-up sees what is there by then. */
  readonly release = (): void => {
    if (!this.held) return
    this.held = false
    if (!this.database.isOpen) return
    try {
      this.database.exec("COMMIT")
    } catch {
      // Of a damaged index. Nothing was written; what it is not good for, the next look-up tells.
      if (this.database.isTransaction) this.database.exec("ROLLBACK")
    }
  }

  private look(statement: StatementSync, digest: B3Digest): unknown {
    try {
      if (this.held) {
        const row = statement.get(digest)
        if (row !== undefined) return row
        this.release()
      }
      this.database.exec("BEGIN")
      this.held = true
      setImmediate(this.release)
      return statement.get(digest)
    } catch (error) {
      throw storageError(error, this.database.location() ?? "the index")
    }
  }
}
