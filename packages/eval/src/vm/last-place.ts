import type { AttrSet } from "../attrs.ts"
import { EMPTY_SHAPE, type Shape } from "../shape.ts"
import type { Value } from "../value.ts"

/** Where a place of a program found an attribute last: which shape that set had, and at which index the name was in it. */
export class LastPlace {
  readonly #name: string
  #shape: Shape = EMPTY_SHAPE
  /** -1: nowhere */
  #index = -1
  #misses = 0

  constructor(name: string) {
    this.#name = name
  }

  /** The attribute of `set`, if it has it. */
  find(set: AttrSet): Value | undefined {
    const { shape } = set
    let index = this.#index
    if (shape !== this.#shape) {
      index = shape.find(this.#name)
      if (isWorthKeeping(this.#misses++)) {
        this.#shape = shape
        this.#index = index
      }
    }
    if (index >= 0) return set.values[index]
    return set.base === null ? undefined : set.base.get(this.#name)
  }
}

/**
 * Whether to remember the shape that was not the one expected. A place that nearly always meets another would tell the
 * collector each time of an old object that refers to a new one.
 */
export function isWorthKeeping(misses: number): boolean {
  return misses < 8 || (misses & 7) === 0
}
