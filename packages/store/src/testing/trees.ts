import { concat } from "@tvix-ts/bytes"
import type { TreeSink } from "@tvix-ts/castore"
import { NarWriter } from "@tvix-ts/nix-compat"
import fc from "fast-check"

/** A file tree in memory. Names and targets are byte strings. */
export type Tree =
  | { readonly type: "file"; readonly contents: Uint8Array; readonly executable: boolean }
  | { readonly type: "symlink"; readonly target: string }
  | { readonly type: "directory"; readonly entries: Readonly<Record<string, Tree>> }

export function file(contents: string | Uint8Array, executable = false): Tree {
  const bytes = typeof contents === "string" ? Uint8Array.from(contents, (char) => char.charCodeAt(0)) : contents
  return { type: "file", contents: bytes, executable }
}
export function symlink(target: string): Tree {
  return { type: "symlink", target }
}
export function directory(entries: Readonly<Record<string, Tree>>): Tree {
  return { type: "directory", entries }
}

/** Tells `sink` of the tree, contents in pieces of `length` bytes at most, in one buffer that is used again and again. */
export async function produce(tree: Tree, sink: TreeSink, length = 65_536): Promise<void> {
  switch (tree.type) {
    case "file": {
      const { contents } = tree
      sink.file(contents.length, tree.executable)
      const buffer = new Uint8Array(Math.min(length, contents.length))
      for (let at = 0; at < contents.length; at += length) {
        const piece = contents.subarray(at, at + length)
        buffer.set(piece)
        await sink.contents(buffer.subarray(0, piece.length))
      }
      return
    }
    case "symlink":
      return sink.symlink(tree.target)
    case "directory":
      sink.directory()
      for (const name of Object.keys(tree.entries).sort()) {
        sink.entry(name)
        await produce(tree.entries[name]!, sink, length)
      }
      return sink.endDirectory()
  }
}

export async function narOf(tree: Tree): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  const writer = new NarWriter((piece) => void pieces.push(piece.slice()))
  await produce(tree, writer)
  void writer.end()
  return concat(pieces)
}

/** `bytes` in pieces of `length` at most. */
export function* piecesOf(bytes: Uint8Array, length: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.slice(at, at + length)
}

/** As many bytes as asked for that do not repeat. */
export function noise(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = seed | 1
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    bytes[i] = state >>> 24
  }
  return bytes
}

const names = fc
  .oneof(
    {
      weight: 4,
      arbitrary: fc.string({
        unit: fc.constantFrom("a", "b", "Z", ".", "-", " ", "\xff", "\x01"),
        minLength: 1,
        maxLength: 4,
      }),
    },
    { weight: 1, arbitrary: fc.constantFrom("__proto__", "constructor", "1", "10", "...", "n".repeat(255)) },
  )
  .filter((name) => name !== "." && name !== "..")
const contents = fc.oneof(
  { weight: 6, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  { weight: 1, arbitrary: fc.nat(300_000).map((length) => noise(length)) },
)
const leaf: fc.Arbitrary<Tree> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ type: fc.constant("file" as const), contents, executable: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc
      .string({ unit: fc.constantFrom("/", "a", ".", "\xc3"), minLength: 1, maxLength: 20 })
      .map((target) => symlink(target)),
  },
)

/** Trees of some dozens of entries, names of all kinds among them. */
export const trees: fc.Arbitrary<Tree> = fc.letrec<{ tree: Tree; directory: Tree }>((tie) => ({
  tree: fc.oneof({ depthSize: "small" }, leaf, tie("directory")),
  directory: fc
    .array(fc.tuple(names, tie("tree")), { maxLength: 6 })
    .map((entries) => directory(withoutPrototype(entries))),
})).tree

/** "__proto__" is a name like any other. */
function withoutPrototype(entries: readonly (readonly [string, Tree])[]): Record<string, Tree> {
  const record = Object.create(null) as Record<string, Tree>
  for (const [name, tree] of entries) record[name] = tree
  return record
}
