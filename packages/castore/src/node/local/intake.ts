/**
 * The writing thread's work: cuts blobs into chunks, appends those that are new to a pack, and now and then makes all of it
 * durable and adds it to the index, in that order. What is in the index is therefore always whole.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite"
import { digestOf, DIGEST_LENGTH, type B3Digest } from "../../digest.ts"
import type { EncodedDirectory } from "../../directory/closure.ts"
import { CastoreError } from "../../problem.ts"
import { CHUNK_MIN } from "../../chunker/gear.ts"
import { BlobInProgress, LentBuffers } from "./blob-in-progress.ts"
import { openDatabase } from "./database.ts"
import { makeFrames, type Frame } from "./frames.ts"
import { transaction } from "./sqlite.ts"
import { storageError } from "./failure.ts"
import { layoutOf, makeFolders, type Layout } from "./layout.ts"
import { claimPack, cutPacks, enrol, moveSince, releasePack, resign, retirePack, type Writer } from "./ownership.ts"
import { PackAppender } from "./pack-appender.ts"
import {
  ABORT,
  COMMIT,
  DIRECTORY,
  LAST,
  PIECE,
  RECORD,
  TOUCH,
  type Failure,
  type SegmentMessage,
  type SegmentReply,
  type Table,
  type WriterOptions,
} from "./protocol.ts"

/** Rows and bytes after which the index is brought up to date though nobody asks: they bound memory. */
const ROWS_AT_MOST = 32_768
const BYTES_AT_MOST = 2 ** 30
/** Bytes of directories kept back until their tree is complete. Beyond, they are stored as they come. */
const DRAFT_BYTES = 2 ** 23

interface NewChunk {
  readonly digest: B3Digest
  readonly bytes: Uint8Array
}

/** One that is in the pack; see database.ts. */
interface PlacedChunk {
  readonly digest: B3Digest
  readonly offset: number
  readonly length: number
  readonly packed: number | null
  readonly unpacked: number | null
  readonly start: number | null
}

interface NewBlob {
  readonly digest: B3Digest
  readonly size: number
  readonly chunks: Uint8Array
}

/** What a batch has that no commit has covered. */
interface BatchState {
  /** ms since the epoch. */
  readonly begun: number
  readonly blobs: Map<number, BlobInProgress>
  directories: EncodedDirectory[]
  directoryBytes: number
  failure: Failure | undefined
}

export class Intake {
  readonly writer: Writer
  private readonly layout: Layout
  private readonly database: DatabaseSync
  private readonly options: WriterOptions
  private readonly find: { readonly [T in "chunks" | "directories"]: StatementSync }
  private readonly touch: { readonly [T in Table]: StatementSync }
  private readonly place: StatementSync
  private readonly addChunk: StatementSync
  private readonly replaceChunk: StatementSync
  private readonly addBlob: StatementSync
  private readonly addDirectory: StatementSync
  private readonly setLength: StatementSync

  private pack: PackAppender | undefined
  /** Bytes of the pack that are in the index. */
  private indexed = 0

  private readonly batches = new Map<number, BatchState>()
  private readonly buffers = new LentBuffers()
  /** Chunks that no commit has covered, by {@link keyOf}. */
  private readonly met = new Set<string>()
  /** Those of them that are not in the pack yet, and those that are. */
  private fresh: NewChunk[] = []
  private chunks: PlacedChunk[] = []
  private blobs: NewBlob[] = []
  private directories: EncodedDirectory[] = []
  /** Chunks that are stored already, but so long ago that a collection might take them. */
  private stale: NewChunk[] = []
  private freshFrom = 0
  /** Bytes that there are, of packs that have lost some or all since they were written. Rarely is there one. */
  private readonly cut: ReadonlyMap<number, number>

