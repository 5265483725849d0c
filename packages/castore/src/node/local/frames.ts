/**
 * How chunks lie in packs: as they are, or several after one another in a *frame* of Zstandard (RFC 8878). Files of some
 * kilobytes hardly shrink alone, and starting to decompress takes as long as 16 KiB of it; but trees are read in order.
 */
import { constants, zstdCompressSync, zstdDecompressSync, type ZlibOptions, type ZstdOptions } from "node:zlib"
import { compressInThread, decompressInThread } from "../zstd-threads.ts"

/** Bytes after which a frame is complete. Whoever wants one small chunk has to decompress as many. */
export const FRAME_BYTES = 2 ** 17
/** Bytes that the chunks of a frame have at most, together; those of one chunk are fewer. */
export const FRAME_MAX = 2 ** 20
/** Bytes that a frame's memory has behind it when it is decompressed; at most. */
export const FRAME_SLACK = 64
/** Shorter ones stay as they are until a collection puts them together. */
const FRAME_MIN = 4096
/** What does not shrink to this part is not worth the time that reading takes longer. */
const WORTH = 7 / 8
/** See docs/decisions/0010-compression.md. */
const LEVEL = 1
/** Frames that are compressed at once: as many as Node has threads for it. */
const AT_ONCE = 4

export interface Frame<C> {
  readonly chunks: readonly C[]
  /** The frame as it is stored; `undefined` if the chunks, or the only one, are to be stored as they are. */
  readonly packed: Uint8Array | undefined
  /** Bytes of the chunks together. */
  readonly unpacked: number
}

/** Makes frames of chunks, in about their order. Their bytes may not change meanwhile. */
export async function makeFrames<C extends { readonly bytes: Uint8Array }>(chunks: readonly C[]): Promise<Frame<C>[]> {
  const groups = group(chunks)
  const frames = new Array<Frame<C>>(groups.length)
  if (groups.length === 1) {
    // To ask another thread takes longer.
    frames[0] = asFrame(groups[0]!, (bytes, options) => zstdCompressSync(bytes, options)) as Frame<C>
    return frames
  }
  let next = 0
  const work = async (): Promise<void> => {
    while (next < groups.length) {
      const i = next++
      frames[i] = await asFrame(groups[i]!, compressInThread)
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, groups.length) }, work))
  return frames
}

interface Group<C> {
  readonly chunks: C[]
  unpacked: number
  /** Whether it is worth trying. */
  readonly promising: boolean
}

function group<C extends { readonly bytes: Uint8Array }>(chunks: readonly C[]): Group<C>[] {
  const groups: Group<C>[] = []
  let open: Group<C> | undefined
  /** What was met last, if it is not worth trying. */
  let random: Group<C> | undefined
  for (const chunk of chunks) {
    const { length } = chunk.bytes
    if (looksRandom(chunk.bytes)) {
      if (random === undefined) groups.push((random = { chunks: [], unpacked: 0, promising: false }))
      random.chunks.push(chunk)
      random.unpacked += length
      continue
    }
    random = undefined
    if (open === undefined || open.unpacked + length > 2 * FRAME_BYTES) {
      open = { chunks: [], unpacked: 0, promising: true }
      groups.push(open)
    }
    open.chunks.push(chunk)
    open.unpacked += length
    if (open.unpacked >= FRAME_BYTES) open = undefined
  }
  return groups
}

type Compress = (bytes: Uint8Array, options: ZstdOptions) => Uint8Array | Promise<Uint8Array>

