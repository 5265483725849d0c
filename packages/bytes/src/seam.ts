/** The end of a stream's last pieces, so that what is looked for is found where pieces meet, too. */
export class Seam {
  readonly #overlap: number
  /** The last bytes, at most as many as overlap, and room for as many of what comes next. */
  readonly #bytes: Uint8Array
  #used = 0

  /** @param longest bytes of the longest thing that is looked for */
  constructor(longest: number) {
    this.#overlap = Math.max(0, longest - 1)
    this.#bytes = new Uint8Array(2 * this.#overlap)
  }

  /**
   * Takes the next piece: calls `scan` so that everything that ends in it, and is no longer than the longest, is whole in the
   * first `length` bytes of a call. They are not to be kept.
   */
  update(piece: Uint8Array, scan: (bytes: Uint8Array, length: number) => void): void {
    const overlap = this.#overlap
    const bytes = this.#bytes
    const taken = Math.min(piece.length, overlap)
    bytes.set(taken === piece.length ? piece : piece.subarray(0, taken), this.#used)
    const used = this.#used + taken
    // What begins in an earlier piece. If all of this one fits, that is all there is.
    scan(bytes, used)
    if (taken < piece.length || this.#used === 0) scan(piece, piece.length)
    if (piece.length >= overlap) {
      bytes.set(piece.subarray(piece.length - overlap))
      this.#used = overlap
    } else {
      const kept = Math.min(used, overlap)
      bytes.copyWithin(0, used - kept, used)
      this.#used = kept
    }
  }

  /** What comes next has nothing to do with what came before. */
  cut(): void {
    this.#used = 0
  }
}
