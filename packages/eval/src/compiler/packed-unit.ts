import { byteStringFrom, checksumHolds, wordsOf } from "@tvix-ts/bytes"
import type { SourceFile } from "@tvix-ts/syntax"
import { sparseArray } from "../sparse-array.ts"
import { internalize } from "../text/internalize.ts"
import { makeInt, NixFloat, type Forced } from "../value.ts"
import { PathLiteral, type CodeInfo, type FormalInfo, type LambdaInfo, type ParamInfo, type Unit } from "./unit.ts"
import { ALIGNMENT, aligned, CONSTANT_KIND, HEADER, HEADER_BYTES, SECTION_NAMES, SECTIONS } from "./unit-encoding.ts"

const CODES = SECTION_NAMES.indexOf("codes")
const WORDS = SECTION_NAMES.indexOf("words")
const NAMES = SECTION_NAMES.indexOf("names")
const CONSTANTS = SECTION_NAMES.indexOf("constants")
const SHAPES = SECTION_NAMES.indexOf("shapes")
const LINES = SECTION_NAMES.indexOf("lines")
const STRINGS = SECTION_NAMES.indexOf("strings")
const RECORDS = SECTION_NAMES.indexOf("records")
/** Numbers of an element, by section. */
const SIZES = SECTION_NAMES.map((name) => SECTIONS[name])

/**
 * The tables of an encoded unit: checked for damage as a whole, decoded where they are asked for. What the checksum
 * vouches for and still makes no sense, somebody made: it is found when it is decoded, and is a `RangeError`.
 */
export class PackedTables {
  /** Bytes */
  readonly sourceLength: number
  readonly words: Int32Array
  readonly codeCount: number
  readonly #numbers: Int32Array
  /** Index of each section's first number; a section ends where the next one begins. */
  readonly #starts: readonly number[]
  readonly #bytes: Uint8Array
  /** What strings are cut from, once one is needed. */
  #text: string | undefined

  private constructor(bytes: Uint8Array, sourceLength: number, numbers: Int32Array, starts: readonly number[]) {
    this.sourceLength = sourceLength
    this.#numbers = numbers
    this.#starts = starts
    this.#bytes = bytes
    this.words = numbers.subarray(starts[WORDS], starts[WORDS + 1])
    this.codeCount = this.#count(CODES)
  }

  /** The tables of the unit that `bytes` begin with; undefined if they are damaged, or not those of the source with `digest`. */
  static read(bytes: Uint8Array, digest: Uint8Array): PackedTables | undefined {
    if (bytes.byteOffset % ALIGNMENT !== 0 || bytes.length < HEADER_BYTES) return undefined
    const header = wordsOf(bytes.subarray(0, HEADER_BYTES))
    const byteLength = header[HEADER.byteLength / 4]!
    const count = header[HEADER.numbers / 4]!
    const textBytes = header[HEADER.textBytes / 4]!
    const sourceLength = header[HEADER.source / 4]!
    if (count < 0 || textBytes < 0 || sourceLength < 0) return undefined
    if (byteLength !== HEADER_BYTES + aligned(count * 4) + aligned(textBytes)) return undefined
    if (byteLength > bytes.length) return undefined
    const entry = bytes.subarray(0, byteLength)
    for (let i = 0; i < digest.length; i++) if (entry[HEADER.digest + i] !== digest[i]) return undefined
    if (!checksumHolds(entry)) return undefined
    const numbers = new Int32Array(entry.buffer, entry.byteOffset + HEADER_BYTES, count)
    const starts = [SIZES.length]
    for (let i = 0; i < SIZES.length; i++) {
      const elements = numbers[i] ?? -1
      if (elements < 0) return undefined
      starts.push(starts[i]! + elements * SIZES[i]!)
    }
    return starts[SIZES.length] === count ? new PackedTables(entry, sourceLength, numbers, starts) : undefined
  }

  get byteLength(): number {
    return this.#bytes.length
  }
  get nameCount(): number {
    return this.#count(NAMES)
  }
  get constantCount(): number {
    return this.#count(CONSTANTS)
  }
  #count(section: number): number {
    return (this.#starts[section + 1]! - this.#starts[section]!) / SIZES[section]!
  }