function asFrame<C extends { readonly bytes: Uint8Array }>(
  { chunks, unpacked, promising }: Group<C>,
  run: Compress,
): Frame<C> | Promise<Frame<C>> {
  const raw: Frame<C> = { chunks, packed: undefined, unpacked }
  if (!promising || unpacked < FRAME_MIN) return raw
  const bytes = chunks.length === 1 ? chunks[0]!.bytes : Buffer.concat(chunks.map((chunk) => chunk.bytes))
  const lengthMax = Math.floor(unpacked * WORTH)
  const options: ZstdOptions = {
    // Room for all of it, so that it is made in one go.
    chunkSize: unpacked + 1024,
    // With these, its tables are no larger than the input deserves: a quarter less time.
    pledgedSrcSize: unpacked,
    params: {
      [constants.ZSTD_c_compressionLevel]: LEVEL,
      [constants.ZSTD_c_windowLog]: 32 - Math.clz32(unpacked - 1),
    },
  }
  const judge = (packed: Uint8Array): Frame<C> => (packed.length > lengthMax ? raw : { chunks, packed, unpacked })
  const packed = run(bytes, options)
  return packed instanceof Promise ? packed.then(judge) : judge(packed)
}

/** Bytes that are looked at to guess whether a chunk can be compressed, in so many places; of small ones fewer. */
const SAMPLE_BYTES = 4096
const SMALL_SAMPLE_BYTES = 1024
const SMALL_SAMPLE_OF = 32_768
const SAMPLE_PLACES = 16
const counts = new Uint16Array(256)

/**
 * Whether its bytes are spread evenly: that there are long repetitions of such, nobody notices, but it hardly ever happens.
 *
 * The sum of the squares of how often each of n bytes is there is n²/256 + n if all are equally likely, give or take n/11. What
 * has been compressed already stays below what is refused here, 4 times as much off; machine code begins at a third above.
 */
function looksRandom(bytes: Uint8Array): boolean {
  if (bytes.length < SMALL_SAMPLE_BYTES) return false
  const size = bytes.length < SMALL_SAMPLE_OF ? SMALL_SAMPLE_BYTES : SAMPLE_BYTES
  counts.fill(0)
  const run = size / SAMPLE_PLACES
  const step = Math.floor((bytes.length - run) / (SAMPLE_PLACES - 1))
  for (let place = 0; place < SAMPLE_PLACES; place++) {
    const from = place * step
    for (let i = from; i < from + run; i++) counts[bytes[i]!]!++
  }
  let squares = 0
  for (let i = 0; i < 256; i++) squares += counts[i]! * counts[i]!
  return squares < (size * size) / 256 + size + (4 * size) / 11
}

/**
 * A frame whose chunks have `unpacked` bytes together, in memory of its own; `undefined` if it is damaged. Never makes more bytes
 * than that.
 */
export function unpackSync(packed: Uint8Array, unpacked: number): Uint8Array<ArrayBuffer> | undefined {
  const options = unpackOptions(unpacked)
  if (options === undefined) return undefined
  try {
    return ifWhole(zstdDecompressSync(packed, options), unpacked)
  } catch (error) {
    return ifDamage(error)
  }
}

/** What {@link unpackSync} does, in another thread. `packed` may not change meanwhile. */
export async function unpack(packed: Uint8Array, unpacked: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const options = unpackOptions(unpacked)
  if (options === undefined) return undefined
  try {
    return ifWhole(await decompressInThread(packed, options), unpacked)
  } catch (error) {
    return ifDamage(error)
  }
}

function unpackOptions(unpacked: number): (ZstdOptions & ZlibOptions) | undefined {
  if (!(unpacked > 0 && unpacked <= FRAME_MAX)) return undefined
  return {
    // If it were full to the brim, Node would get as much again, to see whether there is more.
    chunkSize: unpacked + FRAME_SLACK,
    maxOutputLength: unpacked,
    params: { [constants.ZSTD_d_windowLogMax]: Math.log2(FRAME_MAX) },
  }
}

function ifWhole(bytes: Buffer<ArrayBuffer>, unpacked: number): Uint8Array<ArrayBuffer> | undefined {
  if (bytes.length !== unpacked) return undefined
  return new Uint8Array(bytes.buffer, bytes.byteOffset, unpacked)
}

/** Zstandard says what it does not like, and Node that there is more, or less, than there should be. */
function ifDamage(error: unknown): undefined {
  const code = error instanceof Error && "code" in error ? String(error.code) : ""
  if (/^(ZSTD_|Z_|ERR_BUFFER_TOO_LARGE)/.test(code)) return undefined
  throw error
}
