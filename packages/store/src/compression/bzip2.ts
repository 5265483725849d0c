/**
 * Reads bzip2. Memory is bounded, whatever is in the data: 3.6 MB for a block, and what is needed of the input to have one
 * whole. A block may become 46 MB, and does so piece by piece.
 *
 *     "BZh" level, block…, end of stream       for each stream, of which there may be several; byte-aligned
 *     block    31 41 59 26 53 59, CRC-32, randomised (1 bit), origin (24), symbols in use, Huffman tables, data
 *     end      17 72 45 38 50 90, CRC-32 of those of the blocks
 *
 * Source: bzip2 1.0.8 and the format's description by Joe Tsai.
 */
import { BitWindow, NEED_MORE } from "./bit-window.ts"
import { CompressionError } from "./problem.ts"

/** Bytes of a block before it is run-length decoded, for each level. */
const LEVEL = 100_000
/** Of the input that is read before a block is tried: most have no more. */
const USUAL_BLOCK = LEVEL + 1000
/** No block takes more, with symbols of 20 bits and room for the tables. */
const BLOCK_BYTES_MAX = 4 * 2 ** 20
const PIECE = 65_536
const GROUP = 50
const CODE_LENGTH_MAX = 20
/** Longer codes are found bit by bit. */
const FAST_BITS = 10
const BLOCK_MAGIC = [0x314159, 0x265359] as const
const END_MAGIC = [0x177245, 0x385090] as const

/**
 * @param options.trailing that what follows the end is not looked at
 * @throws {CompressionError}
 */
export async function* decompressBzip2(
  contents: AsyncIterable<Uint8Array>,
  { trailing }: { readonly trailing?: "ignore" } = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* streamsOf(contents)
  } catch (error) {
    const ignored = error instanceof CompressionError && error.problem.code === "trailing" && trailing === "ignore"
    if (!ignored) throw error
  }
}

async function* streamsOf(contents: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const decoder = new Decoder()
  let wanted = 4
  for await (const piece of contents) {
    for (let at = 0; at < piece.length; at += PIECE) {
      decoder.input.add(piece.subarray(at, at + PIECE))
      while (decoder.input.available >= wanted) {
        if (decoder.next()) {
          yield* decoder.output()
          wanted = decoder.level * USUAL_BLOCK
        } else {
          if (wanted > BLOCK_BYTES_MAX) damaged("a block does not end")
          wanted = 2 * decoder.input.available
        }
      }
    }
  }
  decoder.input.end()
  while (decoder.next()) {
    yield* decoder.output()
    if (decoder.between && decoder.input.exhausted) return
  }
}

class Decoder {
  readonly input = new BitWindow()
  /** 1 to 9, when there is a stream. */
  level = 0
  /** A stream has ended, and no other begun. */
  between = false
  #blockLength = 0
  #streamCrc = 0
  #blockCrc = 0
  #origin = 0
  /** Of each place in the sorted block the byte, and above it the place of its successor. */
  #links = new Uint32Array(0)

  /** Reads what comes next: the begin of a stream, a block, an end. Whether there was enough input. */
  next(): boolean {
    const { input } = this
    input.mark()
    try {
      if (this.level === 0) this.#begin()
      else this.#blockOrEnd()
    } catch (problem) {
      if (problem !== NEED_MORE) throw problem
      input.rewind()
      return false
    }
    input.mark()
    return true
  }

  #begin(): void {
    const { input } = this
    const magic = input.read(24)
    const level = input.read(8) - 0x30
    const begins = !input.overrun && magic === 0x425a68 && level >= 1 && level <= 9
    if (!begins && this.between) throw new CompressionError({ code: "trailing", compression: "bzip2" })
    if (!begins) damaged(input.overrun ? "it is cut off" : "it does not begin as such")
    this.level = level
    this.between = false
    this.#streamCrc = 0
    if (this.#links.length < level * LEVEL) this.#links = new Uint32Array(level * LEVEL)
  }