  constructor(options: WriterOptions) {
    this.options = options
    this.layout = layoutOf(options.dir)
    makeFolders(this.layout)
    const database = (this.database = openDatabase(this.layout))
    const find = (table: Table): StatementSync => {
      const statement = database.prepare(`SELECT touched FROM ${table} WHERE digest = ?`)
      statement.setReturnArrays(true)
      return statement
    }
    const touch = (table: Table): StatementSync =>
      database.prepare(`UPDATE ${table} SET touched = max(touched, ?) WHERE digest = ?`)
    const add = (table: Table, columns: string, values: string): StatementSync =>
      database.prepare(
        `INSERT INTO ${table} (${columns}) VALUES (${values})` +
          " ON CONFLICT (digest) DO UPDATE SET touched = max(touched, excluded.touched)",
      )
    this.find = { chunks: find("chunks"), directories: find("directories") }
    this.touch = { chunks: touch("chunks"), blobs: touch("blobs"), directories: touch("directories") }
    this.addChunk = add(
      "chunks",
      "digest, pack, offset, length, touched, packed, unpacked, start",
      "?, ?, ?, ?, ?, ?, ?, ?",
    )
    // What was lost is not in the way of what somebody brings.
    this.replaceChunk = database.prepare(
      "INSERT INTO chunks (digest, pack, offset, length, touched, packed, unpacked, start) VALUES (?, ?, ?, ?, ?, ?, ?, ?)" +
        " ON CONFLICT (digest) DO UPDATE SET" +
        " pack = excluded.pack, offset = excluded.offset, length = excluded.length, touched = max(touched, excluded.touched)," +
        " packed = excluded.packed, unpacked = excluded.unpacked, start = excluded.start",
    )
    this.place = database.prepare("SELECT pack, offset + ifnull(packed, length) AS end FROM chunks WHERE digest = ?")
    this.addBlob = add("blobs", "digest, size, chunks, touched", "?, ?, ?, ?")
    this.addDirectory = add("directories", "digest, data, touched", "?, ?, ?")
    this.setLength = database.prepare("UPDATE packs SET length = ? WHERE id = ?")
    try {
      this.cut = cutPacks(database, this.layout)
      this.writer = enrol(database, this.layout)
    } catch (error) {
      database.close()
      throw error
    }
  }

  /** Acts on all records of a segment. Never throws: problems are part of the answer. */
  async segment(message: SegmentMessage): Promise<SegmentReply> {
    const { records, buffer } = message
    const reply = {
      type: "segment",
      digests: new Uint8Array(DIGEST_LENGTH * countOf(records, LAST)),
      endProblems: new Map<number, Failure>(),
      commitProblems: new Map<number, Failure>(),
      touched: [] as (boolean | Failure)[],
    } satisfies SegmentReply
    // Commits and aborts so far, and which of them are the latter.
    let answers = 0
    const aborts = new Set<number>()
    let ends = 0
    let at = 0
    try {
      this.freshFrom = Math.max(this.writer.since, Date.now() - this.options.graceMs / 2)
      // One snapshot for all look-ups: half the price. What it does not show yet is at worst stored twice.
      this.database.exec("BEGIN")
      for (let i = 0; i < records.length; i += RECORD) {
        const operation = records[i]!
        const number = records[i + 1]!
        switch (operation) {
          case PIECE:
          case LAST: {
            const batch = this.batch(number)
            const bytes = new Uint8Array(buffer, at, records[i + 3])
            at += bytes.length
            let digest: B3Digest | undefined
            if (batch.failure === undefined) digest = this.take(batch, operation, records[i + 2]!, bytes)
            if (operation === PIECE) break
            if (digest === undefined) reply.endProblems.set(ends, batch.failure!)
            else reply.digests.set(digest, ends * DIGEST_LENGTH)
            ends++
            break
          }
          case DIRECTORY:
            this.takeDirectory(this.batch(number), message.directories[records[i + 2]!]!)
            break
          case COMMIT: {
            const batch = this.batches.get(number)
            if (batch?.failure !== undefined) {
              reply.commitProblems.set(answers, batch.failure)
            } else if (batch !== undefined) {
              this.directories.push(...batch.directories)
            }
            this.batches.delete(number)
            answers++
            break
          }
          case ABORT:
            this.batches.delete(number)
            aborts.add(answers++)
            break
        }
      }
      this.database.exec("COMMIT")
      await this.settle(message, reply.touched)
      const full = (this.pack?.end ?? 0) >= this.options.packBytes
      if (answers > aborts.size || full || this.isLarge()) await this.commit(full)
      else if (aborts.size > 0 && this.batches.size === 0) this.forget()
    } catch (error) {
      const failure = this.giveUp(error, message)
      for (let i = 0; i < reply.digests.length / DIGEST_LENGTH; i++) reply.endProblems.set(i, failure)
      for (let i = 0, answer = 0; i < records.length; i += RECORD) {
        if (records[i] === COMMIT) reply.commitProblems.set(answer, reply.commitProblems.get(answer) ?? failure)
        if (records[i] === COMMIT || records[i] === ABORT) answer++
      }
      reply.touched = message.touches.map(() => failure)
    }
    return reply
  }

  private batch(number: number): BatchState {
    let batch = this.batches.get(number)
    if (batch === undefined) {
      batch = { begun: Date.now(), blobs: new Map(), directories: [], directoryBytes: 0, failure: undefined }
      this.batches.set(number, batch)
    }
    return batch
  }

