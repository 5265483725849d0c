/**
 * Which attributes are still to be looked at, and who looks at them. Outer sets come first, since they tell of others,
 * then larger ones: what is left in the end is small. The attributes of a set stay with one worker, since they share what
 * they need, most of all the fixed point of the set; a worker that has nothing left takes a set from another, and a half of
 * one only if there is no other. Attributes that one worker knows already are bound to it: to others they would be work.
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
  /** Whether the last ones are next. Default: the first ones. */
  readonly backwards?: boolean
}

const lengthOf = ({ from, to }: Range): number => to - from

/** Whether the attributes of `a` are to be looked at before those of `b`. */
function isBefore({ node: a }: Range, { node: b }: Range): boolean {
  return a.path.length < b.path.length || (a.path.length === b.path.length && a.names.length > b.names.length)
}

/** An attribute of a set. */
export interface Attribute {
  readonly node: Node
  readonly index: number
}

/** What one worker has before it. */
export class Share {
  /** The last one is the next. */
  ranges: Range[] = []
  /** The set that it took from last. */
  at: Node | undefined
  /** What nobody else takes. */
  readonly bound: Range[] = []
  /** Attributes in `bound`. */
  boundCount = 0

  get length(): number {
    return this.ranges.reduce((sum, range) => sum + lengthOf(range), 0)
  }
}

/** Bound attributes that are worth a batch, while there are others. */
const BOUND_ENOUGH = 64

export class Queue {
  readonly #shares = new Set<Share>()
  #length = 0

  /** Attributes that nobody looks at yet, and that are not bound to one. */
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
    const at = share.ranges.findLastIndex((each) => !isBefore(each, range)) + 1
    share.ranges.splice(at, 0, range)
    this.#length += lengthOf(range)
  }

  /** An attribute that is no work for the worker of `share`, and some for others. */
  bind(share: Share, { node, index }: Attribute): void {
    share.boundCount++
    const range = share.bound.findLast((each) => each.node === node)
    if (range?.to === index) range.to++
    else share.bound.push({ node, from: index, to: index + 1 })
  }
  /** The worker of `share` is gone: what it knew, it knew. */
  unbind(share: Share): void {
    for (const range of share.bound.splice(0)) this.put(share, range)
    share.boundCount = 0
  }

  /** At most `count` attributes of one set that are bound to the worker of `share`, if there are many, or nothing else. */
  takeBound(share: Share, count: number): Range | undefined {
    if (share.boundCount < BOUND_ENOUGH && share.ranges.length > 0) return undefined
    const taken = takeLast(share.bound, count)
    if (taken !== undefined) share.boundCount -= lengthOf(taken)
    return taken
  }

  /** The set that the worker of `share` takes from next; undefined if nobody has anything. */
  next(share: Share): Node | undefined {
    if (share.ranges.length === 0) this.#steal(share)
    return share.ranges.at(-1)?.node
  }

  /** At most `count` attributes of the set that is {@link next}. */
  take(share: Share, count: number): Range | undefined {
    const node = this.next(share)
    if (node === undefined) return undefined
    const taken = takeLast(share.ranges, count)!
    share.at = node
    this.#length -= lengthOf(taken)
    return taken
  }

  /**
   * Moves the next of the sets that the one who has most is not at. If he has only one set, it is the half that would be last,
   * turned round: two workers of one set come from its two ends and meet, and each has neighbours only.
   */
  #steal(thief: Share): void {
    let victim: Share | undefined
    for (const share of this.#shares) {
      if (share !== thief && share.length > (victim?.length ?? 0)) victim = share
    }
    if (victim === undefined) return
    const { ranges, at } = victim
    const set = ranges.findLast(({ node }) => node !== at)?.node
    const whole = ranges.filter(({ node }) => node === set)
    if (whole.length > 0 && whole.length < ranges.length) {
      thief.ranges = whole
      victim.ranges = ranges.filter(({ node }) => node !== set)
      return
    }
    const range = ranges[0]!
    const { node, backwards = false } = range
    const stolen = cut(range, Math.ceil(lengthOf(range) / 2), !backwards)
    thief.ranges.push({ node, ...stolen, backwards: !backwards })
    if (lengthOf(range) === 0) ranges.shift()
  }
}

/** The next `count` attributes of the last range. */
function takeLast(ranges: Range[], count: number): Range | undefined {
  const range = ranges.at(-1)
  if (range === undefined) return undefined
  const taken = { node: range.node, ...cut(range, Math.min(count, lengthOf(range)), range.backwards === true) }
  if (lengthOf(range) === 0) ranges.pop()
  return taken
}

/** Takes `count` attributes from the beginning or the end of a range. */
function cut(range: Range, count: number, atEnd: boolean): { from: number; to: number } {
  const { from, to } = range
  if (atEnd) return { from: (range.to = to - count), to }
  return { from, to: (range.from = from + count) }
}
