import { equal, knownOutput } from "../equality.ts"
import { Unfilled, UNFILLED_MIN } from "../lazy-list.ts"
import { fail } from "../problem.ts"
import { CallThunk, isList, type Forced, type Value } from "../value.ts"
import type { Result } from "../vm/code.ts"
import { charge, failWith, force, pause, type Continuation } from "../vm/machine.ts"
import { builtin, callable, int, isCallable, lazy, list, unreadList } from "./define.ts"
import { concatenate } from "./folds.ts"
import { each, forcing, wrongType, GO_ON } from "./loop.ts"

export const listBuiltins = [
  builtin({
    name: "length",
    params: [unreadList("list")],
    doc: "The number of elements of a list.",
    run: (xs) => xs.length,
  }),
  builtin({
    name: "elemAt",
    params: [
      list("list", "while evaluating the first argument passed to 'builtins.elemAt'"),
      int("n", "while evaluating the second argument passed to 'builtins.elemAt'"),
    ],
    order: [1, 0],
    doc: "Element `n` of a list, counted from 0.",
    run(xs, n) {
      if (n < 0 || n >= xs.length) {
        fail({
          code: "invalid-argument",
          message: `'builtins.elemAt' called with index ${n} on a list of size ${xs.length}`,
        })
      }
      return xs[Number(n)]!
    },
  }),
  builtin({
    name: "head",
    params: [list("list", "while evaluating the first argument passed to 'builtins.head'")],
    doc: "The first element of a list.",
    run(xs) {
      if (xs.length === 0) fail({ code: "invalid-argument", message: "'builtins.head' called on an empty list" })
      return xs[0]!
    },
  }),
  builtin({
    name: "tail",
    params: [list("list", "while evaluating the first argument passed to 'builtins.tail'")],
    doc: "A list without its first element. Copies the rest: to walk a list by it takes quadratic time.",
    run(xs) {
      if (xs.length === 0) fail({ code: "invalid-argument", message: "'builtins.tail' called on an empty list" })
      return xs.slice(1)
    },
  }),
  builtin({
    name: "map",
    global: "name",
    params: [callable("f"), list("list")],
    order: [1, 0],
    unlessEmpty: 1,
    doc: "Applies `f` to each element of a list, when that element of the result is wanted.",
    run: (f, xs) => lazyList(f, xs.length, xs),
  }),
  builtin({
    name: "genList",
    params: [lazy("generator"), int("length")],
    doc: "The list of `generator 0`, `generator 1` and so on, `length` of them.",
    native(f, n) {
      if (n < 0) return failWith({ code: "invalid-argument", message: `cannot create list of size ${n}` }, 0)
      const generator = force(f, 0)
      return generator === undefined ? pause(GENERATOR, n) : generate(generator, Number(n))
    },
  }),
  builtin({
    name: "elem",
    params: [lazy("x"), list("list")],
    doc: "Whether a list has an element equal to `x`.",
    native(x, xs) {
      if (xs.length === 0) return false
      const wanted = force(x, 0)
      return wanted === undefined ? pause(WANTED, x, xs) : search(x, wanted, xs, 0)
    },
  }),
  builtin({
    name: "concatLists",
    params: [unreadList("lists")],
    doc: "The lists of a list, one after the other, as one list.",
    native(lists) {
      const all: (readonly Value[])[] = []
      return each({
        list: lists,
        begin: forcing,
        take(xs) {
          if (!isList(xs))
            return wrongType("a list", xs, "while evaluating a value of the list passed to builtins.concatLists")
          all.push(xs)
          return GO_ON
        },
        done: () => concatenate(all),
      })
    },
  }),
]

/** The list of calls of `fn` with the elements of `source`, or with 0, 1 and so on. */
function lazyList(fn: Value, length: number, source: readonly Value[] | undefined): readonly Value[] {
  if (length < UNFILLED_MIN) {
    const list = new Array<Value>(length)
    for (let i = 0; i < length; i++) list[i] = new CallThunk(fn, source === undefined ? i : source[i]!)
    return list
  }
  charge(length)
  const list = new Array<Value>(length)
  ;(list as unknown[])[0] = new Unfilled(fn, source)
  return list
}

const GENERATING = "while evaluating the first argument passed to builtins.genList"
function generate(generator: Forced, length: number): Result {
  if (!isCallable(generator)) return wrongType("a function", generator, GENERATING)
  return lazyList(generator, length, undefined)
}
const GENERATOR: Continuation = {
  name: "generator",
  resume: ({ a: length }, generator) => generate(generator, Number(length)),
  trace: (_, failure) => failure.traced(0, GENERATING),
}

// ---------------------------------------------------------------------------------------------- elem

/** `x` is the slot `wanted` came from: an element that is the very same slot counts as equal, even if it is a function. */
function search(x: Value, wanted: Forced, list: readonly Value[], from: number): Result {
  const output = knownOutput(wanted)
  for (let i = from; i < list.length; i++) {
    const element = list[i]!
    const value = force(element, 0)
    if (value === undefined) return pause(ELEMENT, x, wanted, list, i)
    const other = output === undefined ? undefined : knownOutput(value)
    const same = x === element || (other === undefined ? equal(wanted, value) : output === other)
    if (same === undefined) return pause(COMPARED, x, wanted, list, i)
    if (same === true) return true
  }
  return false
}
const WANTED: Continuation = {
  name: "elem-wanted",
  resume: ({ a: x, b: list }, wanted) => search(x, wanted, list, 0),
}
/** The element at index d is forced: look at it again. */
const ELEMENT: Continuation = {
  name: "elem-element",
  resume: ({ a: x, b: wanted, c: list, d: i }) => search(x, wanted, list, i),
}
const COMPARED: Continuation = {
  name: "elem-compared",
  resume: ({ a: x, b: wanted, c: list, d: i }, same) => (same === true ? true : search(x, wanted, list, i + 1)),
}
