/** File trees in memory, for tests: to make archives of, and to make of archives. */
import { byteStringFrom, bytesOf, concat } from "@tvix-ts/bytes"
import fc from "fast-check"
import { NarWriter, type NarSink } from "../index.ts"

export type Tree =
  | { readonly type: "file"; readonly contents: string; readonly executable: boolean }
  | { readonly type: "symlink"; readonly target: string }
  | { readonly type: "directory"; readonly entries: ReadonlyMap<string, Tree> }

/** Everything in a tree is a byte string. */
export function file(contents: string, executable = false): Tree {
  return { type: "file", contents, executable }
}
export function symlink(target: string): Tree {
  return { type: "symlink", target }
}
/** Of its entries, in any order. */
export function directory(entries: Readonly<Record<string, Tree>>): Tree {
  return { type: "directory", entries: new Map(Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1))) }
}

const byteString = (maxLength: number): fc.Arbitrary<string> => fc.uint8Array({ maxLength }).map(byteStringFrom)
const names = byteString(12).map((name) => name.replaceAll(/[/\0]/g, "_").replace(/^(\.{0,2})$/, "$1_"))
/** Trees of a few nodes. */
export const trees: fc.Arbitrary<Tree> = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    fc.tuple(byteString(40), fc.boolean()).map(([contents, executable]) => file(contents, executable)),
    byteString(20).map((target) => symlink(target.replaceAll("\0", "_") || "x")),
    fc.array(fc.tuple(names, tie("tree")), { maxLength: 5 }).map((entries) => directory(Object.fromEntries(entries))),
  ),
})).tree

/** Calls `sink` for a tree, contents in pieces of `pieceLength` bytes. */
export function visit(tree: Tree, sink: NarSink, pieceLength?: number): void | Promise<void> {
  let waiting: void | Promise<void> = undefined
  const visitNow = (node: Tree): void | Promise<void> => {
    switch (node.type) {
      case "file": {
        const contents = bytesOf(node.contents)
        sink.file(contents.length, node.executable)
        const step = pieceLength ?? contents.length
        for (let at = 0; at < contents.length; at += step) waiting = sink.contents(contents.subarray(at, at + step))
        return waiting
      }
      case "symlink":
        return sink.symlink(node.target)
      case "directory": {
        sink.directory()
        for (const [name, child] of node.entries) {
          sink.entry(name)
          visitNow(child)
        }
        sink.endDirectory()
      }
    }
    return waiting
  }
  return visitNow(tree)
}

/** The archive of a tree. */
export function archiveOf(tree: Tree, pieceLength?: number): Uint8Array {
  const pieces: Uint8Array[] = []
  const writer = new NarWriter((piece) => void pieces.push(piece.slice()))
  void visit(tree, writer, pieceLength)
  void writer.end()
  return concat(pieces)
}

/** Makes a tree of the calls. */
export function recorder(): { readonly sink: NarSink; readonly tree: () => Tree } {
  let root: Tree | undefined
  const open: { entries: Map<string, Tree>; name: string }[] = []
  const add = (node: Tree): void => {
    const directoryAbove = open.at(-1)
    if (directoryAbove === undefined) root = node
    else directoryAbove.entries.set(directoryAbove.name, node)
  }
  let contents = ""
  let current: { size: number; executable: boolean }
  const sink: NarSink = {
    file(size, executable) {
      current = { size, executable }
      contents = ""
      if (size === 0) add(file("", executable))
    },
    contents(bytes) {
      contents += byteStringFrom(bytes)
      if (contents.length === current.size) add(file(contents, current.executable))
    },
    symlink: (target) => add(symlink(target)),
    directory() {
      open.push({ entries: new Map(), name: "" })
    },
    entry(name) {
      open.at(-1)!.name = name
    },
    endDirectory() {
      add({ type: "directory", entries: open.pop()!.entries })
    },
  }
  return { sink, tree: () => root! }
}
