import { equal } from "@tvix-ts/bytes"
import { digestOf, formatDigest, type B3Digest } from "../../digest.ts"
import { CastoreError } from "../../problem.ts"
import type { BlobReader, ChunkMeta } from "../../blob/service.ts"
import { storageError } from "./failure.ts"
import type { FrameCache, UnpackedFrame } from "./frame-cache.ts"
import { FRAME_MAX, unpack, unpackSync } from "./frames.ts"
import type { ChunkPlace, ChunkRow, IndexReader } from "./index-reader.ts"
import type { Layout } from "./layout.ts"
import type { PackReader } from "./pack-reader.ts"

/** Bytes that are read at once, if chunks lie side by side. */
const RUN_BYTES = 2 ** 20
/** Runs that are being read while one is with the caller: the threads that read must not wait for the one that hashes. */
const RUNS_AHEAD = 3
/** Runs that may be ahead of all readers together: if they are many, each has less, and smaller ones. */
const RUNS_AHEAD_MAX = 48
const CROWD = RUNS_AHEAD_MAX / RUNS_AHEAD
const CROWD_RUN_BYTES = 2 ** 18
/** Buffers of {@link RUN_BYTES} that are kept for the next reader. */
const SPARE_MAX = 2 * (RUNS_AHEAD + 1)

/** Bytes that are read ahead when chunks are asked for in the order in which they lie. */
const WINDOW_BYTES = 2 ** 18

/** A chunk that lies as it is, or chunks that lie in the same frame: those of them that are wanted. */
interface Piece {
  readonly chunks: WantedChunk[]
  readonly place: ChunkPlace
}

interface WantedChunk {
  readonly digest: B3Digest
  readonly size: number
  /** Bytes before it in its frame. */
  readonly start: number
}

/** What lies side by side in a pack. */
interface Run {
  readonly pieces: Piece[]
  readonly pack: number
  readonly offset: number
  /** Bytes in the pack, and of what they are when they are decompressed. */
  stored: number
  length: number
}

/** A run on its way. */
interface ReadRun {
  readonly run: Run
  /** Memory that is used again. */
  readonly buffer: ArrayBuffer | undefined
  /** For each of its pieces; `undefined` if it could not be read. */
  readonly pieces: Promise<readonly (ReadPiece | undefined)[]>
}

/** The chunk, which nobody has checked yet, or the frame. */
type ReadPiece = Uint8Array | UnpackedFrame

/** Reads chunks and checks them: nothing leaves here that is not what its digest says. */
export class ChunkReader {
  private readonly layout: Layout
  private readonly index: IndexReader
  private readonly packs: PackReader
  private readonly frames: FrameCache
  /** Memory of {@link RUN_BYTES} that nobody uses: to get new, and to give it back, takes longer than to read into it. */
  private readonly spare: ArrayBuffer[] = []
  /** How many {@link read}s are going on. */
  private readers = 0

  constructor(layout: Layout, index: IndexReader, packs: PackReader, frames: FrameCache) {
    this.layout = layout
    this.index = index
    this.packs = packs
    this.frames = frames
  }

  /** One chunk, at once, which the caller may keep. `row` is what the index says, if that is known. */
  readSync(digest: B3Digest, row: ChunkPlace): Uint8Array {
    for (let tries = 0; ; tries++) {
      try {
        return row.packed === 0 ? this.readRaw(digest, row) : this.readPacked(digest, row)
      } catch (error) {
        row = this.moved(digest, row, error, tries)
      }
    }
  }

  private readRaw(digest: B3Digest, { pack, offset, length }: ChunkPlace): Uint8Array {
    const bytes = new Uint8Array(length)
    if (!this.packs.readSync(pack, offset, bytes)) throw truncated(digest)
    verify(digest, bytes)
    return bytes
  }

  private readPacked(digest: B3Digest, row: ChunkPlace): Uint8Array {
    const { pack, offset, length, packed, unpacked, start } = row
    const known = this.frames.get(pack, offset)
    try {
      const bytes = known?.chunk(digest, start, length)
      if (bytes !== undefined) return bytes.slice()
    } finally {
      known?.release()
    }
    const stored = unsafe(checkedFrame(digest, row))
    if (!this.packs.readSync(pack, offset, stored)) throw truncated(digest)
    const contents = unpackSync(stored, unpacked)
    if (contents === undefined) throw notDecompressed(digest, packed)
    const frame = this.frames.add(pack, offset, contents)
    try {
      const bytes = frame.chunk(digest, start, length)
      if (bytes === undefined) throw damaged(digest, digestOf(contents.subarray(start, start + length)))
      return bytes.slice()
    } finally {
      frame.release()
    }
  }

