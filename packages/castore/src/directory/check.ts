/**
 * What a directory has to be, beyond its type: the rules of Tvix's castore.proto, and the limits its implementation adds.
 * Fields are named as there, entries counted in the list of their kind: `directories[2].name`.
 */
import { DIGEST_LENGTH } from "../digest.ts"
import type { Node } from "../node.ts"
import { invalid, type CastoreError } from "../problem.ts"
import type { Directory } from "./service.ts"

/** Bytes. Linux allows no more, and neither does Tvix. */
const NAME_LENGTH_MAX = 255
const TARGET_LENGTH_MAX = 4095

/** In the order in which the encoding has them. */
export const LISTS = { directory: "directories", file: "files", symlink: "symlinks" } as const

/**
 * @throws {CastoreError} `invalid`, with the first field that breaks a rule
 */
export function checkDirectory({ entries }: Directory): void {
  let size = entries.length
  let previous = ""
  for (let i = 0; i < entries.length; i++) {
    const [name, node] = entries[i]!
    const bad = nameProblem(name)
    if (bad !== undefined) throw invalid(fieldOf(entries, i, "name"), bad)
    // The first name is longer than "", so it is above it. Byte strings compare as their bytes do.
    if (name <= previous) throw invalid(fieldOf(entries, i, "name"), orderProblem(name, previous))
    previous = name
    const wrong = nodeProblem(node)
    if (wrong !== undefined) throw invalid(fieldOf(entries, i, wrong.part), wrong.reason)
    if (node.type === "directory") size += node.size
    if (size > Number.MAX_SAFE_INTEGER) throw sizeOverflow(fieldOf(entries, i, "size"))
  }
}

/**
 * How many entries there are in a directory and in all below it: what the node that refers to it has for a size.
 *
 * @throws {CastoreError} `invalid` above 2^53 - 1
 */
export function directorySize({ entries }: Directory): number {
  let size = entries.length
  for (const [, node] of entries) if (node.type === "directory") size += node.size
  if (size > Number.MAX_SAFE_INTEGER) throw sizeOverflow("size")
  return size
}

/** @throws {CastoreError} `invalid` unless the byte string may name an entry */
export function checkName(name: string, field: string): void {
  const bad = nameProblem(name)
  if (bad !== undefined) throw invalid(field, bad)
}

/** @throws {CastoreError} `invalid`, with the field after `prefix`, as in `root.digest` */
export function checkNode(node: Node, prefix: string): void {
  const wrong = nodeProblem(node)
  if (wrong !== undefined) throw invalid(`${prefix}.${wrong.part}`, wrong.reason)
}

const SLASH = 0x2f
const DOT = 0x2e

export function nameProblem(name: string): string | undefined {
  const { length } = name
  if (length === 0) return "a name has at least 1 byte"
  if (length > NAME_LENGTH_MAX) return `a name has at most ${NAME_LENGTH_MAX} bytes, this one has ${length}`
  for (let i = 0; i < length; i++) {
    const byte = name.charCodeAt(i)
    if (byte === 0 || byte === SLASH) return `${show(name)} contains ${byte === 0 ? "NUL" : "'/'"}`
    if (byte > 255) return "not a byte string"
  }
  if (name.charCodeAt(0) === DOT && (length === 1 || (length === 2 && name.charCodeAt(1) === DOT))) {
    return `${show(name)} cannot name an entry`
  }
  return undefined
}

export function targetProblem(target: string): string | undefined {
  const { length } = target
  if (length === 0) return "a symlink's target has at least 1 byte"
  if (length > TARGET_LENGTH_MAX) {
    return `a symlink's target has at most ${TARGET_LENGTH_MAX} bytes, this one has ${length}`
  }
  for (let i = 0; i < length; i++) {
    const byte = target.charCodeAt(i)
    if (byte === 0) return "a symlink's target contains NUL"
    if (byte > 255) return "not a byte string"
  }
  return undefined
}

export function orderProblem(name: string, previous: string): string {
  return name === previous ? `${show(name)} is there twice` : `${show(name)} comes after ${show(previous)}`
}

export function sizeOverflow(field: string): CastoreError {
  return invalid(field, "more than 2^53 - 1 entries in all")
}

function nodeProblem(node: Node): { part: string; reason: string } | undefined {
  if (node.type === "symlink") {
    const reason = targetProblem(node.target)
    return reason === undefined ? undefined : { part: "target", reason }
  }
  if (node.digest.length !== DIGEST_LENGTH) {
    return { part: "digest", reason: `a digest has ${DIGEST_LENGTH} bytes, this one has ${node.digest.length}` }
  }
  if (!Number.isSafeInteger(node.size) || node.size < 0) {
    return { part: "size", reason: `a size is a whole number from 0 to 2^53 - 1, not ${node.size}` }
  }
  return undefined
}

function fieldOf(entries: Directory["entries"], index: number, part: string): string {
  const { type } = entries[index]![1]
  let nth = 0
  for (let i = 0; i < index; i++) if (entries[i]![1].type === type) nth++
  return `${LISTS[type]}[${nth}].${part}`
}

function show(name: string): string {
  return JSON.stringify(name)
}
