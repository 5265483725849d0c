/** Reads everything that is stored and tells what is not as it must be. */
import { equal } from "@tvix-ts/bytes"
import { statSync } from "node:fs"
import type { DatabaseSync } from "node:sqlite"
import { setImmediate as turn } from "node:timers/promises"
import { startHash } from "@tvix-ts/hash"
import type { ChunkMeta } from "../../blob/service.ts"
import type { CallOptions } from "../../call.ts"
import { digestOf, formatDigest, type B3Digest } from "../../digest.ts"
import { directorySize } from "../../directory/check.ts"
import type { Directory } from "../../directory/service.ts"
import { CastoreError } from "../../problem.ts"
import { readChunkList } from "./chunk-list.ts"
import { isFrame, type ChunkReader } from "./chunk-reader.ts"
import { unpackSync } from "./frames.ts"
import type { ChunkPlace } from "./index-reader.ts"
import { transaction } from "./sqlite.ts"
import { decodeStored } from "./directories.ts"
import { packName, packPath, type Layout } from "./layout.ts"
import type { PackReader } from "./pack-reader.ts"

/** Something that is not as it must be. */
export type CastoreFinding =
  /** A file is missing or has lost its end. What was in it is listed chunk by chunk. */
  | { readonly kind: "pack"; readonly name: string; readonly reason: string }
  | { readonly kind: "chunk" | "blob" | "directory"; readonly digest: B3Digest; readonly reason: string }

/** One line of text. */
export function describeCastoreFinding(finding: CastoreFinding): string {
  const name = finding.kind === "pack" ? finding.name : formatDigest(finding.digest)
  return `${finding.kind} ${name}: ${finding.reason}`
}

export interface VerifyCastoreOptions extends CallOptions {
  /** Forgets chunks, blobs and directories that are damaged, so that whoever puts them again makes them whole. */
  readonly repair?: boolean
  /** How far it is, in rows that were checked. */
  readonly onProgress?: (progress: VerifyProgress) => void
}

export interface VerifyProgress {
  readonly step: "chunks" | "blobs" | "directories"
  readonly done: number
  readonly total: number
}

/** Rows that are checked before somebody else gets a turn, unless their bytes are many. */
const ROWS_PER_STEP = 256
const STEP_BYTES = 2 ** 23

interface Row extends ChunkPlace {
  readonly id: number
  readonly digest: B3Digest
}

/** As {@link ChunkPlace} has it. */
const PLACE =
  "pack, offset, length, ifnull(packed, 0) AS packed, ifnull(unpacked, 0) AS unpacked, ifnull(start, 0) AS start"

export class Verification {
  private readonly database: DatabaseSync
  private readonly layout: Layout
  private readonly packs: PackReader
  private readonly reader: ChunkReader
  private readonly options: VerifyCastoreOptions
  /** The frame that was decompressed last, or could not be. */
  private frame: { readonly pack: number; readonly offset: number; readonly contents: Uint8Array | string } | undefined

  /** @param database a connection for this alone */
  constructor(
    database: DatabaseSync,
    layout: Layout,
    packs: PackReader,
    reader: ChunkReader,
    options: VerifyCastoreOptions,
  ) {
    this.database = database
    this.layout = layout
    this.packs = packs
    this.reader = reader
    this.options = options
  }

  async *run(): AsyncGenerator<CastoreFinding, void, undefined> {
    const { database } = this
    database.exec(`
      DROP TABLE IF EXISTS temp.rows;
      DROP TABLE IF EXISTS temp.bad_chunks;
      DROP TABLE IF EXISTS temp.sizes;
      CREATE TABLE temp.rows (
        id INTEGER PRIMARY KEY, digest BLOB, pack INTEGER, offset INTEGER, length INTEGER,
        packed INTEGER, unpacked INTEGER, start INTEGER
      );
      CREATE TABLE temp.bad_chunks (digest BLOB PRIMARY KEY) WITHOUT ROWID;
      CREATE TABLE temp.sizes (digest BLOB PRIMARY KEY, size INTEGER NOT NULL) WITHOUT ROWID;
    `)
    try {
      yield* this.checkPacks()
      yield* this.checkChunks()
      yield* this.checkBlobs()
      yield* this.checkDirectories()
    } finally {
      for (const table of ["rows", "bad_chunks", "sizes"]) database.exec(`DROP TABLE IF EXISTS temp.${table}`)
    }
  }

  private *checkPacks(): Generator<CastoreFinding, void, undefined> {
    const { database } = this
    // Nobody can go on with such a pack. Its chunks are looked at, and forgotten, one by one.
    const accept = database.prepare("UPDATE packs SET length = ?, finished = 1 WHERE id = ? AND writer IS NULL")
    for (const row of database.prepare("SELECT id, length FROM packs").all()) {
      const id = Number(row["id"])
      const length = Number(row["length"])
      const size = statSync(packPath(this.layout, id), { throwIfNoEntry: false })?.size
      if ((size ?? 0) >= length) continue
      if (this.options.repair === true) transaction(database, () => accept.run(size ?? 0, id))
      const reason =
        size === undefined ? `the file of ${length} bytes is gone` : `the file has ${size} bytes instead of ${length}`
      yield { kind: "pack", name: packName(id), reason }
    }
  }

