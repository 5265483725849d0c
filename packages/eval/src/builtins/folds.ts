/** Builtins that call a function with the elements of a list, one by one. */
import { AttrSet, attrsFrom, Shape } from "../attrs.ts"
import { unfilled, type Unfilled } from "../lazy-list.ts"
import {
  isList,
  isString,
  Lambda,
  NixString,
  PartialLambda,
  Thunk,
  type Forced,
  type Value,
} from "../value.ts"
import type { Result } from "../vm/code.ts"
import { apply1, apply2, failAs, force, pause, traceCall, UNWIND, type Continuation } from "../vm/machine.ts"
import { Failure } from "../problem.ts"
import { builtin, callable, lazy, list, refersToStore, unreadList } from "./define.ts"
import { calling, each, failDoing, wrongType } from "./loop.ts"

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
    native(f, xs) {
      const kept: Value[] = []
      return each({
        list: xs,
        begin: calling(f),
        take(verdict, x) {
          if (verdict === true) kept.push(x)
          else if (verdict !== false) return wrongType("a Boolean", verdict, returnValue("filtering", "filter"))
          return undefined
        },
        done: () => (kept.length === xs.length ? xs : kept),
      })
    },
  }),
  builtin({
    name: "all",
    params: [callable("pred"), list("list")],
    doc: "Whether `pred` returns true for every element of a list.",
    native: (pred, xs) => quantify("all", false, pred, xs),
  }),
  builtin({
    name: "any",
    params: [callable("pred"), list("list")],
    doc: "Whether `pred` returns true for some element of a list.",
    native: (pred, xs) => quantify("any", true, pred, xs),
  }),
  builtin({
    name: "concatMap",
    params: [callable("f"), list("list")],
    doc: "The lists that `f` makes of the elements of a list, as one list.",
    native(f, xs) {
      const all: Value[] = []
      return each({
        list: xs,
        begin: calling(f),
        take(made) {
          if (!isList(made)) return notAList(f, made)
          for (let i = 0; i < made.length; i++) all.push(made[i]!)
          return undefined
        },
        done: () => all,
      })
    },
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
          return value === UNWIND ? pause(THEN_CALL, pred, x) : apply1(pred, x, 0)
        },
        take(verdict, x) {
          if (typeof verdict !== "boolean") return wrongType("a Boolean", verdict, returnValue("partition", "partition"))
          ;(verdict ? right : wrong).push(x)
          return undefined
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
          return undefined
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
    const wantsValues = op instanceof Lambda && op.code.arity === 2 && (op.code.immediate & 2) !== 0
    if (wantsValues && !(accumulator instanceof Thunk)) return foldMaking(elements, op, accumulator, list, from)
    isList(list)
  }
  let result: Result = accumulator as Forced
  for (let i = from; i < list.length; i++) {
    result = apply2(op, result, list[i]!, 0)
    if (result === UNWIND) return pause(FOLD, op, list, i + 1)
  }
  return result
}
const FOLD: Continuation = {
  name: "fold",
  resume: ({ a: op, b: list, c: from }, accumulator) => fold(op, accumulator, list, from),
}

/** As {@link fold}, making the elements on the way. */
function foldMaking(elements: Unfilled, op: Lambda, accumulator: Forced, list: readonly Value[], from: number): Result {
  let result: Result = accumulator
  for (let i = from; i < list.length; i++) {
    let element = elements.element(list, i)
    if (element === undefined) {
      const made = apply1(elements.fn, elements.argument(i), 0)
      if (made === UNWIND) return pause(MADE, op, list, i, { elements, accumulator: result })
      elements.set(list, i, made)
      element = made
    }
    result = apply2(op, result, element, 0)
    if (result === UNWIND) return pause(FOLD, op, list, i + 1)
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
    return result === UNWIND ? pause(FOLD, op, list, i + 1) : fold(op, result, list, i + 1)
  },
  // It is `op` that asked for the element.
  trace: ({ a: op }, failure) => traceCall(failure, op.code, 0),
}

function quantify(name: string, decisive: boolean, pred: Value, list: readonly Value[]): Result {
  return each({
    list,
    begin: calling(pred),
    take(verdict) {
      if (verdict === decisive) return verdict
      return typeof verdict === "boolean" ? undefined : wrongType("a Boolean", verdict, returnValue("function", name))
    },
    done: () => !decisive,
  })
}
function returnValue(role: string, name: string): string {
  const fn = role === "function" ? role : `${role} function`
  return `while evaluating the return value of the ${fn} passed to builtins.${name}`
}

/** Told with the place of the function, unlike what other builtins say of results they did not expect. */
function notAList(fn: Value, found: Forced): typeof UNWIND {
  const lambda = fn instanceof PartialLambda ? fn.lambda : fn
  const given = fn instanceof PartialLambda ? fn.args.length : 0
  const at = lambda instanceof Lambda ? lambda.code.params[given]!.at : 0
  const failure = new Failure({ code: "type-error", expected: "a list", found })
  return failAs(failure.traced(at, returnValue("function", "concatMap")))
}

const THEN_CALL: Continuation = { name: "then-call", resume: ({ a: fn, b: x }) => apply1(fn, x, 0) }
const PARTITION = new Shape(["right", "wrong"], true, undefined)
