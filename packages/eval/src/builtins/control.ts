import { AttrSet } from "../attrs.ts"
import { coerceToString, ContextBuilder } from "../coerce.ts"
import { deeply } from "../deeply.ts"
import { printTraced } from "../print/trace.ts"
import type { Evaluation } from "../evaluation.ts"
import { fail, type Failure } from "../problem.ts"
import { Shape } from "../shape.ts"
import { bytesOfString, isString, type Forced, type Value } from "../value.ts"
import { force, pause, runTask, type Continuation, type Task } from "../vm/machine.ts"
import { any, builtin, lazy, string } from "./define.ts"

export const controlBuiltins = [
  builtin({
    name: "seq",
    params: [any("e1"), lazy("e2")],
    doc: "Evaluates `e1`, then returns `e2`.",
    run: (_, e2) => e2,
  }),
  builtin({
    name: "deepSeq",
    params: [lazy("e1"), lazy("e2")],
    doc: "Evaluates `e1` and everything in it, then returns `e2`.",
    native(e1, e2) {
      const result = force(deeply(e1), 0)
      return result === undefined ? pause(THEN, e2) : force(e2, 0)
    },
  }),
  builtin({
    name: "trace",
    params: [any("e1"), lazy("e2")],
    doc: "Prints `e1` as far as it is evaluated, for whoever debugs, then returns `e2`.",
    run(e1, e2) {
      this.say("trace", shown(this, e1))
      return e2
    },
  }),
  builtin({
    name: "traceVerbose",
    params: [lazy("e1"), lazy("e2")],
    doc: "As `trace` if the option `trace-verbose` is set; else just returns `e2`.",
    *run(e1, e2) {
      if (this.options.traceVerbose === true) this.say("trace", shown(this, (yield e1) as Forced))
      return e2
    },
  }),
  builtin({
    name: "warn",
    params: [string("e1", "while evaluating the first argument; the message passed to builtins.warn"), lazy("e2")],
    doc: "Prints the string `e1` as a warning, then returns `e2`; fails instead if the option `abort-on-warn` is set.",
    run(message, e2) {
      this.say("warning", bytesOfString(message))
      if (this.options.abortOnWarn === true) {
        fail({
          code: "invalid-argument",
          message: "aborting to reveal stack trace of warning, as abort-on-warn is set",
        })
      }
      return e2
    },
  }),
  builtin({
    name: "throw",
    global: "name",
    params: [lazy("s")],
    doc: "Fails with the message `s`; `tryEval` can catch it.",
    *run(s) {
      return fail({ code: "throw", message: yield* messageOf(s, "builtin.throw") })
    },
  }),
  builtin({
    name: "abort",
    global: "name",
    params: [lazy("s")],
    doc: "Ends the evaluation with the message `s`.",
    *run(s) {
      return fail({ code: "abort", message: yield* messageOf(s, "builtins.abort") })
    },
  }),
  builtin({
    name: "addErrorContext",
    params: [lazy("context"), lazy("value")],
    traced: false,
    doc: "`value`; should it fail, the string `context` tells in the trace what was being done.",
    native(context, value) {
      const result = force(value, 0)
      return result === undefined ? pause(CONTEXT, context) : result
    },
  }),
  builtin({
    name: "tryEval",
    params: [lazy("e")],
    doc: "Evaluates `e` (not what is in it) and tells its `value` and `success = true`; if `throw` or `assert` failed, both are false.",
    native(e) {
      const value = force(e, 0)
      return value === undefined ? pause(TRY) : new AttrSet(ATTEMPT, [true, value])
    },
  }),
  builtin({
    name: "break",
    global: "name",
    traced: false,
    params: [lazy("v")],
    doc: "`v` itself. A place for a debugger to stop at.",
    run: (v) => v,
  }),
]

function shown({ positions }: Evaluation, value: Forced): string {
  return isString(value) ? bytesOfString(value) : printTraced(value, positions)
}

function* messageOf(value: Value, receiver: string): Task<string> {
  const context = `while evaluating the error message passed to ${receiver}`
  return (yield coerceToString(value, { context, more: false, copyToStore: true }, new ContextBuilder())) as string
}

const THEN: Continuation = { name: "then", resume: ({ a: value }) => force(value, 0) }

/** a: the message, unevaluated */
const CONTEXT: Continuation = {
  name: "error-context",
  resume: (_, value) => value,
  recover: ({ a: context }, failure) => runTask(explain(failure, context)),
}
function* explain(failure: Failure, context: Value): Task<never> {
  const coercion = {
    context: "while evaluating the error message passed to builtins.addErrorContext",
    more: false,
    copyToStore: false,
  }
  throw failure.traced(0, (yield coerceToString(context, coercion, new ContextBuilder())) as string, "always")
}

const ATTEMPT = Shape.of(["success", "value"])
const TRY: Continuation = {
  name: "try",
  resume: (_, value) => new AttrSet(ATTEMPT, [true, value]),
  recover: (_, failure) => (failure.catchable ? new AttrSet(ATTEMPT, [false, false]) : failure),
}
