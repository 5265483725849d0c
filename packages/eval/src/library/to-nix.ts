/** JavaScript values and functions inside Nix programs. */
import { byteStringFrom, byteStringOf } from "@tvix-ts/bytes"
import { attrsFrom, type AttrSet } from "../attrs.ts"
import { Builtin } from "../builtins/builtin.ts"
import { any } from "../builtins/define.ts"
import type { Evaluation } from "../evaluation.ts"
import { Failure } from "../problem.ts"
import { canonPath } from "../text/canon-path.ts"
import { makeInt, NixFloat, NixPath, type Forced, type Value } from "../value.ts"
import { isPromise } from "../io.ts"
import type { Task } from "../vm/machine.ts"
import { EvalError } from "./eval-error.ts"
import { NixValue, SyncValue } from "./nix-value.ts"
import type { Runner } from "./runner.ts"
import { toJs } from "./to-js.ts"

/** Something that is a Nix value already, made by {@link nixPath} or {@link nixFunction}. */
export class Ready {
  readonly value: Forced
  constructor(value: Forced) {
    this.value = value
  }
}

/** A path value, where a string would become a string. `path` must be absolute. */
export function nixPath(path: string): Ready {
  if (!path.startsWith("/")) throw new TypeError(`not an absolute path: ${path}`)
  return new Ready(new NixPath(canonPath(byteStringOf(path))))
}

/**
 * A function for programs to call, which gets its arguments as Nix values, evaluated no further than their type. A plain
 * function given to {@link toNix} gets them as plain data. The values may be used until what the function returns, or
 * the promise it returns, is there.
 */
export function nixFunction(arity: number, fn: (...args: NixValue[]) => unknown): Ready {
  return new Ready(hostFunction(fn.name, arity, fn, "values"))
}

/** A list or object in conversion: `items` become the contents of what `finish` makes. */
interface Open {
  readonly source: object
  readonly items: readonly unknown[]
  readonly results: Value[]
  readonly finish: (results: Value[]) => Forced
}

/**
 * The Nix value for `value`: null, booleans, numbers (integers become integers, all others floats), `bigint`s within 64
 * bits, strings, `Uint8Array`s (as strings of those bytes), arrays, plain objects and `Map`s (properties that are undefined are left
 * out), functions, which may be asynchronous, and what already is a Nix value.
 *
 * @throws {TypeError} for anything else, and for data that contains itself
 * @throws {RangeError} for integers beyond 64 bits
 */
export function toNix(value: unknown): Value {
  const stack: Open[] = []
  const open = new Set<object>()
  let next = value
  for (;;) {
    let result: Value | undefined = atom(next)
    if (result === undefined) {
      const source = next as object
      if (open.has(source)) throw new TypeError("data that contains itself cannot become a Nix value")
      open.add(source)
      stack.push(begin(source))
    }
    for (let top = stack.at(-1); ; top = stack.at(-1)) {
      if (top === undefined) return result!
      if (result !== undefined) top.results.push(result)
      if (top.results.length < top.items.length) {
        next = top.items[top.results.length]
        break
      }
      stack.pop()
      open.delete(top.source)
      result = top.finish(top.results)
    }
  }
}

function atom(value: unknown): Value | undefined {
  switch (typeof value) {
    case "boolean":
      return value
    case "number":
      // -0 is no integer of Nix's.
      return Number.isSafeInteger(value) ? value + 0 : new NixFloat(value)
    case "bigint": {
      const int = makeInt(value)
      if (int === undefined) throw new RangeError(`${value} is not a 64-bit integer`)
      return int
    }
    case "string":
      return byteStringOf(value)
    case "function":
      return hostFunction(value.name, value.length, value as (...args: unknown[]) => unknown, "plain")
    case "object":
      if (value === null) return null
      if (value instanceof Ready || value instanceof NixValue || value instanceof SyncValue) return value.value
      if (value instanceof Uint8Array) return byteStringFrom(value)
      return undefined
    default:
      throw new TypeError(`cannot make a Nix value of ${typeof value}`)
  }
}

