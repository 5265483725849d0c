/**
 * The machine. Bound instructions call each other directly, so hot code runs on the JavaScript stack at full speed;
 * but that stack holds only the top few hundred levels of an evaluation. When it is full, when an evaluation has to
 * wait, and when something fails, every native frame on the way out *pauses*: it puts what it needs to go on into a
 * {@link HeapFrame} and returns undefined. The machine then has the whole stack as data and goes on from its top,
 * fails through it, or hands it to whoever will resume it. So depth is bounded by memory only, nothing is executed
 * twice, and no exception is ever unwound through native frames. docs/decisions/0002-execution.md has the measurements.
 *
 * Longer than other files: forcing, calling, tasks and the loop call each other, and share the state that says what pauses.
 */
import { isPromise } from "../io.ts"
import type { Position } from "../positions.ts"
import { Builtin } from "../builtins/builtin.ts"
import type { Evaluation } from "../evaluation.ts"
import { Failure, type EvalProblem } from "../problem.ts"
import {
  AttributeThunk,
  CALL,
  Lambda,
  PartialBuiltin,
  PartialLambda,
  Thunk,
  type CallThunk,
  type Forced,
  type Value,
} from "../value.ts"
import { blackHole, Code, type Exec, type LambdaCode, type Result } from "./code.ts"
import { makeFrame, makeFrame1, makeFrame2, makeFrame3, type Frame } from "./frame.ts"

/** How a paused native frame goes on. One per place in the machine where a frame can pause, never one per frame. */
export interface Continuation {
  readonly name: string
  /** `value` is what the frame above returned. */
  resume(frame: HeapFrame, value: Forced): Result
  /** A problem passes through this frame: add what it knows to the trace. */
  trace?(frame: HeapFrame, failure: Failure): Failure
  /** As `trace`, for frames that may recover: the result goes to the frame below. */
  recover?(frame: HeapFrame, failure: Failure): Result | Failure
  /** True for function calls, which `max-call-depth` counts. */
  readonly call?: boolean
}

export class HeapFrame {
  readonly to: Continuation
  // What they hold is the continuation's business; four fields cover them all and keep one hidden class.
  /* oxlint-disable typescript/no-explicit-any -- each continuation says what it takes out, as it knows what it put in */
  readonly a: any
  readonly b: any
  readonly c: any
  readonly d: any
  /* oxlint-enable typescript/no-explicit-any */
  constructor(to: Continuation, a: unknown, b: unknown, c: unknown, d: unknown) {
    this.to = to
    this.a = a
    this.b = b
    this.c = c
    this.d = d
  }
}

/**
 * Native frames an evaluation may add, counted by `height`: about 150 bytes each once optimised, up to 400 before.
 * Node and browsers give a megabyte.
 */
export const NATIVE_FRAMES = 1800
/** No limit: a small integer to the engine, as all counters are. Infinity would make floating-point numbers of them. */
const UNLIMITED = 2 ** 30 - 1

/** The state all instructions share. One evaluation runs at a time; {@link Run.resume} saves and restores for nesting. */
export const vm = {
  /** Native frames in use. */
  depth: 0,
  /** Calls left in this slice, and calls a slice has: how often limits and the clock are looked at. */
  fuel: UNLIMITED,
  slice: UNLIMITED,
  /** Nix calls in progress, paused ones included. */
  calls: 0,
  callsMax: UNLIMITED,
  /** What builtins work for: their `this`. */
  evaluation: undefined as unknown as Evaluation,
  /** Paused frames, innermost first, while unwinding. */
  paused: [] as HeapFrame[],
  /** Why we unwind: a failure, a promise to wait for, or (both undefined) room on the native stack. */
  failure: undefined as Failure | undefined,
  waiting: undefined as PromiseLike<Forced> | undefined,
  /** Called at the end of a slice; true if the evaluation must be let go. */
  endOfSlice: undefined as (() => boolean) | undefined,
  yielding: false,
}

/** Pauses a native frame. */
export function pause(to: Continuation, a?: unknown, b?: unknown, c?: unknown, d?: unknown): undefined {
  vm.paused.push(new HeapFrame(to, a, b, c, d))
  return undefined
}