  #blockOrEnd(): void {
    const { input } = this
    const magic = [input.read(24), input.read(24)] as const
    const crc = ((input.read(16) << 16) | input.read(16)) >>> 0
    if (input.overrun) damaged("it is cut off")
    if (magic[0] === END_MAGIC[0] && magic[1] === END_MAGIC[1]) {
      if (crc !== this.#streamCrc) damaged("its checksum is wrong")
      input.align()
      this.level = 0
      this.between = true
      return
    }
    if (magic[0] !== BLOCK_MAGIC[0] || magic[1] !== BLOCK_MAGIC[1]) damaged("no block begins where one should")
    this.#blockCrc = crc
    this.#blockLength = this.#block()
    if (input.overrun) damaged("it is cut off")
  }

  /** Reads a block into `#links`. Its length. */
  #block(): number {
    const { input } = this
    if (input.read(1) === 1) damaged("it has a randomised block, which bzip2 has not written since 1999")
    this.#origin = input.read(24)
    const symbols = this.#symbolsInUse()
    const tableCount = input.read(3)
    const selectorCount = input.read(15)
    if (tableCount < 2 || tableCount > 6 || selectorCount === 0) damaged("a block has no tables")
    const selectors = this.#selectors(selectorCount, tableCount)
    const tables: HuffmanTable[] = []
    for (let i = 0; i < tableCount; i++) tables.push(this.#table(symbols.length + 2))
    const lengthMax = this.level * LEVEL
    const links = this.#links
    const endOfBlock = symbols.length + 1
    const counts = new Uint32Array(256)
    let length = 0
    let runLength = 0
    let runBit = 1
    for (let group = 0; ; group++) {
      const selector = selectors[group]
      if (selector === undefined) damaged("a block goes on behind its end")
      const table = tables[selector]!
      for (let i = 0; i < GROUP; i++) {
        const symbol = table.read(input)
        if (symbol < 2) {
          // A run is written in the base 2, with the digits 1 and 2.
          runLength += runBit << symbol
          if (runLength > lengthMax) damaged("a run is longer than its block")
          runBit *= 2
          continue
        }
        if (runLength > 0) {
          if (length + runLength > lengthMax) damaged("a block is too long")
          const byte = symbols[0]!
          links.fill(byte, length, length + runLength)
          counts[byte]! += runLength
          length += runLength
          runLength = 0
          runBit = 1
        }
        if (symbol === endOfBlock) return this.#link(length, counts)
        if (length === lengthMax) damaged("a block is too long")
        const byte = moveToFront(symbols, symbol - 1)
        links[length++] = byte
        counts[byte]!++
      }
    }
  }

  /** Makes the chain that leads through the block. */
  #link(length: number, counts: Uint32Array): number {
    if (this.#origin >= length) damaged("a block begins behind its end")
    const links = this.#links
    for (let byte = 0, sum = 0; byte < 256; byte++) {
      const count = counts[byte]!
      counts[byte] = sum
      sum += count
    }
    for (let i = 0; i < length; i++) {
      const place = counts[links[i]! & 0xff]!++
      links[place] = (links[place]! & 0xff) | (i << 8)
    }
    return length
  }

