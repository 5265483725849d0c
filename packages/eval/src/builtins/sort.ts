import type { Ordering } from "../compiler/ordering.ts"
import { lessThan } from "../ordering.ts"
import { apply2, asFailure, failAs, pause, type Continuation } from "../vm/machine.ts"
import { isList, Lambda, Thunk, type Forced, type Value } from "../value.ts"
import type { Result } from "../vm/code.ts"
import { Builtin } from "./builtin.ts"
import { builtin, callable, unreadList } from "./define.ts"
import { each, forcing, wrongType, GO_ON } from "./loop.ts"
import { MergeSort } from "./merge-sort.ts"

export const sortBuiltins = [
  builtin({
    name: "sort",
    params: [callable("comparator"), unreadList("list")],
    order: [1, 0],
    unlessEmpty: 1,
    doc: "A list sorted so that `comparator x y`, which should tell whether x is less than y, is false wherever y comes before x. Equal elements keep their order.",
    native: (comparator, xs) => each({ list: xs, begin: forcing, take: () => GO_ON, done: () => sort(comparator, xs) }),
  }),
]

/** A sort under way. */
interface Sorting {
  readonly comparator: Forced
  readonly merge: MergeSort<Forced>
}

/** The elements of `xs` are forced. */
function sort(comparator: Forced, xs: readonly Value[]): Result {
  isList(xs)
  const items = xs.map((x) => (x instanceof Thunk ? (x.state as Forced) : x))
  const ordering = orderingOf(comparator)
  if (ordering !== undefined) {
    // Equal numbers cannot be told apart, nor equal strings without context: there is no order among them to keep.
    if (items.every(isNumber)) return inOrder(Array.from(Float64Array.from(items).sort()), ordering)
    if (items.every(isPlainString)) return inOrder(items.sort(), ordering)
  }
  const merge = new MergeSort(items)
  return merge.steps.next(false).done === true ? items : proceed({ comparator, merge })
}

function proceed(sorting: Sorting): Result {
  const { comparator, merge } = sorting
  for (;;) {
    const less = compare(comparator, merge.left, merge.right)
    if (less === undefined) return pause(COMPARING, sorting)
    if (typeof less !== "boolean") return notABoolean(less)
    if (merge.steps.next(less).done === true) return merge.items
  }
}
const COMPARING: Continuation = {
  name: "sort",
  resume: ({ a: sorting }, less) => {
    if (typeof less !== "boolean") return notABoolean(less)
    return sorting.merge.steps.next(less).done === true ? sorting.merge.items : proceed(sorting)
  },
  trace: ({ a: sorting }, failure) => (isLessThan(sorting.comparator) ? failure.traced(0, ORDERING) : failure),
}
function notABoolean(found: Forced): undefined {
  return wrongType(
    "a Boolean",
    found,
    "while evaluating the return value of the sorting function passed to builtins.sort",
  )
}

const ORDERING = "while evaluating the ordering function passed to builtins.sort"
function compare(comparator: Forced, a: Forced, b: Forced): Result {
  if (!isLessThan(comparator)) return apply2(comparator, a, b, 0)
  try {
    return lessThan(a, b)
  } catch (problem) {
    return failAs(asFailure(problem))
  }
}
function isLessThan(comparator: Forced): boolean {
  return comparator instanceof Builtin && comparator.name === "lessThan"
}

function orderingOf(comparator: Forced): Ordering | undefined {
  if (comparator instanceof Lambda) return comparator.code.ordering
  return isLessThan(comparator) ? "ascending" : undefined
}

const isNumber = (value: unknown): value is number => typeof value === "number"
const isPlainString = (value: unknown): value is string => typeof value === "string"
function inOrder<T>(ascending: T[], ordering: Ordering): T[] {
  return ordering === "descending" ? ascending.reverse() : ascending
}
