/** How much may be under way at once, besides the number of items. */
export interface Load<T> {
  /** What an item weighs. */
  readonly of: (item: T) => number
  /** No further one is begun while those under way weigh this much together. */
  readonly max: number
}

const WEIGHTLESS: Load<unknown> = { of: () => 0, max: 1 }

/**
 * What `run` makes of each of `items`, in their order, up to `count` of them at once. Items are taken as room becomes free. If
 * one fails, or nobody wants more, no further one is begun, and those under way are waited for.
 */
export async function* ahead<T, R>(
  items: Iterable<T>,
  count: number,
  run: (item: T) => Promise<R>,
  load: Load<T> = WEIGHTLESS,
): AsyncGenerator<R, void, undefined> {
  const underWay: { readonly result: Promise<R>; readonly weight: number }[] = []
  let weight = 0
  const iterator = items[Symbol.iterator]()
  try {
    for (;;) {
      while (underWay.length < count && weight < load.max) {
        const { done, value } = iterator.next()
        if (done === true) break
        const result = run(value)
        // Its turn comes later.
        result.catch(() => {})
        const own = load.of(value)
        weight += own
        underWay.push({ result, weight: own })
      }
      const first = underWay.shift()
      if (first === undefined) return
      const result = await first.result
      weight -= first.weight
      yield result
    }
  } finally {
    iterator.return?.()
    await Promise.allSettled(underWay.map(({ result }) => result))
  }
}
