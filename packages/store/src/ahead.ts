/**
 * What `run` makes of each of `items`, in their order, up to `count` of them at once. Items are taken as room becomes free. If
 * one fails, or nobody wants more, no further one is begun, and those under way are waited for.
 */
export async function* ahead<T, R>(
  items: Iterable<T>,
  count: number,
  run: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const underWay: Promise<R>[] = []
  const iterator = items[Symbol.iterator]()
  try {
    for (;;) {
      while (underWay.length < count) {
        const { done, value } = iterator.next()
        if (done === true) break
        const result = run(value)
        // Its turn comes later.
        result.catch(() => {})
        underWay.push(result)
      }
      const first = underWay.shift()
      if (first === undefined) return
      yield await first
    }
  } finally {
    iterator.return?.()
    await Promise.allSettled(underWay)
  }
}