  private async *checkChunks(): AsyncGenerator<CastoreFinding, void, undefined> {
    const { database } = this
    // A copy in the order of the disk. To read from the index itself would keep a snapshot for as long as this takes.
    database.exec(
      "INSERT INTO temp.rows (digest, pack, offset, length, packed, unpacked, start)" +
        ` SELECT digest, ${PLACE} FROM chunks ORDER BY chunks.pack, chunks.offset, chunks.start`,
    )
    const total = this.count("temp.rows")
    const next = database.prepare("SELECT * FROM temp.rows WHERE id > ? ORDER BY id LIMIT ?")
    const current = database.prepare(`SELECT ${PLACE} FROM chunks WHERE digest = ?`)
    const remember = database.prepare("INSERT OR IGNORE INTO temp.bad_chunks VALUES (?)")
    const forget = database.prepare("DELETE FROM chunks WHERE digest = ? AND pack = ? AND offset = ?")
    for (let last = 0; ;) {
      const rows = next.all(last, ROWS_PER_STEP) as unknown as Row[]
      if (rows.length === 0) return
      let bytes = 0
      for (const row of rows) {
        last = row.id
        bytes += row.length
        if (bytes >= STEP_BYTES) {
          bytes = 0
          await this.turn()
        }
        if (this.chunkProblem(row.digest, row) === undefined) continue
        // It may have been collected or moved since; then what holds is the row of now.
        const now = current.get(row.digest) as unknown as ChunkPlace | undefined
        this.frame = undefined
        const reason = now === undefined ? undefined : this.chunkProblem(row.digest, now)
        if (now === undefined || reason === undefined) continue
        remember.run(row.digest)
        if (this.options.repair === true) {
          transaction(database, () => forget.run(row.digest, now.pack, now.offset))
        }
        yield { kind: "chunk", digest: row.digest, reason }
      }
      this.options.onProgress?.({ step: "chunks", done: last, total })
      await this.turn()
    }
  }

  private chunkProblem(digest: B3Digest, place: ChunkPlace): string | undefined {
    const { pack, offset, length, packed, start } = place
    const contents = packed === 0 ? this.stored(pack, offset, length) : this.unpacked(place)
    if (typeof contents === "string") return contents
    const actual = digestOf(packed === 0 ? contents : contents.subarray(start, start + length))
    if (equal(actual, digest)) return undefined
    return `its bytes, at ${offset} of ${packName(pack)}, are those of ${formatDigest(actual)}`
  }

  /** What a chunk's frame is made of, or what is wrong with it. */
  private unpacked(place: ChunkPlace): Uint8Array | string {
    const { pack, offset, packed, unpacked } = place
    if (!isFrame(place)) return "the index says something impossible of the frame that it is part of"
    if (this.frame?.pack === pack && this.frame.offset === offset) return this.frame.contents
    let contents = this.stored(pack, offset, packed)
    if (typeof contents !== "string") {
      contents =
        unpackSync(contents, unpacked) ??
        `the frame that it is part of, at ${offset} of ${packName(pack)}, cannot be decompressed`
    }
    this.frame = { pack, offset, contents }
    return contents
  }

  /** Bytes of a pack, or what is wrong with it. */
  private stored(pack: number, offset: number, length: number): Uint8Array | string {
    const bytes = new Uint8Array(length)
    try {
      return this.packs.readSync(pack, offset, bytes) ? bytes : `${packName(pack)} ends before it does`
    } catch (error) {
      // Not everything that fails says something about the disk.
      const code = error instanceof Error && "code" in error ? error.code : undefined
      if (code === "ENOENT") return `${packName(pack)} is gone`
      if (code === "EIO") return `${packName(pack)} cannot be read`
      throw error
    }
  }

  private async *checkBlobs(): AsyncGenerator<CastoreFinding, void, undefined> {
    const { database } = this
    const total = this.count("blobs")
    const next = database.prepare(
      "SELECT rowid AS id, digest, size, chunks FROM blobs WHERE rowid > ? ORDER BY rowid LIMIT 1",
    )
    const still = database.prepare("SELECT 1 FROM blobs WHERE digest = ?")
    const forget = database.prepare("DELETE FROM blobs WHERE digest = ?")
    let done = 0
    for (let last = 0; ;) {
      const row = next.get(last)
      if (row === undefined) return
      last = Number(row["id"])
      const digest = row["digest"] as B3Digest
      const reason = await this.blobProblem(digest, Number(row["size"]), row["chunks"] as Uint8Array)
      if (reason !== undefined && still.get(digest) !== undefined) {
        if (this.options.repair === true) transaction(database, () => forget.run(digest))
        yield { kind: "blob", digest, reason }
      }
      this.options.onProgress?.({ step: "blobs", done: ++done, total })
      await this.turn()
    }
  }

