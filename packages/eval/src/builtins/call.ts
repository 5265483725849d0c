/** Calling what is not a lambda: builtins, and sets with `__functor`. */
import { AttrSet } from "../attrs.ts"
import type { Position } from "../positions.ts"
import { Failure } from "../problem.ts"
import { CallThunk, isList, PartialBuiltin, type Forced, type Value } from "../value.ts"
import type { Exec, Lazy, Result } from "../vm/code.ts"
import type { Frame } from "../vm/frame.ts"
import {
  applyMany,
  applyOther,
  failWith,
  force,
  mustPause,
  pause,
  pauseCall,
  raise,
  runTask,
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
    const all = callee.args.concat(args)
    const { builtin } = callee
    return all.length < builtin.params.length ? new PartialBuiltin(builtin, all) : callBuiltin(builtin, all, at)
  }
  if (callee instanceof AttrSet) {
    const functor = callee.get("__functor")
    if (functor !== undefined) {
      const result = applyMany(functor, [callee, ...args], callee.position("__functor"))
      return result === undefined ? pause(FUNCTOR, at) : result
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
function callBuiltin(builtin: Builtin, args: readonly Value[], at: Position): Result {
  if (mustPause(builtin.height)) return pauseCall(builtin, args, at)
  vm.calls++
  return finish(builtin, forceArguments(builtin, args, 0, undefined), at)
}

/** An argument as it stands in the program: `exec` evaluates it, `lazy` makes a thunk of it. */
export interface Operand {
  readonly exec: Exec
  readonly lazy: Lazy
}

/** As {@link callBuiltin}, without making thunks of the arguments that the builtin forces first thing anyway. */
export function callBuiltinWith(builtin: Builtin, operands: readonly Operand[], frame: Frame, at: Position): Result {
  if (mustPause(builtin.height)) return pauseCall(builtin, thunksOf(operands, frame), at)
  vm.calls++
  return finish(builtin, evaluateArguments(builtin, operands, frame), at)
}

// A function of its own, as is every rare path here that has closures: variables that a closure captures are allocated
// by every call of the function around it.
export function thunksOf(operands: readonly Operand[], frame: Frame): Value[] {
  return operands.map((operand) => operand.lazy(frame))
}

/** Most builtins have one or two parameters; arguments need no array on their way there. */
function evaluateArguments(builtin: Builtin, operands: readonly Operand[], frame: Frame): Result {
  const { params } = builtin
  switch (params.length) {
    case 1: {
      const { is } = params[0]!
      if (is === undefined) return run1(builtin, operands[0]!.lazy(frame))
      const value = operands[0]!.exec(frame)
      if (value === undefined) return pause(ARGUMENT, builtin, [null], 0, { operands, frame })
      return is(value) ? run1(builtin, value) : wrongType(builtin, 0, value)
    }
    case 2: {
      const first = params[0]!.is === undefined ? operands[0]!.lazy(frame) : null
      const second = params[1]!.is === undefined ? operands[1]!.lazy(frame) : null
      return forceBoth(builtin, first, second, operands, frame)
    }
    default: {
      const args = new Array<Value>(operands.length)
      for (let i = 0; i < operands.length; i++) args[i] = params[i]!.is === undefined ? operands[i]!.lazy(frame) : null
      return forceArguments(builtin, args, 0, { operands, frame })
    }
  }
}

/** Calls a builtin of one parameter. */
applyOther.call1 = (builtin, arg, at) => {
  if (mustPause(builtin.height)) return pauseCall(builtin, [arg], at)
  vm.calls++
  const { is } = builtin.params[0]!
  let result: Result
  if (is === undefined) result = run1(builtin, arg)
  else {
    const value = force(arg, 0)
    if (value === undefined) result = pause(ARGUMENT, builtin, [arg], 0)
    else result = is(value) ? run1(builtin, value) : wrongType(builtin, 0, value)
  }
  return finish(builtin, result, at)
}

/** Calls a builtin of two parameters. */
applyOther.call2 = (builtin, a, b, at) => {
  if (mustPause(builtin.height)) return pauseCall(builtin, [a, b], at)
  vm.calls++
  return finish(builtin, forceBoth(builtin, a, b, undefined, null), at)
}
/**
 * As {@link forceArguments}, without arrays.
 * @param operands where strict arguments come from, if `a` and `b` do not hold them
 */
function forceBoth(
  builtin: Builtin,
  a: Value,
  b: Value,
  operands: readonly Operand[] | undefined,
  frame: Frame | null,
): Result {
  const { params, order, unlessEmpty } = builtin
  let first = a
  let second = b
  for (let step = 0; step < order.length; step++) {
    const i = order[step]!
    const value = operands === undefined ? force(i === 0 ? first : second, 0) : operands[i]!.exec(frame!)
    if (value === undefined) {
      const source = operands && { operands, frame: frame! }
      return pause(ARGUMENT, builtin, [first, second], step, source)
    }
    if (!params[i]!.is!(value)) return wrongType(builtin, i, value)
    if (i === unlessEmpty && isList(value) && value.length === 0) return value
    if (i === 0) first = value
    else second = value
  }
  return run2(builtin, first, second)
}

function finish(builtin: Builtin, result: Result, at: Position): Result {
  if (result === undefined) return pause(BUILTIN, builtin, at)
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

/** Where arguments come from that are not evaluated yet; undefined if they are values, perhaps thunks, in `args`. */
type Source = { readonly operands: readonly Operand[]; readonly frame: Frame } | undefined

/** Forces and checks the strict arguments, from step `from` of their order on, then runs the builtin. */
function forceArguments(builtin: Builtin, args: readonly Value[], from: number, source: Source): Result {
  const { params, order } = builtin
  let forced: Value[] | undefined
  for (let step = from; step < order.length; step++) {
    const i = order[step]!
    const given = args[i]!
    const value = source === undefined ? force(given, 0) : source.operands[i]!.exec(source.frame)
    if (value === undefined) return pause(ARGUMENT, builtin, forced ?? args, step, source)
    if (!params[i]!.is!(value)) return wrongType(builtin, i, value)
    if (i === builtin.unlessEmpty && isList(value) && value.length === 0) return value
    if (value !== given) (forced ??= [...args])[i] = value
  }
  return run(builtin, forced ?? args)
}
function wrongType(builtin: Builtin, i: number, found: Forced): undefined {
  const param = builtin.params[i]!
  const failure = new Failure(param.refuse?.(found) ?? { code: "type-error", expected: param.kind, found })
  return raise(failure.traced(0, builtin.contexts[i]!))
}
/** a: builtin, b: arguments, those before step c of the order forced, d: source of the others */
const ARGUMENT: Continuation = {
  name: "argument",
  resume: ({ a: builtin, b: args, c: step, d: source }, value) => {
    const i = builtin.order[step]
    if (!builtin.params[i].is(value)) return wrongType(builtin, i, value)
    if (i === builtin.unlessEmpty && isList(value) && value.length === 0) return value
    const forced = [...args]
    forced[i] = value
    return forceArguments(builtin, forced, step + 1, source)
  },
  trace: ({ a: builtin, c: step }, failure) => {
    const i = builtin.order[step]
    return builtin.params[i].tracesForce ? failure.traced(0, builtin.contexts[i]) : failure
  },
}

function run1(builtin: Builtin, a: Value): Result {
  try {
    return settle(builtin, builtin.run.call(vm.evaluation, a))
  } catch (problem) {
    return raise(problem)
  }
}
function run2(builtin: Builtin, a: Value, b: Value): Result {
  try {
    return settle(builtin, builtin.run.call(vm.evaluation, a, b))
  } catch (problem) {
    return raise(problem)
  }
}
/** Runs `builtin` for another one, its strict arguments forced. */
export function run(builtin: Builtin, args: readonly Value[]): Result {
  try {
    return settle(builtin, builtin.run.apply(vm.evaluation, args as Value[]))
  } catch (problem) {
    return raise(problem)
  }
}
function settle(builtin: Builtin, result: ReturnType<Builtin["run"]>): Result {
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
  return new CallThunk(fn, arg)
}