  /** The digest, if the blob ends with these bytes. */
  private take(
    batch: BatchState,
    operation: typeof PIECE | typeof LAST,
    number: number,
    bytes: Uint8Array,
  ): B3Digest | undefined {
    let blob = batch.blobs.get(number)
    if (blob === undefined) {
      if (operation === LAST && bytes.length <= CHUNK_MIN) {
        const digest = digestOf(bytes)
        if (bytes.length > 0) this.keep(digest, bytes)
        return digest
      }
      blob = new BlobInProgress((digest, chunk) => this.keep(digest, chunk), this.buffers)
      batch.blobs.set(number, blob)
    }
    if (operation === PIECE) {
      blob.write(bytes)
      return undefined
    }
    batch.blobs.delete(number)
    const { digest, size, chunks } = blob.end(bytes)
    if (chunks !== undefined) this.blobs.push({ digest, size, chunks })
    return digest
  }

  /** Sees to it that a chunk will be stored. `bytes` may not change until {@link settle}. */
  private keep(digest: B3Digest, bytes: Uint8Array): void {
    const key = keyOf(digest)
    if (this.met.has(key)) return
    const row = this.find.chunks.get(digest) as unknown as [number] | undefined
    if (row === undefined || this.isLost(digest)) {
      this.met.add(key)
      this.fresh.push({ digest, bytes })
    } else if (row[0] < this.freshFrom) this.stale.push({ digest, bytes })
  }

  private isLost(digest: B3Digest): boolean {
    if (this.cut.size === 0) return false
    const { pack, end } = this.place.get(digest) as Record<"pack" | "end", number>
    const size = this.cut.get(pack)
    return size !== undefined && end > size
  }

  private appendFrame(frame: Frame<NewChunk>): void {
    const { chunks, packed, unpacked } = frame
    const pack = (this.pack ??= this.claim())
    if (packed === undefined) {
      for (const { digest, bytes } of chunks) {
        const offset = pack.append(bytes)
        this.chunks.push({ digest, offset, length: bytes.length, packed: null, unpacked: null, start: null })
      }
      return
    }
    const offset = pack.append(packed)
    let start = 0
    for (const { digest, bytes } of chunks) {
      this.chunks.push({ digest, offset, length: bytes.length, packed: packed.length, unpacked, start })
      start += bytes.length
    }
  }

  private takeDirectory(batch: BatchState, directory: EncodedDirectory): void {
    const row = this.find.directories.get(directory.digest) as unknown as [number] | undefined
    if (row !== undefined && row[0] >= this.freshFrom) return
    batch.directories.push(directory)
    batch.directoryBytes += directory.bytes.length
    if (batch.directoryBytes < DRAFT_BYTES) return
    // Children come first, so that this leaves nothing that refers to what is not there.
    this.directories.push(...batch.directories)
    batch.directories = []
    batch.directoryBytes = 0
  }

  /** Hands to the disk what the segment brought, and marks what it met again. */
  private async settle(message: SegmentMessage, touched: (boolean | Failure)[]): Promise<void> {
    const { stale } = this
    this.stale = []
    if (stale.length > 0 || message.touches.length > 0) {
      const gone: typeof stale = []
      // If the computer stops, nobody refers to these yet: no need to wait for the disk.
      this.database.exec("PRAGMA synchronous = NORMAL")
      try {
        transaction(this.database, () => {
          const now = this.now()
          for (const chunk of stale) {
            if (this.touch.chunks.run(now, chunk.digest).changes === 0) gone.push(chunk)
          }
          for (const { table, digest } of message.touches) {
            touched.push(this.touch[table].run(now, digest).changes !== 0)
          }
        })
      } finally {
        this.database.exec("PRAGMA synchronous = FULL")
      }
      // A collection was faster.
      for (const { digest, bytes } of gone) {
        const key = keyOf(digest)
        if (this.met.has(key)) continue
        this.met.add(key)
        this.fresh.push({ digest, bytes })
      }
    }
    const { fresh } = this
    if (fresh.length > 0) {
      this.fresh = []
      for (const frame of await makeFrames(fresh)) this.appendFrame(frame)
    }
    this.pack?.flush()
    this.buffers.recycle()
  }

  private claim(): PackAppender {
    for (;;) {
      const claimed = claimPack(this.database, this.layout, this.writer, this.options.packBytes)
      const pack = PackAppender.open(this.layout, claimed)
      if (pack !== undefined) {
        this.indexed = pack.end
        return pack
      }
      // It has lost its end. What is left can be read; `verify` will tell the rest.
      transaction(this.database, () => retirePack(this.database, claimed.id))
    }
  }

