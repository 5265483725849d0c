/**
 * Directories and nodes as bytes: the messages `Directory` and `Node` of tvix.castore.v1, in the one form that their digest
 * is of. Source of the numbers: Tvix, castore/protos/castore.proto.
 *
 *     Directory     = { 1: DirectoryNode } { 2: FileNode } { 3: SymlinkNode }     -- each list ascending by name
 *     DirectoryNode = [ 1: name ] [ 2: digest ] [ 3: size ]
 *     FileNode      = [ 1: name ] [ 2: digest ] [ 3: size ] [ 4: executable ]
 *     SymlinkNode   = [ 1: name ] [ 2: target ]
 *     Node          = 1: DirectoryNode | 2: FileNode | 3: SymlinkNode
 *
 * Canonical: fields ascending, each once, none with its default (empty, 0, false), varints as short as they can be, nothing
 * unknown. Protobuf readers take other forms, too; here they are refused, because what they would be stored under is the
 * digest of different bytes: docs/decisions/0006-formats.md. That is why this is written by hand.
 */
import { digestOf, toDigest, type B3Digest } from "../digest.ts"
import type { Node } from "../node.ts"
import { invalid } from "../problem.ts"
import { checkDirectory, checkNode, LISTS, nameProblem, orderProblem, sizeOverflow, targetProblem } from "./check.ts"
import { CanonicalReader, varintLength, writeVarint } from "./protobuf.ts"
import type { Directory } from "./service.ts"

/** The field of each kind, in `Directory` and in `Node`. */
const FIELD = { directory: 1, file: 2, symlink: 3 } as const
const KINDS = ["directory", "file", "symlink"] as const

/** Tags of the fields inside a node: field number << 3 | wire type. */
const NAME = 0x0a
const DIGEST_OR_TARGET = 0x12
const SIZE = 0x18
const EXECUTABLE = 0x20

/** @throws {CastoreError} `invalid` if it is not as {@link checkDirectory} wants it */
export function encodeDirectory(directory: Directory): Uint8Array<ArrayBuffer> {
  checkDirectory(directory)
  const { entries } = directory
  const counts = { directory: 0, file: 0, symlink: 0 }
  let length = 0
  for (let i = 0; i < entries.length; i++) {
    const [name, node] = entries[i]!
    counts[node.type]++
    const body = bodyLength(name, node)
    length += 1 + varintLength(body) + body
  }
  const out = new Uint8Array(length)
  let at = 0
  for (const kind of KINDS) {
    if (counts[kind] === 0) continue
    for (let i = 0; i < entries.length; i++) {
      const [name, node] = entries[i]!
      if (node.type === kind) at = writeNode(out, at, name, node)
    }
  }
  return out
}

/** @throws {CastoreError} `invalid` as {@link encodeDirectory} */
export function directoryDigest(directory: Directory): B3Digest {
  return digestOf(encodeDirectory(directory))
}

/**
 * The bytes may be reused: nothing of them is kept.
 *
 * @throws {CastoreError} `invalid` for bytes that {@link encodeDirectory} does not make, with the byte's offset or the field
 */
export function decodeDirectory(bytes: Uint8Array): Directory {
  const reader = new CanonicalReader(bytes.slice())
  const lists: (readonly [string, Node])[][] = [[], [], []]
  let size = 0
  let field = 1
  while (reader.at < reader.end) {
    const start = reader.at
    const tag = reader.byte()
    const kind = KINDS[(tag >> 3) - 1]
    if (kind === undefined || (tag & 7) !== 2) throw reader.unexpected(start, "")
    if (tag >> 3 < field) throw invalid(LISTS[kind], `byte ${start}: comes after field ${field}`)
    field = tag >> 3
    const list = lists[field - 1]!
    const entry = readNode(reader, kind, LISTS[kind], list.length)
    const [name, node] = entry
    const bad = nameProblem(name)
    if (bad !== undefined) throw invalid(`${LISTS[kind]}[${list.length}].name`, bad)
    const previous = list.at(-1)?.[0] ?? ""
    if (name <= previous) throw invalid(`${LISTS[kind]}[${list.length}].name`, orderProblem(name, previous))
    size += node.type === "directory" ? 1 + node.size : 1
    if (size > Number.MAX_SAFE_INTEGER) throw sizeOverflow(`${LISTS[kind]}[${list.length}].size`)
    list.push(entry)
  }
  return { entries: merge(merge(lists[0]!, lists[1]!), lists[2]!) }
}

/**
 * One node with its name, as roots of trees travel. Whether it may be empty is the message's business that it is part of:
 * the name is not checked.
 *
 * @throws {CastoreError} `invalid` if the node breaks a rule
 */
export function encodeNode(name: string, node: Node): Uint8Array<ArrayBuffer> {
  checkNode(node, node.type)
  const body = bodyLength(name, node)
  const out = new Uint8Array(1 + varintLength(body) + body)
  writeNode(out, 0, name, node)
  return out
}