/** Fails from an instruction; builtins throw a {@link Failure} instead. */
export function failWith(problem: EvalProblem, at: Position): undefined {
  return failAs(new Failure(problem, at))
}
export function failAs(failure: Failure): undefined {
  vm.failure = failure
  return undefined
}
// ---------------------------------------------------------------------------------------------- forcing

export function force(value: Value, at: Position): Result {
  return value instanceof Thunk ? forceThunk(value, at) : value
}

export function forceThunk(thunk: Thunk, at: Position): Result {
  const code = thunk.code
  if (code === null) return thunk.state as Forced
  if (code === CALL) return forceCall(thunk as CallThunk, at)
  if ((vm.depth += code.height) > NATIVE_FRAMES) return pause(FORCE, thunk, at)
  const frame = thunk.state as Frame
  thunk.code = BLACK_HOLE
  thunk.state = thunk
  const result = code.run(frame, at)
  if (result === undefined) return pauseForce(thunk, code, frame, at)
  vm.depth -= code.height
  thunk.code = null
  thunk.state = result
  return result
}

function pauseForce(thunk: Thunk, code: Code, frame: unknown, at: Position): undefined {
  if (code === BLACK_HOLE || code === FAILED) {
    // Nothing was started: put back what the attempt overwrote.
    thunk.code = code
    thunk.state = frame
    if (code === BLACK_HOLE) vm.failure = vm.failure!.placed(at)
    return undefined
  }
  return pause(UPDATE, thunk, code, frame, at)
}

/** A thunk that is being forced. Its `state` is itself, which is what tells the place of an infinite recursion. */
export const BLACK_HOLE = new Code(
  (thunk) => failWith({ code: "infinite-recursion", thunk: thunk as unknown as Thunk, first: 0 }, 0),
  1,
)
blackHole.code = BLACK_HOLE
const FAILED = new Code((failure) => {
  vm.failure = failure as unknown as Failure
  return undefined
}, 1)

function forceCall(thunk: CallThunk, at: Position): Result {
  if ((vm.depth += 3) > NATIVE_FRAMES) return pause(FORCE, thunk, at)
  const fn = thunk.state as Value
  const argument = thunk.argument!
  thunk.code = BLACK_HOLE
  thunk.state = thunk
  const result = thunk instanceof AttributeThunk ? apply2(fn, thunk.name, argument, at) : apply1(fn, argument, at)
  if (result === undefined) return pause(UPDATE_CALL, thunk, fn, argument, at)
  vm.depth -= 3
  thunk.code = null
  thunk.state = result
  thunk.argument = undefined
  return result
}

const FORCE: Continuation = {
  name: "force",
  resume: ({ a: thunk, b: at }) => force(thunk, at),
}
/** a: thunk, b: code, c: frame, d: position of what forces it */
const UPDATE: Continuation = {
  name: "update",
  resume: ({ a: thunk }, value) => {
    thunk.code = null
    thunk.state = value
    return value
  },
  trace: ({ a: thunk, b: code, c: frame, d: at }, failure) => {
    const { problem } = failure
    const itself = problem.code === "infinite-recursion" && problem.thunk === thunk && problem.first === 0
    const known = itself ? failure.about({ ...problem, first: at }) : failure
    thunk.code = known.transient ? code : FAILED
    thunk.state = known.transient ? frame : known
    return known
  },
}
const UPDATE_CALL: Continuation = {
  name: "update-call",
  resume: (frame, value) => {
    frame.a.argument = undefined
    return UPDATE.resume(frame, value)
  },
  trace: ({ a: thunk, b: fn }, failure) => {
    thunk.code = failure.transient ? CALL : FAILED
    thunk.state = failure.transient ? fn : failure
    return failure
  },
}

// ---------------------------------------------------------------------------------------------- calling

/**
 * Native frames in use with which calls pause: few at first. Code in which something happens for the first time V8 gives up, and
 * with it each of its frames on the stack, hundreds when the whole stack pauses. So it has seen pauses before it optimizes.
 */
let roomForCalls = 60
const MORE_ROOM = 60