function begin(source: object): Open {
  if (Array.isArray(source)) return { source, items: source, results: [], finish: (results) => results }
  const prototype: unknown = Object.getPrototypeOf(source)
  if (!(source instanceof Map) && prototype !== Object.prototype && prototype !== null) {
    throw new TypeError(`cannot make a Nix value of a ${source.constructor.name}`)
  }
  const entries = (source instanceof Map ? [...source] : Object.entries(source)).filter(
    ([, item]) => item !== undefined,
  )
  const finish = (results: Value[]): AttrSet =>
    attrsFrom(entries.map(([name], i) => [byteStringOf(String(name)), results[i]!]))
  return { source, items: entries.map(([, item]) => item), results: [], finish }
}

function hostFunction(
  name: string,
  arity: number,
  fn: (...args: never[]) => unknown,
  args: "plain" | "values",
): Builtin {
  return new Builtin({
    name: name === "" ? "function of the host" : byteStringOf(name),
    params: Array.from({ length: Math.max(arity, 1) }, (_, i) => any(`argument${i + 1}`)),
    doc: "",
    global: "none",
    traced: false,
    *run(...values: readonly unknown[]): Task {
      const lane = new Lane(this)
      const given: unknown[] = []
      for (const value of values as readonly Forced[])
        given.push(args === "values" ? lane.wrap(value) : yield plain(value, lane))
      try {
        const answer = settle(() => fn(...(given as never[])))
        const { error, value } = (isPromise(answer) ? yield answer : answer) as Settled
        if (error !== undefined)
          throw error instanceof EvalError ? error.failure : new Failure({ code: "host-error", cause: error })
        return value!
      } finally {
        lane.close()
      }
    },
  })
}

function plain(value: Forced, lane: Lane): Task<unknown> {
  return toJs(
    value,
    { functions: "call" },
    {
      value: (kept) => lane.wrap(kept),
      fn:
        (callee) =>
        async (...args: unknown[]) =>
          (await lane.wrap(callee).call(...args)).toJS({ functions: "call" }),
    },
  )
}

/** An answer of the host's, or the error instead of it; an object, since what is awaited must not be a thenable. */
interface Settled {
  readonly error?: unknown
  readonly value?: Value
}
function settle(ask: () => unknown): Settled | Promise<Settled> {
  try {
    const answer = ask()
    if (!isPromise(answer)) return { value: toNix(answer ?? null) }
    return Promise.resolve(answer).then(
      (late: unknown) => settle(() => late),
      (error: unknown) => ({ error: error ?? new Error("rejected without a reason") }),
    )
  } catch (error) {
    return { error: error ?? new Error("thrown without a reason") }
  }
}

/**
 * Runs what a function of the host asks for while the program that called it waits. One thing after the other: two
 * evaluations at once would take each other's work in progress for infinite recursion.
 */
class Lane implements Runner {
  readonly evaluation: Evaluation
  readonly toNix = toNix
  #last: Promise<unknown> = Promise.resolve()
  #open = true

  constructor(evaluation: Evaluation) {
    this.evaluation = evaluation
  }
  /** From now on, what asks waits its turn as everybody does. */
  close(): void {
    this.#open = false
  }
  wrap(value: Forced): NixValue {
    return new NixValue(value, this)
  }
  async run<T = Forced>(start: Value | Task<T>): Promise<T> {
    const { evaluation } = this
    const result = this.#last.then(() => (this.#open ? evaluation.runNow(start) : evaluation.run(start)))
    this.#last = result.catch(() => undefined)
    return result.catch((problem: unknown) => raise(problem, evaluation))
  }
  runSync<T = Forced>(start: Value | Task<T>): T {
    try {
      return this.evaluation.runSync(start)
    } catch (problem) {
      return raise(problem, this.evaluation)
    }
  }
}

/** Throws `problem` as programs of the host are to see it. */
export function raise(problem: unknown, { positions }: Evaluation): never {
  throw problem instanceof Failure ? new EvalError(problem, positions) : problem
}

/** The values of variables, by their names. */
export function scopeOf(scope: Readonly<Record<string, unknown>>): Map<string, Value> {
  const entries = Object.entries(scope).filter(([, value]) => value !== undefined)
  return new Map(entries.map(([name, value]) => [byteStringOf(name), toNix(value)]))
}
