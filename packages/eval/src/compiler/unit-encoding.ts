/**
 * A unit as bytes, for caches. Everything is in the byte order of the machine, which is part of what makes units of one
 * kind (see {@link unitKind} in unit-cache.ts), and begins at a multiple of eight:
 *
 *      0  checksum of what follows          8  length in bytes, all included     12  width of a number: 2 or 4 bytes
 *     16  SHA-256 of the source text       48  how many numbers                  52  how many bytes of text
 *     56  length of the source text        60  0
 *     64  the numbers, signed: {@link SECTIONS} counts, then the sections; then the text, which strings are cut from
 *
 * A reader wants few of the tables and little of each, so nothing has to be read in order: records of varying length are
 * in the section `records`, and named by their index there.
 */
import { bytesOf, wordsOf, writeChecksum } from "@tvix-ts/bytes"
import { NixFloat } from "../value.ts"
import type { CompiledUnit } from "./compiled-unit.ts"
import { PathLiteral, type Constant, type LambdaInfo, type ShapeInfo } from "./unit.ts"

/** In the order they stand in, with the numbers that an element of each has. */
export const SECTIONS = {
  /** parent, entry, slots, at, and the record of the lambda or -1 */
  codes: 5,
  words: 1,
  /** a string */
  names: 1,
  /** {@link CONSTANT_KINDS}, and a string */
  constants: 2,
  /** a record: how many names, the names, the offsets */
  shapes: 1,
  /** lengths of the lines but the last, their ends included */
  lines: 1,
  /** where in the text strings begin; string i ends where i + 1 begins */
  strings: 1,
  records: 1,
} as const
export type Section = keyof typeof SECTIONS
export const SECTION_NAMES = Object.keys(SECTIONS) as readonly Section[]

/** What a constant's string is. */
export const CONSTANT_KINDS = ["null", "list", "integer", "float", "string", "path", "path-beginning"] as const

export const HEADER = {
  checksum: 0,
  byteLength: 8,
  width: 12,
  digest: 16,
  numbers: 48,
  textBytes: 52,
  source: 56,
} as const
export const HEADER_BYTES = 64
export const ALIGNMENT = 8
export const DIGEST_BYTES = 32

/** The number of bytes that `count` bytes take where what follows is aligned. */
export function aligned(count: number): number {
  return Math.ceil(count / ALIGNMENT) * ALIGNMENT
}

/** @param digest the SHA-256 of the source's text */
export function encodeUnit({ tables, source }: CompiledUnit, digest: Uint8Array): Uint8Array {
  const strings = new StringTable()
  const records: number[] = []
  const codes: number[] = []
  for (const { parent, entry, slots, at, lambda } of tables.codes) {
    codes.push(parent, entry, slots, at, lambda === undefined ? -1 : addLambda(lambda, records, strings))
  }
  const starts = source.lineStarts
  const sections: Record<Section, ArrayLike<number>> = {
    codes,
    words: tables.words,
    names: tables.names.map((name) => strings.add(name)),
    constants: tables.constants.flatMap((constant) => constantNumbers(constant, strings)),
    shapes: tables.shapes.map((shape) => addShape(shape, records, strings)),
    lines: starts.slice(1).map((start, i) => start - starts[i]!),
    strings: strings.starts,
    records,
  }
  const numbers = new Int32Array(SECTION_NAMES.reduce((sum, name) => sum + sections[name].length, SECTION_NAMES.length))
  let from = SECTION_NAMES.length
  SECTION_NAMES.forEach((name, i) => {
    const section = sections[name]
    numbers[i] = section.length / SECTIONS[name]
    numbers.set(section, from)
    from += section.length
  })
  return assemble(numbers, bytesOf(strings.text), source.length, digest)
}

function assemble(numbers: Int32Array, text: Uint8Array, sourceLength: number, digest: Uint8Array): Uint8Array {
  const narrow = isNarrow(numbers)
  const width = narrow ? 2 : 4
  const textAt = HEADER_BYTES + aligned(numbers.length * width)
  const bytes = new Uint8Array(textAt + aligned(text.length))
  const view = wordsOf(bytes)
  view[HEADER.byteLength / 4] = bytes.length
  view[HEADER.width / 4] = width
  view[HEADER.numbers / 4] = numbers.length
  view[HEADER.textBytes / 4] = text.length
  view[HEADER.source / 4] = sourceLength
  bytes.set(digest, HEADER.digest)
  const array = narrow ? Int16Array : Int32Array
  new array(bytes.buffer, HEADER_BYTES, numbers.length).set(numbers)
  bytes.set(text, textAt)
  writeChecksum(bytes)
  return bytes
}

function isNarrow(numbers: Int32Array): boolean {
  for (let i = 0; i < numbers.length; i++) if (numbers[i] !== (numbers[i]! << 16) >> 16) return false
  return true
}

function addLambda({ name, params, strict, immediate }: LambdaInfo, records: number[], strings: StringTable): number {
  const at = records.length
  records.push(strings.addOptional(name), strict, immediate, params.length)
  for (const param of params) {
    const { formals } = param
    records.push(strings.addOptional(param.name), param.slot, param.at, strings.addOptional(param.doc))
    records.push(param.ellipsis ? 1 : 0, formals === undefined ? -1 : formals.length)
    for (const each of formals ?? []) records.push(strings.add(each.name), each.slot, each.at, each.fallback)
  }
  return at
}

function addShape({ names, offsets }: ShapeInfo, records: number[], strings: StringTable): number {
  const at = records.length
  records.push(names.length)
  for (const name of names) records.push(strings.add(name))
  for (const offset of offsets) records.push(offset)
  return at
}

function constantNumbers(constant: Constant, strings: StringTable): [kind: number, string: number] {
  const of = (kind: (typeof CONSTANT_KINDS)[number], text = ""): [number, number] => [
    CONSTANT_KINDS.indexOf(kind),
    strings.add(text),
  ]
  if (constant === null) return of("null")
  // Hardly any is met twice, and to look for it makes a name of it.
  if (typeof constant === "string") return [CONSTANT_KINDS.indexOf("string"), strings.append(constant)]
  if (typeof constant === "number" || typeof constant === "bigint") return of("integer", String(constant))
  if (constant instanceof NixFloat) return of("float", String(constant.value))
  if (constant instanceof PathLiteral) return of(constant.begins ? "path-beginning" : "path", constant.text)
  return of("list")
}

class StringTable {
  text = ""
  /** Of each string, and where the last one ends. */
  readonly starts: number[] = [0]
  readonly #indices = new Map<string, number>()

  add(string: string): number {
    let index = this.#indices.get(string)
    if (index === undefined) {
      index = this.append(string)
      this.#indices.set(string, index)
    }
    return index
  }
  /** The same without looking whether it is there. */
  append(string: string): number {
    this.text += string
    return this.starts.push(this.text.length) - 2
  }
  addOptional(string: string | undefined): number {
    return string === undefined ? -1 : this.add(string)
  }
}
