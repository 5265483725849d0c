/**
 * Which attributes are still to be looked at, and who looks at them. Neighbours stay with one worker, since they share what
 * they need, most of all the fixed point of the set they are in; a worker that has nothing left takes half of what
 * another has.
 */

/** A set that was gone into. */
export interface Node {
  readonly path: readonly string[]
  /** In bytewise order. */
  readonly names: readonly string[]
  /** The set it is in, and at which of its names; undefined for the root. */
  readonly parent: { readonly node: Node; readonly index: number } | undefined
}

/** Attributes `from` to `to`, exclusive, of a set. */
export interface Range {
  readonly node: Node
  from: number
  to: number
}

const lengthOf = ({ from, to }: Range): number => to - from

/** What one worker has before it: the last range is the next. */
export class Share {
  readonly ranges: Range[] = []

  get length(): number {
    return this.ranges.reduce((sum, range) => sum + lengthOf(range), 0)
  }
}

export class Queue {
  readonly #shares = new Set<Share>()
  #length = 0

  /** Attributes that nobody looks at yet. */
  get length(): number {
    return this.#length
  }

  /** For a new worker. */
  join(): Share {
    const share = new Share()
    this.#shares.add(share)
    return share
  }

  /** Attributes that are to be looked at next by the worker of `share`. */
  put(share: Share, range: Range): void {
    if (lengthOf(range) === 0) return
    share.ranges.push(range)
    this.#length += lengthOf(range)
  }

  /** At most `count` attributes of one set for the worker of `share`; undefined if there are none at all. */
  take(share: Share, count: number): Range | undefined {
    if (share.ranges.length === 0) this.#steal(share)
    const range = share.ranges.at(-1)
    if (range === undefined) return undefined
    const taken = { node: range.node, from: range.from, to: Math.min(range.to, range.from + count) }
    range.from = taken.to
    if (lengthOf(range) === 0) share.ranges.pop()
    this.#length -= lengthOf(taken)
    return taken
  }

  /** Moves half of what the one with most before him has: of what would come last there. */
  #steal(thief: Share): void {
    let victim: Share | undefined
    for (const share of this.#shares) {
      if (share !== thief && share.length > (victim?.length ?? 0)) victim = share
    }
    if (victim === undefined) return
    let wanted = Math.ceil(victim.length / 2)
    const taken: Range[] = []
    while (wanted > 0) {
      const range = victim.ranges[0]!
      const length = lengthOf(range)
      if (length <= wanted) {
        taken.push(range)
        victim.ranges.shift()
      } else {
        taken.push({ node: range.node, from: range.to - wanted, to: range.to })
        range.to -= wanted
      }
      wanted -= Math.min(length, wanted)
    }
    thief.ranges.push(...taken)
  }
}