  code(index: number): CodeInfo {
    const at = this.#element(CODES, index)
    const numbers = this.#numbers
    const parent = numbers[at]!
    const entry = numbers[at + 1]!
    const slots = numbers[at + 2]!
    const lambda = numbers[at + 4]!
    // Outer codes come first, which is also why nobody who follows parents goes round in circles.
    if (parent >= index || entry < 0 || entry >= this.words.length || slots < 0 || slots > numbers.length)
      throw damaged()
    return { parent, entry, slots, at: numbers[at + 3]!, lambda: lambda < 0 ? undefined : this.#lambda(lambda) }
  }
  constant(index: number): Forced | PathLiteral {
    const at = this.#element(CONSTANTS, index)
    const text = this.#string(this.#numbers[at + 1]!)
    const kind = this.#numbers[at]!
    switch (kind) {
      case CONSTANT_KIND.null:
        return null
      case CONSTANT_KIND.emptyList:
        return EMPTY_LIST
      case CONSTANT_KIND.integer:
        return Number.isSafeInteger(Number(text)) ? Number(text) : (makeInt(BigInt(text)) ?? null)
      case CONSTANT_KIND.float:
        return new NixFloat(Number(text))
      case CONSTANT_KIND.string:
        return text
      case CONSTANT_KIND.path:
      case CONSTANT_KIND.pathBeginning:
        return new PathLiteral(text, kind === CONSTANT_KIND.pathBeginning)
      default:
        throw damaged()
    }
  }
  name(index: number): string {
    return internalize(this.#string(this.#numbers[this.#element(NAMES, index)]!))
  }
  shapeNames(index: number): string[] {
    const record = this.#shape(index)
    const names = new Array<string>(record.count(2))
    for (let i = 0; i < names.length; i++) names[i] = record.name()
    return names
  }
  shapeOffsets(index: number): number[] {
    const record = this.#shape(index)
    const offsets = new Array<number>(record.count(2))
    record.skip(offsets.length)
    for (let i = 0; i < offsets.length; i++) offsets[i] = record.number()
    return offsets
  }
  /** How many names there are, the names, and their offsets. */
  #shape(index: number): RecordReader {
    return new RecordReader(this, this.#numbers[this.#element(SHAPES, index)]!)
  }
  lineStarts(): readonly number[] {
    const starts = [0]
    let start = 0
    for (let i = this.#starts[LINES]!; i < this.#starts[LINES + 1]!; i++) starts.push((start += this.#numbers[i]!))
    return starts
  }

  #lambda(at: number): LambdaInfo {
    const record = new RecordReader(this, at)
    const name = record.optionalName()
    const strict = record.number()
    const immediate = record.number()
    const params: ParamInfo[] = []
    for (let left = record.count(6); left > 0; left--) {
      const param = record.optionalName()
      const slot = record.number()
      const offset = record.number()
      const doc = record.optionalString()
      const ellipsis = record.number() === 1
      params.push({ name: param, slot, at: offset, formals: this.#formals(record), ellipsis, doc })
    }
    return { name, params, strict, immediate }
  }
  #formals(record: RecordReader): ParamInfo["formals"] {
    const count = record.optionalCount(4)
    if (count === undefined) return undefined
    const formals: FormalInfo[] = []
    for (let i = 0; i < count; i++) {
      formals.push({ name: record.name(), slot: record.number(), at: record.number(), fallback: record.number() })
    }
    return formals
  }

  /** Index of the first number of an element. */
  #element(section: number, index: number): number {
    const at = this.#starts[section]! + index * SIZES[section]!
    if (!(index >= 0 && at < this.#starts[section + 1]!)) throw damaged()
    return at
  }
  /** @internal */
  record(index: number): number {
    return this.#numbers[this.#element(RECORDS, index)]!
  }
  /** @internal */
  recordCount(): number {
    return this.#count(RECORDS)
  }
  #string(index: number): string {
    const at = this.#element(STRINGS, index)
    this.#text ??= byteStringFrom(this.#textBytes())
    const from = this.#numbers[at]!
    const to = this.#numbers[at + 1]!
    // Of the last there is no next: what stands there is a record, or nothing.
    if (!(at + 1 < this.#starts[STRINGS + 1]! && from >= 0 && from <= to && to <= this.#text.length)) throw damaged()
    return this.#text.slice(from, to)
  }
  /** @internal */
  string(index: number): string {
    return this.#string(index)
  }
  #textBytes(): Uint8Array {
    const numbers = this.#numbers
    const from = HEADER_BYTES + aligned(numbers.byteLength)
    return this.#bytes.subarray(from, from + wordsOf(this.#bytes)[HEADER.textBytes / 4]!)
  }
}

/** Reads a record's numbers one after the other. */
class RecordReader {
  readonly #tables: PackedTables
  #next: number

  constructor(tables: PackedTables, at: number) {
    this.#tables = tables
    this.#next = at
  }
  number(): number {
    return this.#tables.record(this.#next++)
  }
  skip(count: number): void {
    this.#next += count
  }
  /** How many elements of `size` numbers follow: never more than there is room for. */
  count(size: number): number {
    const count = this.number()
    if (count < 0 || count * size > this.#tables.recordCount()) throw damaged()
    return count
  }
  optionalCount(size: number): number | undefined {
    if (this.#tables.record(this.#next) >= 0) return this.count(size)
    this.#next++
    return undefined
  }
  name(): string {
    return internalize(this.#tables.string(this.number()))
  }
  optionalName(): string | undefined {
    const text = this.optionalString()
    return text === undefined ? undefined : internalize(text)
  }
  optionalString(): string | undefined {
    const index = this.number()
    return index < 0 ? undefined : this.#tables.string(index)
  }
}

/** A unit from a cache. */
export class PackedUnit implements Unit {
  readonly source: SourceFile
  readonly basePath: string
  readonly home: string | undefined
  readonly words: Int32Array
  readonly codeCount: number
  readonly #tables: PackedTables
  readonly #codes: (CodeInfo | undefined)[]
  readonly #constants: (Forced | undefined)[]
  readonly #names: (string | undefined)[]

  constructor(tables: PackedTables, source: SourceFile, basePath: string, home: string | undefined) {
    this.source = source
    this.basePath = basePath
    this.home = home
    this.words = tables.words
    this.codeCount = tables.codeCount
    this.#tables = tables
    this.#codes = sparseArray(tables.codeCount)
    this.#constants = sparseArray(tables.constantCount)
    this.#names = sparseArray(tables.nameCount)
  }

  code(index: number): CodeInfo {
    return (this.#codes[index] ??= this.#tables.code(index))
  }
  constant(index: number): Forced {
    const known = this.#constants[index]
    if (known !== undefined) return known
    const constant = this.#tables.constant(index)
    return (this.#constants[index] = constant instanceof PathLiteral ? constant.resolve(this) : constant)
  }
  name(index: number): string {
    return (this.#names[index] ??= this.#tables.name(index))
  }
  shapeNames(index: number): readonly string[] {
    return this.#tables.shapeNames(index)
  }
  shapeOffsets(index: number): readonly number[] {
    return this.#tables.shapeOffsets(index)
  }
}

const EMPTY_LIST: readonly never[] = []

function damaged(): RangeError {
  return new RangeError("a unit of the bytecode cache is damaged, though its checksum is right")
}
