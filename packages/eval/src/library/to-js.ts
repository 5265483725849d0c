/** Nix values to plain JavaScript ones. */
import { textOf } from "@tvix-ts/bytes"
import { AttrSet } from "../attrs.ts"
import { fail, type Failure } from "../problem.ts"
import {
  bytesOfString,
  isInt,
  isList,
  isString,
  NixFloat,
  NixPath,
  Thunk,
  type Forced,
  type NixFunction,
  type Value,
} from "../value.ts"
import { asFailure, type Task } from "../vm/machine.ts"

export interface ToJsOptions {
  /**
   * Lists and sets nested deeper than this stay Nix values, inside unevaluated: 0 converts atoms only, 1 the outermost
   * list or set. Default: everything.
   */
  readonly depth?: number
  /** What becomes of functions: an error (the default), JavaScript functions, or left Nix values. */
  readonly functions?: "error" | "call" | "value"
  /**
   * What sets become: objects without a prototype (the default), whose integer-like names JavaScript moves to the front;
   * or `Map`s, which keep Nix's order.
   */
  readonly sets?: "object" | "map"
  /** Integers beyond ±(2^53 - 1) are always `bigint`s; with `bigint`, all of them are. */
  readonly ints?: "number" | "bigint"
}

/** Makes what a value that is not converted becomes. */
export interface Wrap {
  readonly value: (value: Forced) => unknown
  readonly fn: (fn: NixFunction) => unknown
}

/** A list or set in conversion. */
interface Open {
  readonly source: Forced
  readonly result: unknown
  readonly items: readonly Value[]
  /** Undefined for a list. */
  readonly names: readonly string[] | undefined
  readonly put: (i: number, item: unknown) => void
  next: number
}

/** A task whose result is `value` as JavaScript has it. What is shared in Nix is shared in the result. */
export function* toJs(value: Value, options: ToJsOptions, wrap: Wrap): Task<unknown> {
  const { depth = Infinity } = options
  const stack: Open[] = []
  const open = new Set<unknown>()
  /** Results are the same at every depth only if there is no limit to it. */
  const known = depth === Infinity ? new Map<Forced, unknown>() : undefined
  let result: unknown
  const put = (item: unknown): void => {
    const top = stack.at(-1)
    if (top === undefined) result = item
    else top.put(top.next - 1, item)
  }
  let next: Value = value
  for (;;) {
    try {
      const forced = (next instanceof Thunk ? yield next : next) as Forced
      if (!isList(forced) && !(forced instanceof AttrSet)) put(atom(forced, options, wrap))
      else if (open.has(forced)) fail({ code: "not-plain", found: forced, why: "cycle" })
      else if (known?.has(forced) === true) put(known.get(forced))
      else if (stack.length >= depth) put(wrap.value(forced))
      else {
        const opened = begin(forced, options)
        put(opened.result)
        open.add(forced)
        known?.set(forced, opened.result)
        stack.push(opened)
      }
    } catch (problem) {
      throw located(problem, stack)
    }
    let top = stack.at(-1)
    while (top !== undefined && top.next === top.items.length) {
      stack.pop()
      open.delete(top.source)
      top = stack.at(-1)
    }
    if (top === undefined) return result
    next = top.items[top.next++]!
  }
}

function begin(source: readonly Value[] | AttrSet, { sets = "object" }: ToJsOptions): Open {
  if (isList(source)) {
    const result = new Array<unknown>(source.length)
    const put = (i: number, item: unknown): void => void (result[i] = item)
    return { source, result, items: source, names: undefined, put, next: 0 }
  }
  const names: string[] = []
  const items: Value[] = []
  for (const [name, item] of source.entries()) {
    names.push(textOf(name))
    items.push(item)
  }
  if (sets === "map") {
    const result = new Map<string, unknown>()
    return { source, result, items, names, put: (i, item) => result.set(names[i]!, item), next: 0 }
  }
  // Without a prototype, `__proto__` is a name like any other.
  const result = Object.create(null) as Record<string, unknown>
  return { source, result, items, names, put: (i, item) => void (result[names[i]!] = item), next: 0 }
}

function atom(value: Exclude<Forced, readonly Value[] | AttrSet>, options: ToJsOptions, wrap: Wrap): unknown {
  if (value === null || typeof value === "boolean") return value
  if (isInt(value)) return options.ints === "bigint" ? BigInt(value) : value
  if (isString(value)) return textOf(bytesOfString(value))
  if (value instanceof NixFloat) return value.value
  if (value instanceof NixPath) return textOf(value.path)
  switch (options.functions) {
    case "call":
      return wrap.fn(value)
    case "value":
      return wrap.value(value)
    default:
      return fail({ code: "not-plain", found: value, why: "function" })
  }
}

/** Says which part of the value was being converted. */
function located(problem: unknown, stack: readonly Open[]): Failure {
  const failure = asFailure(problem)
  if (stack.length === 0) return failure
  let path = ""
  for (const { names, next } of stack.slice(0, PATH_MAX)) {
    path += names === undefined ? `[${next - 1}]` : `${path === "" ? "" : "."}${names[next - 1]}`
  }
  return failure.traced(0, `while converting '${path}${stack.length > PATH_MAX ? "…" : ""}'`)
}
/** Steps of a path that a message names. */
const PATH_MAX = 20