/** @throws {CastoreError} `invalid` for bytes that {@link encodeNode} does not make */
export function decodeNode(bytes: Uint8Array): { readonly name: string; readonly node: Node } {
  const reader = new CanonicalReader(bytes.slice())
  if (reader.end === 0) throw invalid("node", "neither a directory, a file nor a symlink")
  const tag = reader.byte()
  const kind = KINDS[(tag >> 3) - 1]
  if (kind === undefined || (tag & 7) !== 2) throw reader.unexpected(0, "")
  const [name, node] = readNode(reader, kind, kind, undefined)
  if (reader.at < reader.end) throw reader.unexpected(reader.at, "")
  return { name, node }
}

function bodyLength(name: string, node: Node): number {
  const length = name.length === 0 ? 0 : bytesLength(name.length)
  if (node.type === "symlink") return length + bytesLength(node.target.length)
  const rest = 34 + (node.size === 0 ? 0 : 1 + varintLength(node.size))
  return length + rest + (node.type === "file" && node.executable ? 2 : 0)
}

function bytesLength(length: number): number {
  return 1 + varintLength(length) + length
}

function writeNode(out: Uint8Array, start: number, name: string, node: Node): number {
  let at = start
  out[at++] = (FIELD[node.type] << 3) | 2
  at = writeVarint(out, at, bodyLength(name, node))
  if (name.length > 0) at = writeByteString(out, at, NAME, name)
  if (node.type === "symlink") return writeByteString(out, at, DIGEST_OR_TARGET, node.target)
  out[at++] = DIGEST_OR_TARGET
  out[at++] = 32
  // Cheaper than `set`, which costs more than it copies at this length.
  const { digest, size } = node
  for (let i = 0; i < 32; i++) out[at + i] = digest[i]!
  at += 32
  if (size > 0) {
    out[at++] = SIZE
    at = writeVarint(out, at, size)
  }
  if (node.type === "file" && node.executable) {
    out[at++] = EXECUTABLE
    out[at++] = 1
  }
  return at
}

function writeByteString(out: Uint8Array, start: number, tag: number, text: string): number {
  out[start] = tag
  const at = writeVarint(out, start + 1, text.length)
  for (let i = 0; i < text.length; i++) out[at + i] = text.charCodeAt(i)
  return at + text.length
}

/** Reads a node from its length on. Its name is not checked. */
function readNode(
  reader: CanonicalReader,
  kind: Node["type"],
  list: string,
  index: number | undefined,
): readonly [name: string, node: Node] {
  const field = (part: string): string => `${list}${index === undefined ? "" : `[${index}]`}${part}`
  const length = reader.varint()
  const outer = reader.end
  if (length > outer - reader.at) throw reader.truncated(field(""))
  reader.end = reader.at + length
  const name = reader.take(NAME) ? reader.byteString(field, ".name") : ""
  let node: Node
  if (kind === "symlink") {
    const target = reader.take(DIGEST_OR_TARGET) ? reader.byteString(field, ".target") : ""
    const bad = targetProblem(target)
    if (bad !== undefined) throw invalid(field(".target"), bad)
    node = { type: kind, target }
  } else {
    const raw = reader.take(DIGEST_OR_TARGET) ? reader.bytesField(field, ".digest") : new Uint8Array()
    // Naming the field costs more than all the rest.
    const digest = raw.length === 32 ? toDigest(raw, "") : toDigest(raw, field(".digest"))
    const size = reader.take(SIZE) ? reader.number(field, ".size") : 0
    if (kind === "directory") node = { type: kind, digest, size }
    else {
      const executable = reader.take(EXECUTABLE)
      if (executable && reader.number(field, ".executable") !== 1) {
        throw invalid(field(".executable"), `byte ${reader.at - 1}: neither absent nor 1`)
      }
      node = { type: kind, digest, size, executable }
    }
  }
  if (reader.at < reader.end) throw reader.unexpected(reader.at, field(""))
  reader.end = outer
  return [name, node]
}

/** One list of two, each ascending. */
function merge(a: (readonly [string, Node])[], b: (readonly [string, Node])[]): (readonly [string, Node])[] {
  if (a.length === 0) return b
  if (b.length === 0) return a
  const merged: (readonly [string, Node])[] = []
  let i = 0
  let j = 0
  while (i < a.length && j < b.length) {
    const left = a[i]!
    const right = b[j]!
    if (left[0] === right[0])
      throw invalid(`${LISTS[right[1].type]}[${nth(b, j)}].name`, orderProblem(right[0], left[0]))
    if (left[0] < right[0]) {
      merged.push(left)
      i++
    } else {
      merged.push(right)
      j++
    }
  }
  while (i < a.length) merged.push(a[i++]!)
  while (j < b.length) merged.push(b[j++]!)
  return merged
}

/** Which one of its kind `list[index]` is. */
function nth(list: readonly (readonly [string, Node])[], index: number): number {
  const { type } = list[index]![1]
  return list.slice(0, index).filter(([, node]) => node.type === type).length
}
