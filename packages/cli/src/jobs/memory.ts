/** How much of its memory a worker uses, and when that is too much. */
import { getHeapStatistics } from "node:v8"

/** Of the heap that the engine may have, what may be in use between two attributes: the rest is for one of them. */
const FULL_SHARE = 0.5
/** Above this the attribute in hand is given up. Collections get slow well before the end. */
const MAX_SHARE = 0.75

export class Memory {
  readonly #limit = getHeapStatistics().heap_size_limit
  /** Bytes */
  readonly max = MAX_SHARE * this.#limit

  /** Bytes, what nobody needs any more included. */
  used(): number {
    return getHeapStatistics().used_heap_size
  }

  isFull(): boolean {
    return this.used() > FULL_SHARE * this.#limit
  }
}