/** Whether a call of a function of this height has to pause first. Counts it in if not. */
export function mustPause(height: number): boolean {
  return ((vm.depth += height) > roomForCalls || --vm.fuel < 0 || vm.calls > vm.callsMax) && reallyPause()
}
/** Makes the end of the slice, and with it the look at the memory, come sooner for what allocates many slots at once. */
export function charge(slots: number): void {
  vm.fuel -= slots >> 5
}
function reallyPause(): boolean {
  if (vm.fuel < 0) {
    vm.fuel = vm.slice
    if (vm.endOfSlice !== undefined) {
      try {
        vm.yielding = vm.endOfSlice()
      } catch (problem) {
        vm.failure = asFailure(problem)
      }
    }
  }
  return vm.depth > roomForCalls || vm.yielding || vm.failure !== undefined || vm.calls > vm.callsMax
}

/** Pauses before a call; `ENTER` will try it again with an empty native stack. */
export function pauseCall(callee: Forced, args: readonly Value[], at: Position): undefined {
  if (vm.failure !== undefined) return undefined
  if (vm.calls > vm.callsMax) return failWith({ code: "stack-overflow" }, at)
  if (roomForCalls < NATIVE_FRAMES) roomForCalls += MORE_ROOM
  return pause(ENTER, callee, args, at)
}
const ENTER: Continuation = {
  name: "enter",
  resume: ({ a: lambda, b: args, c: at }) => applyMany(lambda, args, at),
}

/** a: code, b: position of the call */
const CALLED: Continuation = {
  name: "called",
  call: true,
  resume: (_, value) => value,
  trace: ({ a: code, b: at }, failure) => traceCall(failure, code, at),
}
function traceCall(failure: Failure, code: LambdaCode, at: Position): Failure {
  if (failure.beforeBody) return failure.marked(false)
  const traced = failure.traced(code.params[code.arity - 1]!.at, code.calling, "detail")
  return at === 0 ? traced : traced.traced(at, "from call site", "detail")
}

/** `fn a`; `fn` may be unforced. */
export function apply1(fn: Value, a: Value, at: Position): Result {
  if (fn instanceof Lambda) {
    const code = fn.code
    if (code.arity !== 1) return new PartialLambda(fn, [a])
    const body = code.body ?? bodyOf(code)
    if (mustPause(code.height)) return pauseCall(fn, [a], at)
    vm.calls++
    const up = fn.frame!
    const result =
      code.pattern === undefined ? body(makeFrame1(up, code.slots, a)) : code.pattern.enter(up, a, undefined, a, at)
    if (result === undefined) return pause(CALLED, code, at)
    vm.calls--
    vm.depth -= code.height
    return result
  }
  if (fn instanceof PartialLambda) {
    const { lambda, args } = fn
    const { arity } = lambda.code
    if (arity === 2) return apply2(lambda, args[0]!, a, at)
    if (arity === 3 && args.length === 2) return apply3(lambda, args[0]!, args[1]!, a, at)
  }
  if (fn instanceof Builtin && fn.params.length === 1) return applyOther.call1(fn, a, at)
  if (fn instanceof PartialBuiltin && fn.builtin.params.length === 2) {
    return applyOther.call2(fn.builtin, fn.args[0]!, a, at)
  }
  return applyMany(fn, [a], at)
}

/** `fn a b` */
export function apply2(fn: Value, a: Value, b: Value, at: Position): Result {
  if (fn instanceof Lambda) {
    const code = fn.code
    if (code.arity === 1) {
      const callee = apply1(fn, a, at)
      return callee === undefined ? pause(APPLY_REST, [b], at) : apply1(callee, b, at)
    }
    if (code.arity !== 2) return new PartialLambda(fn, [a, b])
    const body = code.body ?? bodyOf(code)
    if (mustPause(code.height)) return pauseCall(fn, [a, b], at)
    vm.calls++
    const up = fn.frame!
    const result =
      code.pattern === undefined ? body(makeFrame2(up, code.slots, a, b)) : code.pattern.enter(up, null, [a, b], b, at)
    if (result === undefined) return pause(CALLED, code, at)
    vm.calls--
    vm.depth -= code.height
    return result
  }
  if (fn instanceof PartialLambda && fn.lambda.code.arity === 3 && fn.args.length === 1) {
    return apply3(fn.lambda, fn.args[0]!, a, b, at)
  }
  if (fn instanceof Builtin && fn.params.length === 2) return applyOther.call2(fn, a, b, at)
  return applyMany(fn, [a, b], at)
}

