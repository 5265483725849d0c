/**
 * Finds the store paths that bytes mention, by their digests: 32 digits of base 32 in a row, wherever they stand. So does
 * C++ Nix with every output of a build, over its Nix archive (libstore/references.cc), and so must we, since the outcome is
 * part of what is signed.
 *
 * A byte that is no digit rules out the 32 windows that contain it, so each window is read from its end, and most of the bytes
 * of anything but base 32 are never looked at. No byte is looked at twice.
 */
import { byteStringFrom, Seam } from "@tvix-ts/bytes"
import { storePathBase, type StorePath } from "@tvix-ts/nix-compat"

/** Digits of a store path's digest. */
const LENGTH = 32
const DASH = 0x2d

const ALPHABET = "0123456789abcdfghijklmnpqrsvwxyz"
/** By byte: the digit's value and 1, or 0. */
const VALUES = new Uint8Array(256)
for (let i = 0; i < ALPHABET.length; i++) VALUES[ALPHABET.charCodeAt(i)] = i + 1

export class ReferenceScanner {
  /** The digests met so far. */
  readonly found = new Set<string>()
  readonly #wanted: Set<string> | undefined
  /** By the values of a window's first three digits: whether a wanted digest begins like that. */
  readonly #prefixes = new Uint8Array(32 ** 3)
  /** Bytes that decide whether a window counts. */
  readonly #span: number
  readonly #seam: Seam

  /**
   * @param candidates the digests to look for; without, everything that looks like the base name of a store path, which is 32
   *   digits and a dash
   */
  constructor(candidates?: Iterable<string>) {
    this.#wanted = candidates === undefined ? undefined : new Set(candidates)
    this.#span = candidates === undefined ? LENGTH + 1 : LENGTH
    this.#seam = new Seam(this.#span)
    for (const digest of this.#wanted ?? []) this.#prefixes[prefixOf(digest)] = 1
  }

  /** Takes the next piece, which is read at once. */
  update(bytes: Uint8Array): void {
    if (this.#wanted?.size === 0) return
    this.#seam.update(bytes, (piece, length) => this.#scan(piece, length))
  }

  #scan(bytes: Uint8Array, length: number): void {
    // The window is [end - 31, end], of which everything before `known` are digits.
    let end = LENGTH - 1
    let known = 0
    const last = length - (this.#span - LENGTH)
    while (end < last) {
      let at = end
      while (at >= known && VALUES[bytes[at]!] !== 0) at--
      const next = at < known ? end + 1 : at + LENGTH
      if (at < known) this.#window(bytes, end + 1 - LENGTH)
      known = end + 1
      end = next
    }
  }

  #window(bytes: Uint8Array, from: number): void {
    if (this.#wanted === undefined) {
      if (bytes[from + LENGTH] === DASH) this.found.add(byteStringFrom(bytes.subarray(from, from + LENGTH)))
      return
    }
    const prefix =
      ((VALUES[bytes[from]!]! - 1) << 10) | ((VALUES[bytes[from + 1]!]! - 1) << 5) | (VALUES[bytes[from + 2]!]! - 1)
    if (this.#prefixes[prefix] === 0) return
    const digest = byteStringFrom(bytes.subarray(from, from + LENGTH))
    // What is found once need not be looked for again.
    if (this.#wanted.delete(digest)) this.found.add(digest)
  }
}

function prefixOf(digest: string): number {
  let prefix = 0
  for (let i = 0; i < 3; i++) prefix = (prefix << 5) | ((VALUES[digest.charCodeAt(i)] ?? 0) - 1)
  return prefix
}

/** Those of `candidates` whose digests were found, as path infos have them: each once, sorted by their base names. */
export function foundReferences(candidates: Iterable<StorePath>, found: ReadonlySet<string>): readonly StorePath[] {
  const references = new Map<string, StorePath>()
  for (const path of candidates) if (found.has(path.digest)) references.set(storePathBase(path), path)
  return [...references].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, path]) => path)
}
