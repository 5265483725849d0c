/** A source that is known without its text, as one is whose code comes from a cache. */
export interface DeferredSource {
  readonly length: number
  readonly lineStarts: () => readonly number[]
  /** The text; undefined if it is no longer to be had. Its length is then not {@link SourceFile.length}, but 0. */
  readonly read: () => string | undefined
}

/**
 * One piece of source text, as bytes: `text` has one char (0–255) per byte, and so has `path`, which is for display only;
 * nothing opens it.
 *
 * Lines end where C++ Nix sees them end: at LF, CR LF, and a CR by itself.
 */
export class SourceFile {
  readonly path: string
  /** Bytes */
  readonly length: number
  #text: string | undefined
  #deferred: DeferredSource | undefined
  /** Offset of the first byte of every line; built on first use, since most files never error. */
  #lineStarts: readonly number[] | undefined

  constructor(path: string, source: string | DeferredSource) {
    this.path = path
    this.length = source.length
    if (typeof source === "string") this.#text = source
    else this.#deferred = source
  }

  get text(): string {
    if (this.#text === undefined) this.#text = this.#deferred!.read() ?? ""
    return this.#text
  }
  /** Of all lines, the first included. */
  get lineStarts(): readonly number[] {
    return this.#starts()
  }

  /** Line and column of the byte at `offset`, both counted from 1; columns count bytes. */
  position(offset: number): { readonly line: number; readonly column: number } {
    const starts = this.#starts()
    // Binary search for the last line that starts at or before the offset.
    let low = 0
    let high = starts.length
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if (starts[middle]! <= offset) low = middle
      else high = middle
    }
    return { line: low + 1, column: offset - starts[low]! + 1 }
  }

  get lineCount(): number {
    return this.#starts().length
  }

  /** The text of line `number` (from 1) without its line end, or `undefined` if there is no such line. */
  line(number: number): string | undefined {
    const starts = this.#starts()
    const from = starts[number - 1]
    return from === undefined || this.text.length < this.length
      ? undefined
      : this.text.slice(from, starts[number]).replace(/\r?\n$|\r$/, "")
  }

  #starts(): readonly number[] {
    this.#lineStarts ??= this.#deferred?.lineStarts()
    return (this.#lineStarts ??= startsOfLines(this.text))
  }
}

function startsOfLines(text: string): number[] {
  const starts = [0]
  if (text.includes("\r")) {
    for (const end of text.matchAll(/\r\n?|\n/g)) starts.push(end.index + end[0].length)
  } else {
    // Nearly always, and several times faster.
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1)
  }
  return starts
}