/** `fn a b c` */
export function apply3(fn: Value, a: Value, b: Value, c: Value, at: Position): Result {
  if (fn instanceof Lambda && fn.code.arity === 3) {
    const code = fn.code
    const body = code.body ?? bodyOf(code)
    if (mustPause(code.height)) return pauseCall(fn, [a, b, c], at)
    vm.calls++
    const up = fn.frame!
    const result =
      code.pattern === undefined
        ? body(makeFrame3(up, code.slots, a, b, c))
        : code.pattern.enter(up, null, [a, b, c], c, at)
    if (result === undefined) return pause(CALLED, code, at)
    vm.calls--
    vm.depth -= code.height
    return result
  }
  return applyMany(fn, [a, b, c], at)
}

/** `fn args…`, for any function and at least one argument. */
export function applyMany(fn: Value, args: readonly Value[], at: Position): Result {
  let callee: Result = force(fn, at)
  let rest = args
  while (callee !== undefined && rest.length > 0) {
    if (callee instanceof PartialLambda) {
      rest = callee.args.concat(rest)
      callee = callee.lambda
    }
    const arity: number = callee instanceof Lambda ? callee.code.arity : applyOther.arity(callee)
    if (callee instanceof Lambda && rest.length < arity) return new PartialLambda(callee, rest)
    const now: readonly Value[] = rest.length > arity ? rest.slice(0, arity) : rest
    callee = callee instanceof Lambda ? enter(callee, now, at) : applyOther.apply(callee, now, at)
    rest = rest.length > now.length ? rest.slice(now.length) : NO_ARGUMENTS
  }
  return callee === undefined && rest.length > 0 ? pause(APPLY_REST, rest, at) : callee
}
const NO_ARGUMENTS: readonly Value[] = []
/** a: the arguments still to apply, b: position of the call */
const APPLY_REST: Continuation = {
  name: "apply-rest",
  resume: ({ a: args, b: at }, fn) => applyMany(fn, args, at),
}

/** Exactly as many arguments as parameters. */
function enter(lambda: Lambda, args: readonly Value[], at: Position): Result {
  if (args.length === 1) return apply1(lambda, args[0]!, at)
  if (args.length === 2) return apply2(lambda, args[0]!, args[1]!, at)
  const code = lambda.code
  const body = code.body ?? bodyOf(code)
  if (mustPause(code.height)) return pauseCall(lambda, args, at)
  vm.calls++
  const up = lambda.frame!
  const result =
    code.pattern === undefined
      ? body(makeFrame(up, code.slots, args))
      : code.pattern.enter(up, null, args, args[args.length - 1]!, at)
  if (result === undefined) return pause(CALLED, code, at)
  vm.calls--
  vm.depth -= code.height
  return result
}

function bodyOf(code: LambdaCode): Exec {
  code.bind()
  return code.body!
}

/** How to call what is not a lambda: builtins and functors. Set by builtins/call.ts, which depends on this file. */
export const applyOther: {
  /** Arguments taken at once: any number for a builtin, one for a functor. */
  arity: (callee: Forced) => number
  apply: (callee: Forced, args: readonly Value[], at: Position) => Result
  /** Calls a builtin of one parameter. */
  call1: (builtin: Builtin, arg: Value, at: Position) => Result
  /** Calls a builtin of two parameters. */
  call2: (builtin: Builtin, a: Value, b: Value, at: Position) => Result
} = {
  arity: () => 1,
  apply: (callee, _, at) => failWith({ code: "not-a-function", found: callee }, at),
  call1: (callee, _, at) => failWith({ code: "not-a-function", found: callee }, at),
  call2: (callee, _, __, at) => failWith({ code: "not-a-function", found: callee }, at),
}

// ---------------------------------------------------------------------------------------------- tasks

