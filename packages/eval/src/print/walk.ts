import type { AttrSet } from "../attrs.ts"
import type { Position } from "../positions.ts"
import type { Value } from "../value.ts"

/**
 * Called with the name or the index of an item before it is evaluated: for those who show how far a walk is.
 *
 * @param depth how many lists and sets it is inside of, besides its own
 */
export type OnItem = (depth: number, item: string | number) => void

/** A list or set that is being written: what the stack of a printer consists of. */
export class Open {
  /** Undefined for a list. */
  readonly set: AttrSet | undefined
  readonly #order: readonly number[] | undefined
  readonly values: readonly Value[]
  /** Where the whole of it comes from. */
  readonly at: Position
  #next = 0

  private constructor(set: AttrSet | undefined, values: readonly Value[], at: Position) {
    this.set = set
    this.#order = set?.shape.order()
    this.values = values
    this.at = at
  }
  static list(list: readonly Value[], at: Position): Open {
    return new Open(undefined, list, at)
  }
  static set(set: AttrSet, at: Position): Open {
    const { values } = set.flat()
    return new Open(set, values, at)
  }

  /** Index of the next item, which becomes the current one; -1 behind the last. */
  next(): number {
    const i = this.#next
    if (i === this.values.length) return -1
    this.#next = i + 1
    return this.#order === undefined ? i : this.#order[i]!
  }
  /** Items taken so far. */
  get taken(): number {
    return this.#next
  }
  /** Index of the current item. */
  get current(): number {
    const i = this.#next - 1
    return this.#order === undefined ? i : this.#order[i]!
  }
}
