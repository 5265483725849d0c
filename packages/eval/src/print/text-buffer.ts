import { fail } from "../problem.ts"

/** Pieces joined at a time. */
const PIECES_MAX = 4096
/** The longest string of V8, whose limit is the lowest of the engines. */
const LENGTH_MAX = 2 ** 29 - 24

/**
 * A long text put together from many short pieces. Adding them to one string makes a tree of all of them, which keeps the
 * garbage collector busy for longer than everything else takes.
 */
export class TextBuffer {
  #pieces: string[] = []
  readonly #chunks: string[] = []
  #length = 0

  put(piece: string): void {
    this.#length += piece.length
    // Joining would fail as well, but only when all the memory is taken.
    if (this.#length > LENGTH_MAX) fail({ code: "limit", limit: "string-length" })
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