  #symbolsInUse(): Uint8Array {
    const { input } = this
    const symbols = new Uint8Array(256)
    let count = 0
    const rows = input.read(16)
    for (let row = 0; row < 16; row++) {
      if ((rows & (0x8000 >> row)) === 0) continue
      const columns = input.read(16)
      for (let column = 0; column < 16; column++) {
        if ((columns & (0x8000 >> column)) !== 0) symbols[count++] = row * 16 + column
      }
    }
    if (count === 0) damaged("a block uses no symbols")
    return symbols.subarray(0, count)
  }

  #selectors(count: number, tableCount: number): Uint8Array {
    const { input } = this
    const order = Uint8Array.from({ length: tableCount }, (_, i) => i)
    const selectors = new Uint8Array(count)
    for (let i = 0; i < count; i++) {
      let at = 0
      while (input.read(1) === 1) if (++at >= tableCount) damaged("a table is chosen that is not there")
      selectors[i] = moveToFront(order, at)
    }
    return selectors
  }

  #table(symbolCount: number): HuffmanTable {
    const { input } = this
    const lengths = new Uint8Array(symbolCount)
    let length = input.read(5)
    for (let symbol = 0; symbol < symbolCount; symbol++) {
      for (;;) {
        if (length < 1 || length > CODE_LENGTH_MAX) damaged("a code has an impossible length")
        if (input.read(1) === 0) break
        length += input.read(1) === 0 ? 1 : -1
      }
      lengths[symbol] = length
    }
    return new HuffmanTable(lengths)
  }

  /** What the block that was read last stands for. */
  *output(): Generator<Uint8Array, void> {
    const links = this.#links
    let left = this.#blockLength
    if (left === 0) return
    this.#blockLength = 0
    let link = links[this.#origin]! >>> 8
    let crc = 0xffffffff
    let last = -1
    let repeats = 0
    while (left > 0) {
      const piece = new Uint8Array(PIECE + 256)
      let length = 0
      while (left > 0 && length < PIECE) {
        const entry = links[link]!
        link = entry >>> 8
        const byte = entry & 0xff
        left--
        if (repeats === 4) {
          // After four equal bytes it is how many more there are.
          piece.fill(last, length, length + byte)
          length += byte
          repeats = 0
          last = -1
          continue
        }
        repeats = byte === last ? repeats + 1 : 1
        last = byte
        piece[length++] = byte
      }
      for (let i = 0; i < length; i++) crc = (crc << 8) ^ CRC[(crc >>> 24) ^ piece[i]!]!
      if (length > 0) yield piece.subarray(0, length)
    }
    crc = ~crc >>> 0
    if (crc !== this.#blockCrc) damaged("the checksum of a block is wrong")
    this.#streamCrc = (((this.#streamCrc << 1) | (this.#streamCrc >>> 31)) ^ crc) >>> 0
  }
}

/** Canonical codes: in the order of their lengths, then of their symbols. */
class HuffmanTable {
  /** By the next `FAST_BITS` bits: symbol << 5 | length of its code, or 0. */
  readonly #fast = new Uint16Array(1 << FAST_BITS)
  readonly #symbols: Uint16Array
  /** By length: the first code that is longer, on the left of as many bits; and what to add to get an index. */
  readonly #limits = new Int32Array(CODE_LENGTH_MAX + 2)
  readonly #offsets = new Int32Array(CODE_LENGTH_MAX + 2)

  constructor(lengths: Uint8Array) {
    const symbols: number[] = []
    let code = 0
    for (let length = 1; length <= CODE_LENGTH_MAX; length++) {
      this.#offsets[length] = symbols.length - code
      for (let symbol = 0; symbol < lengths.length; symbol++) {
        if (lengths[symbol] !== length) continue
        symbols.push(symbol)
        if (length <= FAST_BITS) {
          const shift = FAST_BITS - length
          this.#fast.fill((symbol << 5) | length, code << shift, (code + 1) << shift)
        }
        code++
      }
      this.#limits[length] = code
      code *= 2
      if (code > 2 ** (length + 1)) damaged("its codes are ambiguous")
    }
    this.#symbols = Uint16Array.from(symbols)
  }

  read(input: BitWindow): number {
    const fast = this.#fast[input.peek(FAST_BITS)]!
    if (fast !== 0) {
      input.skip(fast & 31)
      return fast >>> 5
    }
    for (let length = FAST_BITS + 1; length <= CODE_LENGTH_MAX; length++) {
      const code = input.peek(length)
      if (code >= this.#limits[length]!) continue
      input.skip(length)
      return this.#symbols[code + this.#offsets[length]!]!
    }
    return damaged("a code stands for nothing")
  }
}

function moveToFront(list: Uint8Array, at: number): number {
  const value = list[at]!
  list.copyWithin(1, 0, at)
  list[0] = value
  return value
}

/** CRC-32 with the highest bit first. */
const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24
  for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc < 0 ? 0x04c11db7 : 0)
  return crc
})

function damaged(reason: string): never {
  throw new CompressionError({ code: "damaged", compression: "bzip2", reason })
}
