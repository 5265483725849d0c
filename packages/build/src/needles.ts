/**
 * Finds which of many byte strings occur in a stream of bytes. After Wu and Manber ("A Fast Algorithm for Multi-Pattern
 * Searching", 1994): a window as long as the shortest needle moves along the bytes. Its last three say how far it can move,
 * which is nearly its whole length unless they occur in a needle; only where they end the beginning of one are needles compared.
 *
 * With the needles that Nix has, 32 digits of base 32, about one byte in ten is looked at.
 */
import { bytesOf, Seam } from "@tvix-ts/bytes"

/** Bytes that decide how far to go, and the size of the table for them. */
const BLOCK = 3
const TABLE = 1 << 16

export class NeedleScanner {
  /** Indexes of the needles met so far. */
  readonly #found = new Set<number>()
  readonly #needles: readonly Uint8Array[]
  /** Length of the shortest needle; windows are as long. */
  readonly #window: number
  readonly #block: number
  /** By hash of a window's last bytes: how far it can move at least. */
  readonly #shifts: Uint16Array
  /** By the same hash, where the shift is 0: needles whose first window ends like that. */
  readonly #candidates = new Map<number, number[]>()
  readonly #seam: Seam

  /** @param needles byte strings, none of them empty */
  constructor(needles: readonly string[]) {
    this.#needles = needles.map(bytesOf)
    const lengths = needles.map(({ length }) => length)
    this.#window = lengths.reduce((a, b) => Math.min(a, b), Infinity)
    this.#seam = new Seam(lengths.reduce((a, b) => Math.max(a, b), 0))
    this.#block = Math.min(BLOCK, this.#window)
    const window = needles.length === 0 ? 0 : this.#window
    this.#shifts = new Uint16Array(needles.length === 0 ? 0 : TABLE).fill(window - this.#block + 1)
    for (const [index, needle] of this.#needles.entries()) {
      for (let end = this.#block; end <= window; end++) {
        const hash = this.#hash(needle, end)
        if (this.#shifts[hash]! > window - end) this.#shifts[hash] = window - end
        if (end < window) continue
        const others = this.#candidates.get(hash)
        if (others === undefined) this.#candidates.set(hash, [index])
        else others.push(index)
      }
    }
  }

  /** The indexes of the needles met so far, ascending. */
  get found(): readonly number[] {
    return [...this.#found].sort((a, b) => a - b)
  }

  /** Takes the next piece, which is read at once. */
  update(bytes: Uint8Array): void {
    if (this.#found.size === this.#needles.length) return
    this.#seam.update(bytes, (piece, length) => this.#scan(piece, length))
  }

  /** What comes next has nothing to do with what came before. */
  cut(): void {
    this.#seam.cut()
  }

  #scan(bytes: Uint8Array, length: number): void {
    const shifts = this.#shifts
    const window = this.#window
    for (let end = window; end <= length;) {
      const hash = this.#hash(bytes, end)
      const shift = shifts[hash]!
      if (shift === 0) {
        this.#compare(bytes, end - window, length, hash)
        end++
      } else end += shift
    }
  }

  #compare(bytes: Uint8Array, from: number, length: number, hash: number): void {
    next: for (const index of this.#candidates.get(hash)!) {
      const needle = this.#needles[index]!
      if (from + needle.length > length || this.#found.has(index)) continue
      for (let i = 0; i < needle.length; i++) if (bytes[from + i] !== needle[i]) continue next
      this.#found.add(index)
    }
  }

  /** Of the block that ends before `end`. */
  #hash(bytes: Uint8Array, end: number): number {
    let hash = bytes[end - 1]!
    if (this.#block > 1) hash ^= bytes[end - 2]! << 5
    if (this.#block > 2) hash ^= bytes[end - 3]! << 8
    return hash & (TABLE - 1)
  }
}
