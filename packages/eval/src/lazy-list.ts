/**
 * The lists of `map` and `genList`, whose elements are calls. A thunk for each takes six times the memory of the list,
 * and most lists of that size are folded once and dropped. So a long one is made *unfilled*: slot 0 holds an
 * {@link Unfilled}, which knows how elements are made, and the other slots nothing. Whoever asks {@link isList} (value.ts)
 * gets thunks filled in; `foldl'` knows better where it can.
 */
import type { Value } from "./value.ts"

/** Shorter lists are filled at once. */
export const UNFILLED_MIN = 64

export class Unfilled {
  readonly fn: Value
  /** What `fn` is applied to: the elements of this list; or, for `genList`, their indices. */
  readonly source: readonly Value[] | undefined
  /** Element 0, once it is known: its slot is taken. */
  first: Value | undefined = undefined

  constructor(fn: Value, source: readonly Value[] | undefined) {
    this.fn = fn
    this.source = source
  }

  argument(i: number): Value {
    return this.source === undefined ? i : this.source[i]!
  }

  /** Element `i` of `list`, if it is known. */
  element(list: readonly Value[], i: number): Value | undefined {
    const slot = list[i]
    return (slot as unknown) === this ? this.first : slot
  }

  /** Makes `value` element `i` of `list`, unless it got one in the meantime. */
  set(list: readonly Value[], i: number, value: Value): void {
    if ((list[i] as unknown) === this) this.first ??= value
    else if (list[i] === undefined) (list as Value[])[i] = value
  }

  /** Ends the special treatment of `list`; `make` provides the elements not known yet. */
  fill(list: readonly Value[], make: (fn: Value, argument: Value) => Value): void {
    const slots = list as Value[]
    for (let i = 0; i < slots.length; i++) {
      if (this.element(slots, i) === undefined) slots[i] = make(this.fn, this.argument(i))
    }
    if ((slots[0] as unknown) === this) slots[0] = this.first!
  }
}

/** How `list` is to be filled; undefined if it is an ordinary list. */
export function unfilled(list: readonly Value[]): Unfilled | undefined {
  const [first] = list as readonly unknown[]
  return first instanceof Unfilled ? first : undefined
}
