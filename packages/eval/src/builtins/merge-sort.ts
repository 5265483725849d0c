/**
 * The sort C++ Nix uses: a stable merge sort that looks for runs first (Munro and Wild's "peeksort", 2018). It ends, with
 * all elements there, whatever the comparator answers; and since it makes the very comparisons C++ Nix makes, even the
 * results of inconsistent comparators, the traces they print and the errors they raise are the same.
 *
 * A generator, because a comparator may have to wait: each `yield` asks whether {@link MergeSort.left} is less than
 * {@link MergeSort.right} and is resumed with the answer.
 */
type Steps<T> = Generator<undefined, T, boolean>

/** Ranges up to this long are sorted by insertion. */
const INSERTION_MAX = 16

/** A range [from, to) still to do: to sort, the first `leftRun` and last `rightRun` of it known to be runs; or to merge. */
type Work =
  | {
      readonly kind: "sort"
      readonly from: number
      readonly to: number
      readonly leftRunEnd: number
      readonly rightRunStart: number
    }
  | { readonly kind: "merge"; readonly from: number; readonly middle: number; readonly to: number }

export class MergeSort<T> {
  /** Being sorted in place. */
  readonly items: T[]
  /** What to compare next. */
  left: T
  right: T
  readonly steps: Steps<undefined>
  readonly #buffer: T[]

  constructor(items: T[]) {
    this.items = items
    this.left = items[0]!
    this.right = items[0]!
    this.#buffer = new Array<T>(items.length)
    this.steps = this.#sort()
  }

  *#sort(): Steps<undefined> {
    const { items } = this
    if (items.length < 2) return undefined
    const work: Work[] = [{ kind: "sort", from: 0, to: items.length, leftRunEnd: 0, rightRunStart: items.length }]
    // Two elements are compared once; more, as follows.
    for (let next = work.pop(); next !== undefined; next = work.pop()) {
      if (next.kind === "merge") {
        yield* this.#merge(next.from, next.middle, next.to)
        continue
      }
      const { from, to, leftRunEnd, rightRunStart } = next
      if (leftRunEnd === to || rightRunStart === from) continue
      if (to - from <= INSERTION_MAX) {
        yield* this.#insert(from, to)
        continue
      }
      const middle = from + ((to - from) >> 1)
      if (middle <= leftRunEnd) {
        work.push({ kind: "merge", from, middle: leftRunEnd, to })
        work.push({ kind: "sort", from: leftRunEnd, to, leftRunEnd: leftRunEnd + 1, rightRunStart })
        continue
      }
      if (middle >= rightRunStart) {
        work.push({ kind: "merge", from, middle: rightRunStart, to })
        work.push({ kind: "sort", from, to: rightRunStart, leftRunEnd, rightRunStart: rightRunStart - 1 })
        continue
      }
      // The run around the middle.
      const falling = yield* this.#less(middle, middle - 1)
      const runStart = yield* this.#runBackwards(falling, leftRunEnd, middle)
      const runEnd = yield* this.#runForwards(falling, middle - 1, rightRunStart)
      if (falling) this.#reverse(runStart, runEnd)
      if (runStart === from && runEnd === to) continue
      if (middle - runStart < runEnd - middle) {
        work.push({ kind: "merge", from, middle: runStart, to })
        work.push({ kind: "sort", from: runStart, to, leftRunEnd: runEnd, rightRunStart })
        work.push({ kind: "sort", from, to: runStart, leftRunEnd, rightRunStart: runStart - 1 })
      } else {
        work.push({ kind: "merge", from, middle: runEnd, to })
        work.push({ kind: "sort", from: runEnd, to, leftRunEnd: runEnd + 1, rightRunStart })
        work.push({ kind: "sort", from, to: runEnd, leftRunEnd, rightRunStart: runStart })
      }
    }
    return undefined
  }

  *#less(i: number, j: number): Steps<boolean> {
    this.left = this.items[i]!
    this.right = this.items[j]!
    return yield
  }

  /** End of the longest run that starts at `from`: strictly falling, or never falling. */
  *#runForwards(falling: boolean, from: number, to: number): Steps<number> {
    let last = from
    while (last + 1 !== to && (yield* this.#less(last + 1, last)) === falling) last++
    return last + 1
  }
  /** Start of the longest run that ends at `to`. */
  *#runBackwards(falling: boolean, from: number, to: number): Steps<number> {
    if (from === to) return to
    let first = to - 1
    while (first > from && (yield* this.#less(first, first - 1)) === falling) first--
    return first
  }
  #reverse(from: number, to: number): void {
    const { items } = this
    for (let i = from, j = to - 1; i < j; i++, j--) {
      const item = items[i]!
      items[i] = items[j]!
      items[j] = item
    }
  }

  *#insert(from: number, to: number): Steps<undefined> {
    const { items } = this
    for (let i = from + 1; i < to; i++) {
      const item = items[i]!
      let j = i
      for (; j > from; j--) {
        this.left = item
        this.right = items[j - 1]!
        if (!(yield)) break
        items[j] = items[j - 1]!
      }
      items[j] = item
    }
    return undefined
  }

  *#merge(from: number, middle: number, to: number): Steps<undefined> {
    const { items } = this
    const buffer = this.#buffer
    for (let i = from; i < to; i++) buffer[i] = items[i]!
    let i = from
    let j = middle
    let out = from
    while (i < middle && j < to) {
      this.left = buffer[j]!
      this.right = buffer[i]!
      // Of equals the left one comes first, which is what makes the sort stable.
      items[out++] = (yield) ? buffer[j++]! : buffer[i++]!
    }
    while (i < middle) items[out++] = buffer[i++]!
    while (j < to) items[out++] = buffer[j++]!
    return undefined
  }
}
