/** Pieces joined at a time. */
const PIECES_MAX = 4096

/**
 * A long text put together from many short pieces. Adding them to one string makes a tree of all of them, which keeps the
 * garbage collector busy for longer than everything else takes.
 */
export class TextBuffer {
  #pieces: string[] = []
  readonly #chunks: string[] = []

  put(piece: string): void {
    if (this.#pieces.push(piece) === PIECES_MAX) this.#flush()
  }
  #flush(): void {
    this.#chunks.push(this.#pieces.join(""))
    this.#pieces = []
  }
  text(): string {
    this.#flush()
    return this.#chunks.join("")
  }
}
