/** Turning values into strings and paths. */
import { AttrSet } from "./attrs.ts"
import type { Position } from "./positions.ts"
import { corePathText, isCorePath } from "./core-files.ts"
import { checkNesting } from "./nesting.ts"
import { fail, type Failure } from "./problem.ts"
import { canonPath } from "./text/canon-path.ts"
import { formatFloat } from "./text/number.ts"
import {
  bytesOfString,
  CallThunk,
  isInt,
  isList,
  isString,
  makeString,
  NixFloat,
  NixPath,
  NixString,
  Thunk,
  type Forced,
  type StringContext,
  type Value,
} from "./value.ts"
import { Code, type Result } from "./vm/code.ts"
import { apply1, asFailure, force, pause, runTask, vm, type Continuation, type Task } from "./vm/machine.ts"

export interface Coercion {
  /** What C++ Nix says it is doing. */
  readonly context: string
  /** Whether null, booleans, numbers and lists become strings, as in `toString`. */
  readonly more: boolean
  /** Whether a path is copied to the store, as in `"${./file}"`, and its store path taken. */
  readonly copyToStore: boolean
}

const NO_CONTEXT: StringContext = new Set()

/** What string contexts are collected in while a string is put together. */
export class ContextBuilder {
  #context: StringContext | undefined
  /** The same, if it is ours to change: a string made of others often refers to no more than one of them. */
  #own: Set<string> | undefined
  add(value: NixString): void {
    const { context } = value
    if (this.#context === undefined) this.#context = context
    else if (this.#context !== context) for (const element of context) this.addElement(element)
  }
  addElement(element: string): void {
    if (this.#context?.has(element) === true) return
    if (this.#own === undefined) this.#context = this.#own = new Set(this.#context)
    this.#own.add(element)
  }
  get isEmpty(): boolean {
    return this.#context === undefined
  }
  /** What there is so far. */
  get context(): StringContext {
    return this.#context ?? NO_CONTEXT
  }
  /** Once it is in a string the context changes no more. */
  string(bytes: string): string | NixString {
    this.#own = undefined
    return makeString(bytes, this.#context)
  }
}

/** As {@link coerceToString}, but a function of the machine, which has a task only for what is rare. */
export function coerceForced(value: Forced, coercion: Coercion, into: ContextBuilder, at: Position = 0): Result {
  const text = coerceAtOnce(value, coercion, into)
  if (text === undefined) return pause(COERCE, value, coercion, into, at)
  return text === null ? runTask(coerceToString(value, coercion, into, at)) : text
}
/** a: value, b: coercion, c: context, d: position */
const COERCE: Continuation = {
  name: "coerce",
  resume: ({ a: value, b: coercion, c: into, d: at }) => runTask(coerceToString(value, coercion, into, at)),
  // The task meets the same failure again, and knows what there is to say of it.
  recover: ({ a: value, b: coercion, c: into, d: at }, failure) =>
    failure.transient ? failure : runTask(coerceToString(value, coercion, into, at)),
}

/** Undefined if the machine unwinds; null for what a task has to do. Either way, that may begin all over again. */
function coerceAtOnce(value: Forced, coercion: Coercion, into: ContextBuilder): string | null | undefined {
  if (value instanceof AttrSet) {
    const outPath = value.has("__toString") ? undefined : value.get("outPath")
    if (outPath === undefined) return null
    const path = force(outPath, 0)
    return path === undefined ? undefined : addString(path, into)
  }
  if (value instanceof NixPath) {
    const copied = coercion.copyToStore ? vm.evaluation.copied(value.path) : undefined
    return copied === undefined ? null : addString(copied, into)
  }
  if (!coercion.more) return addString(value, into)
  if (value === true) return "1"
  if (value === false || value === null) return ""
  if (typeof value === "number") return String(value)
  if (!isList(value)) return addString(value, into)
  const pieces: string[] = []
  for (let i = 0; i < value.length; i++) {
    const item = force(value[i]!, 0)
    if (item === undefined) return undefined
    // Lists in lists are not joined as all else is.
    const piece = isList(item) ? null : coerceAtOnce(item, coercion, into)
    if (typeof piece !== "string") return piece
    pieces.push(piece)
  }
  return pieces.join(" ")
}
function addString(value: Forced, into: ContextBuilder): string | null {
  if (typeof value === "string") return value
  if (!(value instanceof NixString)) return null
  into.add(value)
  return value.bytes
}

/**
 * A task whose result is the bytes of `value` as a string; its context goes to `into`.
 *
 * @param at where a `__toString` is called from
 */
export function* coerceToString(
  value: Value,
  coercion: Coercion,
  into: ContextBuilder,
  at: Position = 0,
): Task<string> {
  const { context, more, copyToStore } = coercion
  let v = (value instanceof Thunk ? yield value : value) as Forced
  let doing = context
  for (let levels = 0; ; levels++) {
    checkNesting(levels)
    if (typeof v === "string") return v
    if (v instanceof NixString) {
      into.add(v)
      return v.bytes
    }
    if (v instanceof NixPath) {
      if (!copyToStore) return isCorePath(v.path) ? corePathText(v.path) : v.path
      const copied = (yield vm.evaluation.copyToStore(v.path)) as NixString
      into.add(copied)
      return copied.bytes
    }
    if (!(v instanceof AttrSet)) break
    const custom = v.get("__toString")
    if (custom !== undefined) {
      v = (yield callAt(custom, v, at)) as Forced
      doing = "while evaluating the result of the `__toString` attribute"
      continue
    }
    const outPath = v.get("outPath")
    if (outPath === undefined) break
    v = (yield outPath) as Forced
  }
  if (more) {
    if (v === true) return "1"
    if (v === false || v === null) return ""
    if (isInt(v)) return String(v)
    if (v instanceof NixFloat) return formatFloat(v.value)
    if (isList(v)) return (yield coerceList(v, { ...coercion, context: doing }, into)) as string
  }
  return refuse(v, doing)
}
/** What, when forced, is the result of `fn arg`, called from `at`. */
function callAt(fn: Value, arg: Value, at: Position): Thunk {
  return at === 0 ? new CallThunk(fn, arg) : new Thunk(new Code(() => apply1(fn, arg, at), 3), null)
}
function refuse(found: Forced, context: string, at: Position = 0): never {
  try {
    return fail({ code: "cannot-coerce", found })
  } catch (problem) {
    throw (problem as Failure).traced(at, context)
  }
}

/** Elements joined by spaces; an empty list among them gets none. The nesting of lists is on its own stack. */
function* coerceList(list: readonly Value[], coercion: Coercion, into: ContextBuilder): Task<string> {
  const element: Coercion = { ...coercion, context: "while evaluating one element of the list" }
  const pieces: string[] = []
  const stack: { readonly items: readonly Value[]; next: number }[] = [{ items: list, next: 0 }]
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const i = top.next++
    if (i >= top.items.length) {
      stack.pop()
      const below = stack.at(-1)
      if (below !== undefined && below.next < below.items.length && top.items.length > 0) pieces.push(" ")
      continue
    }
    const item = top.items[i]!
    try {
      const value = (item instanceof Thunk ? yield item : item) as Forced
      if (isList(value)) {
        checkNesting(stack.length)
        stack.push({ items: value, next: 0 })
        continue
      }
      pieces.push(typeof value === "string" ? value : ((yield coerceToString(value, element, into)) as string))
    } catch (problem) {
      let failure = asFailure(problem)
      for (let depth = 1; depth < stack.length; depth++) failure = failure.traced(0, element.context)
      throw failure.traced(0, coercion.context)
    }
    if (i + 1 < top.items.length) pieces.push(" ")
  }
  return pieces.join("")
}

/**
 * A task whose result is `value` as an absolute path; a string's context goes to `into`.
 *
 * @param at where the value is an attribute
 */
export function* coerceToPath(value: Value, context: string, into: ContextBuilder, at: Position = 0): Task<string> {
  let v: Forced
  try {
    v = (yield value) as Forced
  } catch (problem) {
    throw asFailure(problem).traced(at, context)
  }
  for (let levels = 0; v instanceof AttrSet && v.has("__toString"); levels++) {
    checkNesting(levels)
    v = (yield new CallThunk(v.get("__toString")!, v)) as Forced
  }
  if (v instanceof NixPath) return v.path
  if (!isString(v) && !(v instanceof AttrSet)) return refuse(v, context, at)
  const text = isString(v)
    ? bytesOfString(v)
    : ((yield coerceToString(v, { context, more: false, copyToStore: false }, into)) as string)
  if (v instanceof NixString) into.add(v)
  if (!text.startsWith("/")) {
    try {
      fail({ code: "invalid-argument", message: `string '${text}' doesn't represent an absolute path` })
    } catch (problem) {
      throw (problem as Failure).traced(at, context)
    }
  }
  return canonPath(text)
}
