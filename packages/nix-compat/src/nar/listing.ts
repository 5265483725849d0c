/**
 * What is in a Nix archive, without the contents: the `.ls` files of binary caches, and what `nix nar ls --json -R` shows.
 *
 *     { "root": NODE, "version": 1 }
 *
 *     NODE    { "type": "regular", "size": N, "executable": true, "narOffset": N }     the latter two if there is need
 *             { "type": "symlink", "target": TEXT }
 *             { "type": "directory", "entries": { NAME: NODE } }
 */
import { byteStringOf, isUtf8, textOf } from "@tvix-ts/bytes"
import { parseJson, type Json } from "../json.ts"
import { nameProblem, targetProblem } from "./name.ts"
import type { NarSink } from "./sink.ts"
import {
  DIRECTORY,
  END,
  ENTRY,
  ENTRY_NODE,
  EXECUTABLE,
  FILE,
  MAGIC,
  paddingOf,
  runLength,
  stringLength,
  SYMLINK,
} from "./words.ts"

export type NarListing = ListedDirectory | ListedFile | ListedSymlink

export interface ListedDirectory {
  readonly type: "directory"
  /** Ascending by the bytes of the names. */
  readonly entries: ReadonlyMap<string, NarListing>
}

export interface ListedFile {
  readonly type: "regular"
  /** Bytes. */
  readonly size: number
  readonly executable: boolean
  /** Where in the archive its contents begin, if that is known. */
  readonly narOffset?: number
}

export interface ListedSymlink {
  readonly type: "symlink"
  /** A byte string. */
  readonly target: string
}

const VERSION = 1

/** Makes a listing of a tree. It knows the format, so that offsets need no archive to be written. */
export class NarLister implements NarSink {
  #root: NarListing | undefined
  readonly #open: Map<string, NarListing>[] = []
  /** Of the entry that comes next in each open directory. */
  readonly #names: string[] = []
  /** Where in the archive the next node begins. */
  #at = runLength(MAGIC)

  file(size: number, executable: boolean): void {
    const narOffset = this.#at + runLength(executable ? EXECUTABLE : FILE) + 8
    this.#at = narOffset + size + paddingOf(size)
    this.#add({ type: "regular", size, executable, narOffset })
  }
  contents(): void {}
  symlink(target: string): void {
    this.#at += runLength(SYMLINK) + stringLength(target.length)
    this.#add({ type: "symlink", target })
  }
  directory(): void {
    this.#at += runLength(DIRECTORY)
    this.#open.push(new Map())
  }
  entry(name: string): void {
    this.#at += runLength(ENTRY) + stringLength(name.length) + runLength(ENTRY_NODE)
    this.#names.push(name)
  }
  endDirectory(): void {
    this.#add({ type: "directory", entries: this.#open.pop()! })
  }

  /** `undefined` until the root has ended. */
  get listing(): NarListing | undefined {
    return this.#root
  }

  #add(node: NarListing): void {
    // The node's own end, and that of the entry it is.
    this.#at += runLength(END)
    const directory = this.#open.at(-1)
    if (directory === undefined) {
      this.#root = node
    } else {
      this.#at += runLength(END)
      directory.set(this.#names.pop()!, node)
    }
  }
}

/**
 * As C++ Nix 2.26 writes it, without a blank or line feed.
 *
 * @throws {RangeError} if a name or target is not UTF-8, which JSON cannot say
 */
export function formatListing(root: NarListing): string {
  const pieces: string[] = ['{"root":']
  const open: Iterator<readonly [string, NarListing]>[] = []
  let node: NarListing | undefined = root
  while (node !== undefined) {
    if (node.type === "directory") {
      pieces.push('{"entries":{')
      open.push(node.entries.entries())
    } else {
      pieces.push(JSON.stringify(leaf(node)))
    }
    const isFirst = node.type === "directory"
    node = nextNode(open, pieces, isFirst)
  }
  pieces.push(`,"version":${VERSION}}`)
  return pieces.join("")
}

/** The entry that comes next, its name written; ends all directories that have no more. */
function nextNode(
  open: Iterator<readonly [string, NarListing]>[],
  pieces: string[],
  isFirst: boolean,
): NarListing | undefined {
  for (let comma = isFirst ? "" : ","; ; comma = ",") {
    const next = open.at(-1)?.next()
    if (next === undefined) return undefined
    if (next.done !== true) {
      const [name, node] = next.value
      pieces.push(comma, JSON.stringify(jsonText(name)), ":")
      return node
    }
    open.pop()
    pieces.push('},"type":"directory"}')
  }
}

/** In the order of C++ Nix, which is that of the names. */
function leaf(node: ListedFile | ListedSymlink): object {
  if (node.type === "symlink") return { target: jsonText(node.target), type: node.type }
  const { type, size, executable, narOffset } = node
  return { ...(executable && { executable }), ...(narOffset !== undefined && { narOffset }), size, type }
}

function jsonText(byteString: string): string {
  if (!isUtf8(byteString)) throw new RangeError(`'${textOf(byteString)}' is not UTF-8, and JSON knows nothing else`)
  return textOf(byteString)
}

/**
 * Reads a listing that is complete: every directory with its entries.
 *
 * @throws {JsonError}
 */
export function parseListing(text: string): NarListing {
  const json = parseJson(text)
  const version = json.required("version")
  if (version.value !== VERSION) version.refuse(String(VERSION))
  // Entries have entries, to any depth: hence a list of what is still to be read, and no recursion.
  const root = new Map<string, NarListing>()
  const waiting: [Json, into: Map<string, NarListing>, name: string][] = [[json.required("root"), root, ""]]
  for (;;) {
    const next = waiting.pop()
    if (next === undefined) return root.get("")!
    const [node, into, name] = next
    const type = node.required("type")
    switch (type.value) {
      case "regular":
        into.set(name, parseFile(node))
        break
      case "symlink":
        into.set(name, { type: "symlink", target: parseTarget(node.required("target")) })
        break
      case "directory": {
        const entries = new Map<string, NarListing>()
        into.set(name, { type: "directory", entries })
        for (const [child, entryName] of parseEntries(node.required("entries"))) {
          // In order now, filled in later.
          entries.set(entryName, PENDING)
          waiting.push([child, entries, entryName])
        }
        break
      }
      default:
        type.refuse('"regular", "symlink" or "directory"')
    }
  }
}
const PENDING: NarListing = { type: "symlink", target: "" }

/** Sorted: an object of JavaScript's has its own ideas of order. */
function parseEntries(entries: Json): [Json, name: string][] {
  const named = entries.members().map(([text, node]): [Json, string] => [node, byteStringOf(text)])
  for (const [node, name] of named) if (nameProblem(name, "") !== undefined) node.refuse("a valid file name")
  return named.sort(([, a], [, b]) => (a < b ? -1 : 1))
}

function parseFile(node: Json): ListedFile {
  const narOffset = node.member("narOffset")?.count()
  return {
    type: "regular",
    size: node.required("size").count(),
    executable: node.member("executable")?.boolean() ?? false,
    ...(narOffset !== undefined && { narOffset }),
  }
}

function parseTarget(json: Json): string {
  const target = json.string()
  return targetProblem(target) === undefined ? target : json.refuse("the target of a symbolic link")
}