  private isLarge(): boolean {
    return (
      this.chunks.length >= ROWS_AT_MOST || (this.pack !== undefined && this.pack.end - this.indexed >= BYTES_AT_MOST)
    )
  }

  /** Makes everything so far durable and visible. `finishPack`: and lets the next chunk begin a new pack. */
  private async commit(finishPack: boolean): Promise<void> {
    const { pack } = this
    if (pack !== undefined && this.chunks.length > 0) await pack.sync()
    if (this.chunks.length > 0 || this.blobs.length > 0 || this.directories.length > 0 || finishPack) {
      transaction(this.database, () => {
        const now = this.now()
        if (pack !== undefined) {
          const addChunk = this.cut.size === 0 ? this.addChunk : this.replaceChunk
          for (const { digest, offset, length, packed, unpacked, start } of this.chunks) {
            addChunk.run(digest, pack.id, offset, length, now, packed, unpacked, start)
          }
          this.setLength.run(pack.end, pack.id)
          if (finishPack) retirePack(this.database, pack.id)
        }
        for (const { digest, size, chunks } of this.blobs) this.addBlob.run(digest, size, chunks, now)
        for (const { digest, bytes } of this.directories) this.addDirectory.run(digest, bytes, now)
      })
    }
    this.met.clear()
    this.chunks = []
    this.blobs = []
    this.directories = []
    if (pack === undefined) return
    this.indexed = pack.end
    if (finishPack) {
      this.pack = undefined
      await pack.close()
    }
  }

  /** Drops what no commit has covered, the bytes in the pack included. */
  private forget(): void {
    this.met.clear()
    this.fresh = []
    this.chunks = []
    this.blobs = []
    this.directories = []
    this.stale = []
    if (this.pack !== undefined && this.pack.end > this.indexed) this.pack.truncate(this.indexed)
  }

  /** Something failed: nothing that is not committed can be relied upon, whoever it belongs to. */
  private giveUp(error: unknown, message: SegmentMessage): Failure {
    if (this.database.isTransaction) this.database.exec("ROLLBACK")
    const known = storageError(error, this.layout.dir)
    const failure: Failure = {
      problem: known instanceof CastoreError ? known.problem : { code: "unavailable", reason: String(error) },
    }
    // Batches that have gone on after the commit, or come to their commit, start anew.
    const over = new Set<number>()
    for (let i = 0; i < message.records.length; i += RECORD) {
      const number = message.records[i + 1]!
      if (message.records[i] === COMMIT || message.records[i] === ABORT) over.add(number)
      else if (message.records[i] !== TOUCH) {
        over.delete(number)
        this.batch(number)
      }
    }
    for (const number of over) this.batches.delete(number)
    for (const batch of this.batches.values()) {
      batch.failure ??= failure
      batch.blobs.clear()
      batch.directories = []
    }
    const { pack } = this
    let usable = pack?.failed === false
    try {
      this.forget()
    } catch {
      usable = false
    }
    if (!usable) {
      // It stays ours, but nothing more goes into it. Whoever adopts it cuts it.
      this.pack = undefined
      pack?.abandon()
    }
    return failure
  }

  /** A date for rows. No clock that is set back makes them look older than this writer. */
  private now(): number {
    return Math.max(Date.now(), this.writer.since)
  }

  /** Batches that go on for long keep what they have met. */
  renew(graceMs: number): void {
    let since = Date.now() - graceMs
    for (const { begun } of this.batches.values()) since = Math.min(since, begun - graceMs / 2)
    moveSince(this.database, this.writer, Math.floor(since))
  }

  /**
   * Lets go of the pack, if nothing is under way: collections leave alone what somebody appends to, and a server, which may live
   * for ever, would keep half a gigabyte from them.
   */
  async rest(): Promise<void> {
    if (this.pack === undefined || this.batches.size > 0) return
    this.forget()
    const { pack } = this
    this.pack = undefined
    await pack.close()
    transaction(this.database, () => releasePack(this.database, pack.id))
  }

  async close(): Promise<void> {
    try {
      this.forget()
      await this.pack?.close()
      resign(this.database, this.layout, this.writer)
    } finally {
      this.database.close()
    }
  }
}

function countOf(records: readonly number[], operation: number): number {
  let count = 0
  for (let i = 0; i < records.length; i += RECORD) if (records[i] === operation) count++
  return count
}

function keyOf(digest: B3Digest): string {
  return Buffer.from(digest.buffer, digest.byteOffset, digest.length).toString("latin1")
}
