/** Calling what is not a lambda: builtins, and sets with `__functor`. */
import { AttrSet, type Position } from "../attrs.ts"
import { Failure } from "../problem.ts"
import { CallThunk, isList, PartialBuiltin, type Forced, type Value } from "../value.ts"
import type { Result } from "../vm/code.ts"
import {
  applyMany,
  applyOther,
  CALL,
  failWith,
  force,
  mustPause,
  pause,
  pauseCall,
  raise,
  runTask,
  UNWIND,
  vm,
  type Continuation,
  type Task,
} from "../vm/machine.ts"
import { Builtin } from "./builtin.ts"

applyOther.arity = (callee) => {
  if (callee instanceof Builtin) return callee.params.length
  return callee instanceof PartialBuiltin ? callee.builtin.params.length - callee.args.length : 1
}
applyOther.apply = (callee, args, at) => {
  if (callee instanceof Builtin) {
    return args.length < callee.params.length ? new PartialBuiltin(callee, args) : callBuiltin(callee, args, at)
  }
  if (callee instanceof PartialBuiltin) {
    const all = [...callee.args, ...args]
    const { builtin } = callee
    return all.length < builtin.params.length ? new PartialBuiltin(builtin, all) : callBuiltin(builtin, all, at)
  }
  if (callee instanceof AttrSet) {
    const functor = callee.get("__functor")
    if (functor !== undefined) {
      const result = applyMany(functor, [callee, ...args], callee.position("__functor"))
      return result === UNWIND ? pause(FUNCTOR, at) : result
    }
  }
  return failWith({ code: "not-a-function", found: callee }, at)
}
const FUNCTOR: Continuation = {
  name: "functor",
  resume: (_, value) => value,
  trace: ({ a: at }, failure) =>
    failure.traced(at, "while calling a functor (an attribute set with a '__functor' attribute)"),
}

/** Calls `builtin` with exactly as many arguments as it has parameters. */
export function callBuiltin(builtin: Builtin, args: readonly Value[], at: Position): Result {
  if (mustPause(builtin.height)) return pauseCall(builtin, args, at)
  vm.calls++
  const result = forceArguments(builtin, args, 0)
  if (result === UNWIND) return pause(BUILTIN, builtin, at)
  vm.calls--
  vm.depth -= builtin.height
  return result
}
/** a: builtin, b: position of the call */
const BUILTIN: Continuation = {
  name: "builtin",
  call: true,
  resume: (_, value) => value,
  trace: ({ a: builtin, b: at }, failure) =>
    builtin.traced ? failure.traced(at, `while calling the '${builtin.name}' builtin`) : failure,
}

/** Forces and checks the strict arguments, from step `from` of their order on, then runs the builtin. */
function forceArguments(builtin: Builtin, args: readonly Value[], from: number): Result {
  const { params, order } = builtin
  let forced: Value[] | undefined
  for (let step = from; step < order.length; step++) {
    const i = order[step]!
    const given = args[i]!
    const value = force(given, 0)
    if (value === UNWIND) return pause(ARGUMENT, builtin, forced ?? args, step)
    if (!params[i]!.is!(value)) return wrongType(builtin, i, value)
    if (i === builtin.unlessEmpty && isList(value) && value.length === 0) return value
    if (value !== given) (forced ??= [...args])[i] = value
  }
  return run(builtin, forced ?? args)
}
function wrongType(builtin: Builtin, i: number, found: Forced): typeof UNWIND {
  const param = builtin.params[i]!
  const failure = new Failure(param.refuse?.(found) ?? { code: "type-error", expected: param.kind, found })
  return raise(failure.traced(0, builtin.contexts[i]!))
}
/** a: builtin, b: arguments, those before step c of the order forced */
const ARGUMENT: Continuation = {
  name: "argument",
  resume: ({ a: builtin, b: args, c: step }, value) => {
    const i = builtin.order[step]
    if (!builtin.params[i].is(value)) return wrongType(builtin, i, value)
    if (i === builtin.unlessEmpty && value.length === 0) return value
    const forced = [...args]
    forced[i] = value
    return forceArguments(builtin, forced, step + 1)
  },
  trace: ({ a: builtin, c: step }, failure) => {
    const i = builtin.order[step]
    return builtin.params[i].tracesForce ? failure.traced(0, builtin.contexts[i]) : failure
  },
}

function run(builtin: Builtin, args: readonly Value[]): Result {
  let result: ReturnType<Builtin["run"]>
  try {
    result = builtin.run.apply(vm.evaluation, args as Value[])
  } catch (problem) {
    return raise(problem)
  }
  switch (builtin.kind) {
    case "native":
      return result as Result
    case "plain":
      return force(result as Value, 0)
    case "task":
      return runTask(result as Task)
  }
}

/** What yields the result of `fn a`, for builtins that call back: `yield call(f, x)`. */
export function call(fn: Value, arg: Value): CallThunk {
  return new CallThunk(CALL, fn, arg)
}
