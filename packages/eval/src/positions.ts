import type { SourceFile } from "@tvix-ts/syntax"

/** Where something is, as a number of a {@link PositionTable}; 0 if unknown. */
export type Position = number

/** Where something is: a byte offset into a source. */
export interface Place {
  readonly source: SourceFile
  readonly offset: number
}

/** Numbers for places: every source gets a range of them, so that a place costs one number wherever it is kept. */
export class PositionTable {
  readonly #sources: { readonly base: number; readonly source: SourceFile }[] = []
  #next = 1

  /** The number of offset 0 of `source`. */
  add(source: SourceFile): Position {
    const base = this.#next
    this.#sources.push({ base, source })
    // One more than there are bytes: the end of the text is a place, too.
    this.#next += source.length + 1
    return base
  }

  place(position: Position): Place | undefined {
    if (position <= 0) return undefined
    let low = 0
    let high = this.#sources.length
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if (this.#sources[middle]!.base <= position) low = middle
      else high = middle
    }
    const { base, source } = this.#sources[low]!
    return { source, offset: position - base }
  }
  /** `path:line:column`, as messages name a place. */
  show(position: Position): string {
    const place = this.place(position)
    if (place === undefined) return "\xc2\xabnone\xc2\xbb:0"
    const { line, column } = place.source.position(place.offset)
    return `${place.source.path}:${line}:${column}`
  }
}
