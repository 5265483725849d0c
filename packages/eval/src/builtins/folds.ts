/** Builtins that call a function with the elements of a list, one by one. */
import { AttrSet, attrsFrom } from "../attrs.ts"
import { functionPlace } from "../function-place.ts"
import { unfilled, type Unfilled } from "../lazy-list.ts"
import { Shape } from "../shape.ts"
import { isList, isString, Lambda, NixString, Thunk, type Forced, type Value } from "../value.ts"
import type { Result } from "../vm/code.ts"
import { apply1, apply2, charge, failAs, force, pause, type Continuation } from "../vm/machine.ts"
import { Failure } from "../problem.ts"
import { builtin, callable, lazy, list, refersToStore, unreadList } from "./define.ts"
import { calling, each, failDoing, failedElement, wrongType, GO_ON } from "./loop.ts"

export const foldBuiltins = [
  builtin({
    name: "foldl'",
    params: [
      callable("op", "while evaluating the first argument passed to builtins.foldlStrict"),
      lazy("nul"),
      unreadList("list", "while evaluating the third argument passed to builtins.foldlStrict"),
    ],
    doc: "Folds a list from the left: `op (op nul x0) x1` and so on, forcing each result.",
    native: (op, nul, xs) => (xs.length === 0 ? force(nul, 0) : fold(op, nul, xs, 0)),
  }),
  builtin({
    name: "filter",
    params: [callable("f"), list("list")],
    order: [1, 0],
    unlessEmpty: 1,
    doc: "The elements of a list for which `f` returns true.",
    native: (f, xs) => filter(f, xs, undefined, 0),
  }),
  builtin({
    name: "all",
    params: [callable("pred"), list("list")],
    doc: "Whether `pred` returns true for every element of a list.",
    native: (pred, xs) => quantify(ALL, pred, xs, 0),
  }),
  builtin({
    name: "any",
    params: [callable("pred"), list("list")],
    doc: "Whether `pred` returns true for some element of a list.",
    native: (pred, xs) => quantify(ANY, pred, xs, 0),
  }),
  builtin({
    name: "concatMap",
    params: [callable("f"), list("list")],
    doc: "The lists that `f` makes of the elements of a list, as one list.",
    native: (f, xs) => concatMap(f, xs, new Array<readonly Value[]>(xs.length), 0),
  }),
  builtin({
    name: "partition",
    params: [callable("pred"), list("list")],
    doc: "The elements of a list for which `pred` returns true as `right`, the others as `wrong`.",
    native(pred, xs) {
      const right: Value[] = []
      const wrong: Value[] = []
      return each({
        list: xs,
        begin(x) {
          const value = force(x, 0)
          return value === undefined ? pause(THEN_CALL, pred, x) : apply1(pred, x, 0)
        },
        take(verdict, x) {
          if (typeof verdict !== "boolean")
            return wrongType("a Boolean", verdict, returnValue("partition", "partition"))
          ;(verdict ? right : wrong).push(x)
          return GO_ON
        },
        done: () => new AttrSet(PARTITION, [right, wrong]),
      })
    },
  }),
  builtin({
    name: "groupBy",
    params: [callable("f"), list("list")],
    doc: "A set of lists: each element of a list is in the one named by what `f` returns for it.",
    native(f, xs) {
      const groups = new Map<string, Value[]>()
      return each({
        list: xs,
        begin: calling(f),
        take(key, x) {
          if (!isString(key)) return wrongType("a string", key, returnValue("grouping", "groupBy"))
          if (key instanceof NixString) return failDoing(refersToStore(key), returnValue("grouping", "groupBy"))
          const group = groups.get(key)
          if (group === undefined) groups.set(key, [x])
          else group.push(x)
          return GO_ON
        },
        done: () => attrsFrom(groups),
      })
    },
  }),
]

/** Calls `op` with each element from index `from` on; its results are forced, `accumulator` itself never is. */
function fold(op: Value, accumulator: Value, list: readonly Value[], from: number): Result {
  const elements = unfilled(list)
  if (elements !== undefined) {
    // An `op` that forces its second argument before it does anything else might as well be handed the value.
    const wantsValues =
      op instanceof Lambda && op.code.arity === 2 && (op.code.immediate & 2) !== 0 && isPlain(elements.fn)
    if (wantsValues && !(accumulator instanceof Thunk)) return foldMaking(elements, op, accumulator, list, from)
    isList(list)
  }
  let result: Result = accumulator as Forced
  for (let i = from; i < list.length; i++) {
    result = apply2(op, result, list[i]!, 0)
    if (result === undefined) return pause(FOLD, op, list, i + 1)
  }
  return result
}
const FOLD: Continuation = {
  name: "fold",
  resume: ({ a: op, b: list, c: from }, accumulator) => fold(op, accumulator, list, from),
}

/** Whether calls of `fn` say in a trace where they come from, and do so in the one way {@link failedElement} knows. */
function isPlain(fn: Value): boolean {
  return fn instanceof Lambda && fn.code.arity === 1 && fn.code.params[0]!.formals === undefined
}

