import { fail } from "../problem.ts"
import { CallThunk, type Value } from "../value.ts"
import { CALL } from "../vm/machine.ts"
import { call } from "./call.ts"
import { any, builtin, callable, int, lazy, list } from "./define.ts"

export const listBuiltins = [
  builtin({
    name: "length",
    params: [list("list")],
    doc: "The number of elements of a list.",
    run: (xs) => xs.length,
  }),
  builtin({
    name: "elemAt",
    params: [list("list"), int("n")],
    doc: "Element `n` of a list, counted from 0.",
    run(xs, n) {
      if (n < 0 || n >= xs.length) {
        fail({ code: "invalid-argument", message: `'builtins.elemAt' called with index ${n} on a list of size ${xs.length}` })
      }
      return xs[Number(n)]!
    },
  }),
  builtin({
    name: "map",
    global: "name",
    params: [lazy("f"), list("list", "while evaluating the second argument passed to builtins.map")],
    doc: "Applies `f` to each element of a list.",
    run: (f, xs) => xs.map((x) => new CallThunk(CALL, f, x)),
  }),
  builtin({
    name: "genList",
    params: [lazy("generator"), int("length")],
    doc: "The list of `generator 0`, `generator 1` and so on, `length` of them.",
    run(f, n) {
      if (n < 0) fail({ code: "invalid-argument", message: `cannot create list of size ${n}` })
      const list = new Array<Value>(Number(n))
      for (let i = 0; i < list.length; i++) list[i] = new CallThunk(CALL, f, i)
      return list
    },
  }),
  builtin({
    name: "foldl'",
    params: [callable("op"), lazy("nul"), list("list")],
    doc: "Folds a list from the left: `op (op nul x0) x1` and so on, forcing each result.",
    *run(op, nul, xs) {
      let result: Value = nul
      for (const x of xs) {
        const partial = yield call(op, result)
        result = yield call(partial, x)
      }
      return result
    },
  }),
  builtin({
    name: "seq",
    params: [any("e1"), lazy("e2")],
    doc: "Evaluates `e1`, then returns `e2`.",
    run: (_, e2) => e2,
  }),
  builtin({
    name: "head",
    params: [list("list")],
    doc: "The first element of a list.",
    run(xs) {
      if (xs.length === 0) fail({ code: "invalid-argument", message: "'builtins.head' called on an empty list" })
      return xs[0]!
    },
  }),
]
