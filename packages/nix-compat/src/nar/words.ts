/**
 * Nix archives: a file tree as bytes, the same tree always the same bytes (libutil/archive.cc). Times, owners and other
 * permissions than "executable" are no part of it.
 *
 *     archive    "nix-archive-1" node
 *     node       "(" "type" "regular"   [ "executable" "" ] "contents" BYTES ")"
 *              | "(" "type" "symlink"   "target" BYTES ")"
 *              | "(" "type" "directory" { "entry" "(" "name" NAME "node" node ")" } ")"      sorted by name
 *
 * Every string is its length, 8 bytes, little-endian, then its bytes, filled up with zeros to a multiple of 8.
 *
 * Most of an archive is words in ever the same order. A run is words that follow each other whatever the tree is; reader
 * and writer handle it as one.
 */

export const MAGIC = ["nix-archive-1"] as const
export const FILE = ["(", "type", "regular", "contents"] as const
export const EXECUTABLE = ["(", "type", "regular", "executable", "", "contents"] as const
export const SYMLINK = ["(", "type", "symlink", "target"] as const
export const DIRECTORY = ["(", "type", "directory"] as const
/** What stands before a name, and after it. */
export const ENTRY = ["entry", "(", "name"] as const
export const ENTRY_NODE = ["node"] as const
/** Ends a node, and an entry. */
export const END = [")"] as const

/** How many zeros follow a string of `length` bytes. */
export function paddingOf(length: number): number {
  return (8 - (length % 8)) % 8
}

/** Bytes that a string of `length` bytes takes, its length and padding included. */
export function stringLength(length: number): number {
  return 8 + length + paddingOf(length)
}
export function runLength(words: readonly string[]): number {
  return words.reduce((sum, { length }) => sum + stringLength(length), 0)
}

/** The bytes of `words`, one after the other. */
export function runOf(words: readonly string[]): Uint8Array {
  const run = new Uint8Array(runLength(words))
  let at = 0
  for (const word of words) {
    run[at] = word.length
    for (let i = 0; i < word.length; i++) run[at + 8 + i] = word.charCodeAt(i)
    at += stringLength(word.length)
  }
  return run
}