  /** Reads blobs of one chunk each, ahead where they lie in the order in which they are asked for: as most trees do. */
  smallReader(): BlobReader {
    /** Part of a pack: `length` bytes from `offset`. */
    const window = { pack: 0, offset: 0, length: 0, bytes: unsafe(WINDOW_BYTES) }
    let last = { pack: 0, end: 0 }
    /** The frame that was read last. */
    let frame: { readonly pack: number; readonly offset: number; readonly unpacked: UnpackedFrame } | undefined
    const fill = (pack: number, offset: number, size: number): void => {
      if (window.bytes.length < size) window.bytes = unsafe(size)
      window.pack = pack
      window.offset = offset
      window.length = 0
      try {
        window.length = this.packs.readSomeSync(pack, offset, window.bytes.subarray(0, size))
      } catch {
        // Reading it alone tells why.
      }
    }
    /** What is stored there; `undefined` if it cannot be read. */
    const stored = (pack: number, offset: number, length: number): Uint8Array | undefined => {
      const end = offset + length
      const isInside = (): boolean =>
        window.pack === pack && offset >= window.offset && end <= window.offset + window.length
      if (!isInside()) {
        const follows = pack === last.pack && offset === last.end
        fill(pack, offset, follows ? Math.max(WINDOW_BYTES, length) : length)
      }
      last = { pack, end }
      return isInside() ? window.bytes.subarray(offset - window.offset, end - window.offset) : undefined
    }
    const unpacked = (row: ChunkPlace): UnpackedFrame | undefined => {
      const { pack, offset, packed } = row
      if (frame?.pack === pack && frame.offset === offset) return frame.unpacked
      let found = this.frames.get(pack, offset)
      if (found === undefined && isFrame(row)) {
        const bytes = stored(pack, offset, packed)
        const contents = bytes && unpackSync(bytes, row.unpacked)
        found = contents && this.frames.add(pack, offset, contents)
      }
      frame?.unpacked.release()
      frame = found && { pack, offset, unpacked: found }
      return found
    }
    return {
      read: (digest) => {
        const row = this.index.chunk(digest)
        if (row === undefined) return undefined
        // The slow way looks again, and says what is wrong.
        if (row.packed !== 0) {
          return unpacked(row)?.chunk(digest, row.start, row.length) ?? this.readSync(digest, row)
        }
        const bytes = stored(row.pack, row.offset, row.length)
        return bytes !== undefined && isIntact(digest, bytes) ? bytes : this.readSync(digest, row)
      },
    }
  }

  /**
   * Chunks in order. While one is with the caller, the next ones are being read.
   *
   * @param fleeting whether a chunk is done with when the next is asked for
   */
  async *read(
    chunks: readonly ChunkMeta[],
    signal?: AbortSignal,
    fleeting: boolean = false,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    let at = 0
    const memory: ArrayBuffer[] = []
    /** The run that is with the caller first, then those that are being read. */
    const runs: ReadRun[] = []
    const readAhead = (): void => {
      const isCrowd = this.readers > CROWD
      const ahead = isCrowd ? 1 : RUNS_AHEAD
      while (runs.length <= ahead && at < chunks.length) {
        const { run, next } = this.runFrom(chunks, at, isCrowd ? CROWD_RUN_BYTES : RUN_BYTES)
        at = next
        const buffer =
          fleeting && !isCrowd ? (memory.pop() ?? this.spare.pop() ?? new ArrayBuffer(RUN_BYTES)) : undefined
        runs.push({ run, buffer, pieces: this.fetch(run, buffer) })
      }
    }
    this.readers++
    try {
      for (readAhead(); runs.length > 0; readAhead()) {
        const current = runs[0]!
        signal?.throwIfAborted()
        const pieces = await current.pieces
        for (const [i, { chunks: wanted }] of current.run.pieces.entries()) {
          const piece = pieces[i]
          for (const chunk of wanted) {
            const bytes = intactIn(piece, chunk)
            // The slow way looks again, and says what is wrong.
            if (bytes === undefined) yield this.readSync(chunk.digest, this.row(chunk.digest, chunk.size))
            else yield fleeting || piece instanceof Uint8Array ? bytes : bytes.slice()
            signal?.throwIfAborted()
          }
        }
        runs.shift()
        release(pieces)
        if (current.buffer !== undefined) memory.push(current.buffer)
      }
    } finally {
      this.readers--
      // Whoever stops early leaves reads behind, which still write.
      for (const { pieces, buffer } of runs) {
        release(await pieces)
        if (buffer !== undefined) memory.push(buffer)
      }
      while (this.spare.length < SPARE_MAX && memory.length > 0) this.spare.push(memory.pop()!)
    }
  }

  /** What can be read at once from chunk `first` on, and the first chunk after it. */
  private runFrom(
    chunks: readonly ChunkMeta[],
    first: number,
    bytesMax: number,
  ): { readonly run: Run; readonly next: number } {
    let run: Run | undefined
    let piece: Piece | undefined
    let next = first
    for (; next < chunks.length; next++) {
      const { digest, size } = chunks[next]!
      const place = this.row(digest, size)
      const { pack, offset, packed, unpacked, start } = place
      const chunk = { digest, size, start }
      if (piece !== undefined && packed !== 0 && piece.place.packed !== 0 && isSame(piece.place, place)) {
        piece.chunks.push(chunk)
        continue
      }
      const length = packed === 0 ? size : unpacked
      if (run === undefined) run = { pieces: [], pack, offset, stored: 0, length: 0 }
      else if (run.length + length > bytesMax || pack !== run.pack || offset !== run.offset + run.stored) break
      piece = { chunks: [chunk], place }
      run.pieces.push(piece)
      run.stored += packed === 0 ? size : packed
      run.length += length
    }
    return { run: run!, next }
  }