/** As {@link fold}, making the elements on the way. */
function foldMaking(elements: Unfilled, op: Lambda, accumulator: Forced, list: readonly Value[], from: number): Result {
  let result: Result = accumulator
  for (let i = from; i < list.length; i++) {
    let element = elements.element(list, i)
    if (element === undefined) {
      const made = apply1(elements.fn, elements.argument(i), 0)
      if (made === undefined) return pause(MADE, op, list, i, { elements, accumulator: result })
      elements.set(list, i, made)
      element = made
    }
    result = apply2(op, result, element, 0)
    if (result === undefined) return pause(FOLD, op, list, i + 1)
  }
  // Every element is known: an ordinary list from now on.
  isList(list)
  return result
}
/** c: index of the element being made */
const MADE: Continuation = {
  name: "made",
  resume: ({ a: op, b: list, c: i, d: { elements, accumulator } }, made) => {
    elements.set(list, i, made)
    const result = apply2(op, accumulator, made, 0)
    return result === undefined ? pause(FOLD, op, list, i + 1) : fold(op, result, list, i + 1)
  },
  // It is for `op` to ask for the element, and to fail with it.
  recover: ({ a: op, b: list, c: i, d: { elements, accumulator } }, failure) => {
    if (failure.transient) return failure
    const element = failedElement(failure)
    elements.set(list, i, element)
    const result = apply2(op, accumulator, element, 0)
    return result === undefined ? pause(FOLD, op, list, i + 1) : fold(op, result, list, i + 1)
  },
}
// The following three are called by the hundred thousand with a few elements each, too few for the closures of a Loop.

/** `kept` is undefined as long as every element passed: most lists are returned as they are. */
function filter(f: Value, list: readonly Value[], kept: Value[] | undefined, from: number): Result {
  let passed = kept
  for (let i = from; i < list.length; i++) {
    const verdict = apply1(f, list[i]!, 0)
    if (verdict === undefined) return pause(FILTER, f, list, passed, i)
    if (verdict === true) passed?.push(list[i]!)
    else if (verdict === false) passed ??= list.slice(0, i)
    else return notABoolean(verdict, "filtering function", "filter")
  }
  return passed ?? list
}
const FILTER: Continuation = {
  name: "filter",
  resume: ({ a: f, b: list, c: kept, d: i }, verdict) => {
    if (typeof verdict !== "boolean") return notABoolean(verdict, "filtering function", "filter")
    let passed: Value[] | undefined = kept
    if (verdict) passed?.push(list[i])
    else passed ??= list.slice(0, i)
    return filter(f, list, passed, i + 1)
  },
}

interface Quantifier {
  readonly name: string
  /** The verdict that settles the matter, and is then the result. */
  readonly decisive: boolean
}
const ALL: Quantifier = { name: "all", decisive: false }
const ANY: Quantifier = { name: "any", decisive: true }
function quantify(quantifier: Quantifier, pred: Value, list: readonly Value[], from: number): Result {
  const { name, decisive } = quantifier
  for (let i = from; i < list.length; i++) {
    const verdict = apply1(pred, list[i]!, 0)
    if (verdict === undefined) return pause(QUANTIFY, quantifier, pred, list, i)
    if (verdict === decisive) return decisive
    if (verdict !== !decisive) return notABoolean(verdict, "function", name)
  }
  return !decisive
}
const QUANTIFY: Continuation = {
  name: "quantify",
  resume: ({ a: quantifier, b: pred, c: list, d: i }, verdict) => {
    if (typeof verdict !== "boolean") return notABoolean(verdict, "function", quantifier.name)
    return verdict === quantifier.decisive ? verdict : quantify(quantifier, pred, list, i + 1)
  },
}
function notABoolean(found: Forced, role: string, name: string): undefined {
  return wrongType("a Boolean", found, `while evaluating the return value of the ${role} passed to builtins.${name}`)
}

function concatMap(f: Value, list: readonly Value[], made: (readonly Value[])[], from: number): Result {
  for (let i = from; i < list.length; i++) {
    const value = apply1(f, list[i]!, 0)
    if (value === undefined) return pause(CONCAT_MAP, f, list, made, i)
    if (!isList(value)) return notAList(f, value)
    made[i] = value
  }
  return concatenate(made)
}
const CONCAT_MAP: Continuation = {
  name: "concat-map",
  resume: ({ a: f, b: list, c: made, d: i }, value) => {
    if (!isList(value)) return notAList(f, value)
    made[i] = value
    return concatMap(f, list, made, i + 1)
  },
}

/** Several lists as one; if only one of them has elements, itself. */
export function concatenate(lists: readonly (readonly Value[])[]): readonly Value[] {
  let length = 0
  let last: readonly Value[] = []
  for (let i = 0; i < lists.length; i++) {
    const { length: more } = lists[i]!
    if (more > 0) last = lists[i]!
    length += more
  }
  if (last.length === length) return last
  charge(length)
  const all = new Array<Value>(length)
  let next = 0
  for (let i = 0; i < lists.length; i++) {
    const list = lists[i]!
    for (let j = 0; j < list.length; j++) all[next++] = list[j]!
  }
  return all
}

function returnValue(role: string, name: string): string {
  const fn = role === "function" ? role : `${role} function`
  return `while evaluating the return value of the ${fn} passed to builtins.${name}`
}

/** Told with the place of the function found or else called, unlike what other builtins say of wrong results. */
function notAList(fn: Value, found: Forced): undefined {
  const failure = new Failure({ code: "type-error", expected: "a list", found })
  return failAs(failure.traced(functionPlace(found) ?? functionPlace(fn) ?? 0, returnValue("function", "concatMap")))
}
const THEN_CALL: Continuation = { name: "then-call", resume: ({ a: fn, b: x }) => apply1(fn, x, 0) }
const PARTITION = Shape.of(["right", "wrong"])