  private async blobProblem(digest: B3Digest, size: number, list: Uint8Array): Promise<string | undefined> {
    const chunkSize = this.database.prepare("SELECT length FROM chunks WHERE digest = ?")
    const isBad = this.database.prepare("SELECT 1 FROM temp.bad_chunks WHERE digest = ?")
    let chunks: ChunkMeta[]
    try {
      chunks = readChunkList(list, "the blob")
    } catch (error) {
      return reasonOf(error)
    }
    let sum = 0
    for (const chunk of chunks) {
      const length = chunkSize.get(chunk.digest)?.["length"]
      if (length === undefined) return `its chunk ${formatDigest(chunk.digest)} is not there`
      if (length !== chunk.size) return `its chunk ${formatDigest(chunk.digest)} has another size`
      if (isBad.get(chunk.digest) !== undefined) return `its chunk ${formatDigest(chunk.digest)} is damaged`
      sum += chunk.size
    }
    if (sum !== size) return `its chunks have ${sum} bytes instead of ${size}`
    const hasher = startHash("blake3")
    try {
      for await (const bytes of this.reader.read(chunks, this.options.signal)) hasher.update(bytes)
    } catch (error) {
      return reasonOf(error)
    }
    const actual = hasher.digest() as B3Digest
    return equal(actual, digest) ? undefined : `its bytes are those of ${formatDigest(actual)}`
  }

  private async *checkDirectories(): AsyncGenerator<CastoreFinding, void, undefined> {
    const { database } = this
    const total = 2 * this.count("directories")
    const next = database.prepare(
      "SELECT rowid AS id, digest, data FROM directories WHERE rowid > ? ORDER BY rowid LIMIT ?",
    )
    const remember = database.prepare("INSERT OR IGNORE INTO temp.sizes VALUES (?, ?)")
    const forget = database.prepare("DELETE FROM directories WHERE digest = ?")
    let done = 0
    // First each for itself, then what they refer to.
    for (const pass of ["itself", "entries"] as const) {
      for (let last = 0; ;) {
        const rows = next.all(last, ROWS_PER_STEP)
        if (rows.length === 0) break
        for (const row of rows) {
          last = Number(row["id"])
          done++
          const digest = row["digest"] as B3Digest
          let directory: Directory
          try {
            directory = decodeStored(digest, row["data"] as Uint8Array)
          } catch (error) {
            if (pass === "itself") {
              if (this.options.repair === true) transaction(database, () => forget.run(digest))
              yield { kind: "directory", digest, reason: reasonOf(error) }
            }
            continue
          }
          if (pass === "itself") remember.run(digest, directorySize(directory))
          else for (const reason of this.entryProblems(directory)) yield { kind: "directory", digest, reason }
        }
        this.options.onProgress?.({ step: "directories", done: Math.min(done, total), total })
        await this.turn()
      }
    }
  }

  private *entryProblems({ entries }: Directory): Generator<string, void, undefined> {
    const { database } = this
    const directory = database.prepare("SELECT size FROM temp.sizes WHERE digest = ?")
    const late = database.prepare("SELECT data FROM directories WHERE digest = ?")
    const chunk = database.prepare("SELECT length AS size FROM chunks WHERE digest = ?")
    const blob = database.prepare("SELECT size FROM blobs WHERE digest = ?")
    for (const [name, node] of entries) {
      if (node.type === "symlink" || (node.type === "file" && node.size === 0)) continue
      const row =
        node.type === "directory" ? directory.get(node.digest) : (chunk.get(node.digest) ?? blob.get(node.digest))
      let size = row === undefined ? undefined : Number(row["size"])
      if (size === undefined && node.type === "directory") {
        // It may have come since the first pass.
        const data = late.get(node.digest)?.["data"]
        if (data instanceof Uint8Array) size = sizeOf(node.digest, data)
      }
      const what = `its ${node.type} ${JSON.stringify(name)}, ${formatDigest(node.digest)},`
      if (size === undefined) yield `${what} is not there`
      else if (size !== node.size) yield `${what} has size ${size} instead of ${node.size}`
    }
  }

  private count(table: string): number {
    return Number(this.database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.["n"])
  }

  private async turn(): Promise<void> {
    await turn()
    this.options.signal?.throwIfAborted()
  }
}

function sizeOf(digest: B3Digest, data: Uint8Array): number | undefined {
  try {
    return directorySize(decodeStored(digest, data))
  } catch {
    return undefined
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof CastoreError)) throw error
  return error.problem.code === "corrupt" ? error.problem.reason : error.message
}
