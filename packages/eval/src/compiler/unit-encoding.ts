/**
 * A unit as bytes, for caches. Everything is in the byte order of the machine, which is part of what makes units of one
 * kind (see {@link unitKind} in unit-cache.ts), and begins at a multiple of eight:
 *
 *      0  checksum of what follows          8  length in bytes, all included     12  how many numbers
 *     16  SHA-256 of the source text       48  length of the source text         52  how many bytes of text
 *     56  the numbers, of 32 bits and signed: {@link SECTIONS} counts, then the sections; then the text, which strings
 *         are cut from
 *
 * A reader wants few of the tables and little of each, so nothing has to be read in order: records of varying length are
 * in the section `records`, and named by their index there.
 */
import { bytesOf, wordsOf, writeChecksum } from "@tvix-ts/bytes"
import { NixFloat } from "../value.ts"
import type { CompiledUnit } from "./compiled-unit.ts"
import { PathLiteral, type Constant, type FormalInfo, type LambdaInfo, type ShapeInfo } from "./unit.ts"

/** In the order they stand in, with the numbers that an element of each has. */
export const SECTIONS = {
  /** parent, entry, slots, at, and the record of the lambda or -1 */
  codes: 5,
  words: 1,
  /** a string */
  names: 1,
  /** {@link CONSTANT_KIND}, and a string */
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
export const CONSTANT_KIND = {
  null: 0,
  emptyList: 1,
  integer: 2,
  float: 3,
  string: 4,
  path: 5,
  pathBeginning: 6,
} as const

export const HEADER = {
  checksum: 0,
  byteLength: 8,
  numbers: 12,
  digest: 16,
  source: 48,
  textBytes: 52,
} as const
export const HEADER_BYTES = 56
export const ALIGNMENT = 8
export const DIGEST_BYTES = 32

/** The number of bytes that `count` bytes take where what follows is aligned. */
export function aligned(count: number): number {
  return Math.ceil(count / ALIGNMENT) * ALIGNMENT
}

/**
 * Plain loops: a program's first run does this for all of its files, before the engine has compiled it.
 * @param digest the SHA-256 of the source's text
 */
export function encodeUnit({ tables, source }: CompiledUnit, digest: Uint8Array): Uint8Array {
  const { codes, words, names, constants, shapes } = tables
  const { lineStarts } = source
  const lineCount = lineStarts.length - 1
  const strings = new StringTable()
  const records: number[] = []
  let at = SECTION_NAMES.length
  const numbers = new Int32Array(
    at + 5 * codes.length + words.length + names.length + 2 * constants.length + shapes.length + lineCount,
  )
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i]!
    numbers[at++] = code.parent
    numbers[at++] = code.entry
    numbers[at++] = code.slots
    numbers[at++] = code.at
    numbers[at++] = code.lambda === undefined ? -1 : addLambda(code.lambda, records, strings)
  }
  numbers.set(words, at)
  at += words.length
  for (let i = 0; i < names.length; i++) numbers[at++] = strings.add(names[i]!)
  for (let i = 0; i < constants.length; i++) {
    const constant = constants[i]!
    numbers[at++] = kindOf(constant)
    // Hardly any text is met twice, and to look for it makes a name of it.
    numbers[at++] = typeof constant === "string" ? strings.append(constant) : strings.add(textOfConstant(constant))
  }
  for (let i = 0; i < shapes.length; i++) numbers[at++] = addShape(shapes[i]!, records, strings)
  for (let i = 0; i < lineCount; i++) numbers[at++] = lineStarts[i + 1]! - lineStarts[i]!
  const { starts, text } = strings
  const inOrder = [codes, words, names, constants, shapes]
  for (let i = 0; i < inOrder.length; i++) numbers[i] = inOrder[i]!.length
  numbers.set([lineCount, starts.length, records.length], inOrder.length)
  return assemble([numbers, starts, records], bytesOf(text), source.length, digest)
}

/** @param parts of the numbers */
function assemble(
  parts: readonly ArrayLike<number>[],
  text: Uint8Array,
  sourceLength: number,
  digest: Uint8Array,
): Uint8Array {
  const count = parts.reduce((sum, { length }) => sum + length, 0)
  const textAt = HEADER_BYTES + aligned(count * 4)
  const bytes = new Uint8Array(textAt + aligned(text.length))
  const view = wordsOf(bytes)
  view[HEADER.byteLength / 4] = bytes.length
  view[HEADER.numbers / 4] = count
  view[HEADER.source / 4] = sourceLength
  view[HEADER.textBytes / 4] = text.length
  bytes.set(digest, HEADER.digest)
  let from = HEADER_BYTES / 4
  for (const part of parts) {
    view.set(part, from)
    from += part.length
  }
  bytes.set(text, textAt)
  writeChecksum(bytes)
  return bytes
}

function addLambda({ name, params, strict, immediate }: LambdaInfo, records: number[], strings: StringTable): number {
  const at = records.length
  records.push(strings.addOptional(name), strict, immediate, params.length)
  for (let i = 0; i < params.length; i++) {
    const param = params[i]!
    const { formals } = param
    records.push(strings.addOptional(param.name), param.slot, param.at, strings.addOptional(param.doc))
    records.push(param.ellipsis ? 1 : 0, formals === undefined ? -1 : formals.length)
    if (formals !== undefined) addFormals(formals, records, strings)
  }
  return at
}

function addFormals(formals: readonly FormalInfo[], records: number[], strings: StringTable): void {
  for (let i = 0; i < formals.length; i++) {
    const { name, slot, at, fallback } = formals[i]!
    records.push(strings.add(name), slot, at, fallback)
  }
}

function addShape({ names, offsets }: ShapeInfo, records: number[], strings: StringTable): number {
  const at = records.length
  records.push(names.length)
  for (let i = 0; i < names.length; i++) records.push(strings.add(names[i]!))
  for (let i = 0; i < offsets.length; i++) records.push(offsets[i]!)
  return at
}

function kindOf(constant: Constant): number {
  if (typeof constant === "string") return CONSTANT_KIND.string
  if (typeof constant === "number" || typeof constant === "bigint") return CONSTANT_KIND.integer
  if (constant instanceof NixFloat) return CONSTANT_KIND.float
  if (constant instanceof PathLiteral) return constant.begins ? CONSTANT_KIND.pathBeginning : CONSTANT_KIND.path
  return constant === null ? CONSTANT_KIND.null : CONSTANT_KIND.emptyList
}
function textOfConstant(constant: Exclude<Constant, string>): string {
  if (typeof constant === "number" || typeof constant === "bigint") return String(constant)
  if (constant instanceof NixFloat) return String(constant.value)
  return constant instanceof PathLiteral ? constant.text : ""
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