/**
 * A computation that needs the machine: a builtin that calls back, coercion, equality, printing. It yields a value to
 * have it forced (a {@link CallThunk} to have a function called), another task to have it run, a function of the machine
 * that may pause, or a promise to wait for, and is resumed with the result. Generators keep such recursion off the
 * JavaScript stack; for the same reason, yield a task rather than `yield*` it where the nesting depends on the program.
 *
 * Where it counts, a task calls functions of the machine itself, and yields only if they unwind:
 *
 *     let value = force(item, 0)
 *     if (value === undefined) value = (yield UNWINDING) as Forced
 */
export type Task<T = Value> = Generator<
  Value | Task<unknown> | PromiseLike<unknown> | (() => Result) | typeof UNWINDING,
  T,
  unknown
>
/** What a task yields when a function of the machine that it has called returned undefined. It is resumed with the result. */
export const UNWINDING = undefined

function isTask(request: unknown): request is Task {
  return typeof request === "object" && request !== null && typeof (request as Task).next === "function"
}

/** Native frames of a task, its generator's and what that calls of the machine among them. */
const TASK_HEIGHT = 6

/** Runs `task` until it is done. Its result may be any JavaScript value; a thunk is forced. */
export function runTask(task: Task<unknown>): Result {
  if ((vm.depth += TASK_HEIGHT) > NATIVE_FRAMES) return pause(START, task)
  return stepTask(task, undefined)
}
const START: Continuation = { name: "start", resume: ({ a: task }) => runTask(task) }

function stepTask(task: Task<unknown>, input: unknown): Result {
  for (;;) {
    let step: IteratorResult<unknown, unknown>
    try {
      step = task.next(input === NOTHING ? undefined : input)
    } catch (problem) {
      return raise(problem)
    }
    if (step.done) {
      vm.depth -= TASK_HEIGHT
      return resultOfTask(step.value)
    }
    const result = answer(step.value)
    if (result === undefined) return pause(TASK, task)
    input = result
  }
}
const TASK: Continuation = {
  name: "task",
  resume: ({ a: task }, value) => {
    vm.depth += TASK_HEIGHT
    return stepTask(task, value)
  },
  recover: ({ a: task }, failure) => {
    let step: IteratorResult<unknown, unknown>
    try {
      step = task.throw(failure)
    } catch (problem) {
      return asFailure(problem)
    }
    if (step.done) return resultOfTask(step.value)
    const result = answer(step.value)
    if (result === undefined) return pause(TASK, task)
    vm.depth += TASK_HEIGHT
    return stepTask(task, result)
  },
}

/** Stands for the undefined that a task or a promise may well come to, where undefined would mean that we unwind. */
const NOTHING = Symbol("nothing") as unknown as Forced
function resultOfTask(value: unknown): Result {
  if (value === undefined) return NOTHING
  return value instanceof Thunk ? forceThunk(value, 0) : (value as Forced)
}

function answer(request: unknown): Result {
  if (request === UNWINDING) return undefined
  if (request instanceof Thunk) return forceThunk(request, 0)
  if (typeof request === "function") return (request as () => Result)()
  if (isTask(request)) return runTask(request)
  if (isPromise(request)) {
    vm.waiting = request as PromiseLike<Forced>
    return undefined
  }
  return request as Forced
}

/** Fails with whatever JavaScript threw. */
export function raise(problem: unknown): undefined {
  vm.failure = asFailure(problem)
  return undefined
}
export function asFailure(problem: unknown): Failure {
  if (problem instanceof Failure) return problem
  // The engine's own limits, met by a string or an array that grew too long; not a bug of ours.
  if (problem instanceof RangeError && /string length/i.test(problem.message))
    return new Failure({ code: "limit", limit: "string-length" })
  if (problem instanceof RangeError && /array length/i.test(problem.message))
    return new Failure({ code: "limit", limit: "list-length" })
  if (problem instanceof RangeError && /(Map|Set) maximum size/i.test(problem.message))
    return new Failure({ code: "limit", limit: "memory" })
  return new Failure({ code: "internal", cause: problem })
}

// ---------------------------------------------------------------------------------------------- running

export type Outcome =
  | { readonly kind: "done"; readonly value: Forced }
  | { readonly kind: "failed"; readonly failure: Failure }
  | { readonly kind: "waiting"; readonly promise: PromiseLike<Forced> }
  /** The slice is over and whoever runs this wants to do something else in between; resume with `null`. */
  | { readonly kind: "yielded" }