  /**
   * Never fails. The frames are retained for the caller.
   *
   * @param buffer where to; new memory without, or if it does not suffice
   */
  private async fetch(
    { pieces, pack, offset, stored }: Run,
    buffer: ArrayBuffer | undefined,
  ): Promise<readonly (ReadPiece | undefined)[]> {
    const known = pieces.map(({ place }) => (place.packed === 0 ? undefined : this.frames.get(pack, place.offset)))
    if (known.every((frame) => frame !== undefined)) return known
    const bytes =
      buffer !== undefined && stored <= buffer.byteLength ? new Uint8Array(buffer, 0, stored) : unsafe(stored)
    const isRead = await this.packs.read(pack, offset, bytes).catch(() => false)
    if (!isRead) return known
    return Promise.all(
      pieces.map(async ({ place }, i) => {
        const from = place.offset - offset
        if (place.packed === 0) return bytes.subarray(from, from + place.length)
        return known[i] ?? this.unpack(bytes.subarray(from, from + place.packed), place)
      }),
    )
  }

  private async unpack(packed: Uint8Array, place: ChunkPlace): Promise<UnpackedFrame | undefined> {
    if (!isFrame(place)) return undefined
    const contents = await unpack(packed, place.unpacked).catch(() => undefined)
    return contents && this.frames.add(place.pack, place.offset, contents)
  }

  private row(digest: B3Digest, size: number): ChunkRow {
    const row = this.index.chunk(digest)
    if (row === undefined) throw new CastoreError({ code: "missing", what: `chunk ${formatDigest(digest)}` })
    if (row.length !== size) {
      const reason = `it has ${row.length} bytes, a blob that it is part of says ${size}`
      throw new CastoreError({ code: "corrupt", what: `chunk ${formatDigest(digest)}`, reason })
    }
    return row
  }

  /** Where the chunk is now, if a collection has moved it since; throws if it has not. */
  private moved(digest: B3Digest, before: ChunkPlace, error: unknown, tries: number): ChunkPlace {
    const row = tries < 3 ? this.index.chunk(digest) : undefined
    if (row !== undefined && (row.pack !== before.pack || row.offset !== before.offset)) return row
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      const reason = `pack ${before.pack.toString(16)} is gone`
      throw new CastoreError({ code: "corrupt", what: `chunk ${formatDigest(digest)}`, reason }, { cause: error })
    }
    throw storageError(error, this.layout.packs)
  }
}

function isSame(a: ChunkPlace, b: ChunkPlace): boolean {
  return a.pack === b.pack && a.offset === b.offset
}

/** Whether the index makes sense: it decides how much memory is needed. */
export function isFrame({ length, packed, unpacked, start }: ChunkPlace): boolean {
  return packed > 0 && packed < unpacked && unpacked <= FRAME_MAX && start >= 0 && start + length <= unpacked
}

function checkedFrame(digest: B3Digest, place: ChunkPlace): number {
  if (isFrame(place)) return place.packed
  const reason = "the index says something impossible of the frame that it is part of"
  throw new CastoreError({ code: "corrupt", what: `chunk ${formatDigest(digest)}`, reason })
}

function release(pieces: readonly (ReadPiece | undefined)[]): void {
  for (const piece of pieces) if (piece !== undefined && !(piece instanceof Uint8Array)) piece.release()
}

/** The chunk, if it is what its digest says. */
function intactIn(piece: ReadPiece | undefined, { digest, size, start }: WantedChunk): Uint8Array | undefined {
  if (piece === undefined) return undefined
  if (piece instanceof Uint8Array) return isIntact(digest, piece) ? piece : undefined
  return piece.chunk(digest, start, size)
}

/** Not zeroed: it is filled entirely, or not used. */
function unsafe(length: number): Uint8Array {
  const buffer = Buffer.allocUnsafeSlow(length)
  return new Uint8Array(buffer.buffer, buffer.byteOffset, length)
}

function isIntact(digest: B3Digest, bytes: Uint8Array): boolean {
  return equal(digestOf(bytes), digest)
}

function verify(digest: B3Digest, bytes: Uint8Array): void {
  const actual = digestOf(bytes)
  if (!equal(actual, digest)) throw damaged(digest, actual)
}

function damaged(digest: B3Digest, actual: B3Digest): CastoreError {
  const reason = `its bytes are those of ${formatDigest(actual)}`
  return new CastoreError({ code: "corrupt", what: `chunk ${formatDigest(digest)}`, reason })
}

function truncated(digest: B3Digest): CastoreError {
  const reason = "its pack ends before it does"
  return new CastoreError({ code: "corrupt", what: `chunk ${formatDigest(digest)}`, reason })
}

function notDecompressed(digest: B3Digest, packed: number): CastoreError {
  const reason = `the frame of ${packed} bytes that it is part of cannot be decompressed`
  return new CastoreError({ code: "corrupt", what: `chunk ${formatDigest(digest)}`, reason })
}