export interface RunOptions {
  /** Paused frames (about 100 bytes each) before an evaluation counts as endless recursion. */
  readonly framesMax: number
  /** C++ Nix's `max-call-depth`. */
  readonly callsMax: number
  /** Calls between two calls of `endOfSlice`, which may throw a {@link Failure}, or return true to let the caller go on. */
  readonly slice: number
  readonly endOfSlice: (() => boolean) | undefined
}

/** One evaluation: its stack, as far as it is on the heap. */
export class Run {
  readonly #evaluation: Evaluation
  readonly #options: RunOptions
  readonly #frames: HeapFrame[]
  #calls = 0
  #fuel: number

  constructor(evaluation: Evaluation, start: Value | Task<unknown>, options: RunOptions) {
    this.#evaluation = evaluation
    this.#options = options
    this.#frames = [new HeapFrame(isTask(start) ? START : FORCE, start, 0, undefined, undefined)]
    this.#fuel = Math.min(options.slice, UNLIMITED)
  }

  /** Goes on with `input`: what the last outcome waited for, or the failure of it. */
  resume(input: Forced | Failure): Outcome {
    const saved = { ...vm }
    const { callsMax, slice, endOfSlice } = this.#options
    Object.assign(vm, {
      depth: 0,
      paused: [],
      failure: undefined,
      waiting: undefined,
      yielding: false,
      evaluation: this.#evaluation,
      calls: this.#calls,
      fuel: this.#fuel,
      callsMax: Math.min(callsMax, UNLIMITED),
      slice: Math.min(slice, UNLIMITED),
      endOfSlice,
    } satisfies typeof vm)
    try {
      return this.#loop(input)
    } finally {
      this.#calls = vm.calls
      this.#fuel = vm.fuel
      Object.assign(vm, saved)
    }
  }

  #loop(input: Forced | Failure): Outcome {
    const frames = this.#frames
    let result: Result = null
    if (input instanceof Failure) {
      vm.failure = input
      result = undefined
    } else {
      // A promise may come to undefined.
      result = (input as Forced | undefined) === undefined ? NOTHING : input
    }
    for (;;) {
      if (result === undefined) {
        const { paused } = vm
        while (paused.length > 0) frames.push(paused.pop()!)
        if (vm.failure !== undefined) {
          result = this.#unwind(vm.failure)
          if (result !== undefined) continue
          if (vm.failure !== undefined && frames.length === 0 && vm.paused.length === 0) {
            const { failure } = vm
            vm.failure = undefined
            return { kind: "failed", failure }
          }
          continue
        }
        if (vm.waiting !== undefined) {
          const promise = vm.waiting
          vm.waiting = undefined
          return { kind: "waiting", promise }
        }
        if (frames.length > this.#options.framesMax) {
          const top = frames.at(-1)!
          vm.failure = new Failure({ code: "stack-overflow" }, top.to === ENTER ? top.c : top.to === FORCE ? top.b : 0)
          continue
        }
        if (vm.yielding) {
          vm.yielding = false
          return { kind: "yielded" }
        }
        result = null
      }
      const frame = frames.pop()
      if (frame === undefined) return { kind: "done", value: result === NOTHING ? (undefined as never) : result }
      if (frame.to.call) vm.calls--
      vm.depth = 0
      try {
        result = frame.to.resume(frame, result)
      } catch (problem) {
        // Only the engine's limits (a string, an array too long) and our bugs get here: past the native frames, which
        // had no chance to pause.
        vm.paused.length = 0
        result = raise(problem)
      }
    }
  }

  /** Takes `failure` down the stack until a frame recovers: that frame's result, or undefined with the failure in `vm`. */
  #unwind(failure: Failure): Result {
    const frames = this.#frames
    vm.failure = undefined
    for (;;) {
      const frame = frames.pop()
      if (frame === undefined) {
        vm.failure = failure
        return undefined
      }
      const { to } = frame
      if (to.call) vm.calls--
      if (to.trace !== undefined) failure = to.trace(frame, failure)
      if (to.recover !== undefined) {
        vm.depth = 0
        const result = to.recover(frame, failure)
        if (!(result instanceof Failure)) return result
        failure = result
      }
    }
  }
}
