/**
 * Nix values in the hands of a JavaScript program. Such a value is evaluated as far as its type; what a list or a set
 * contains is evaluated when it is asked for.
 */
import { bytesOf, byteStringOf, textOf } from "@tvix-ts/bytes"
import { AttrSet } from "../attrs.ts"
import { call } from "../builtins/call.ts"
import { fail, Failure } from "../problem.ts"
import { isFunction, typeOf } from "../type-name.ts"
import {
  bytesOfString,
  isInt,
  isList,
  isString,
  NixFloat,
  NixPath,
  NixString,
  Thunk,
  type Forced,
  type Value,
} from "../value.ts"
import type { Task } from "../vm/machine.ts"
import { EvalError } from "./eval-error.ts"
import type { Runner } from "./runner.ts"
import { toJs, type ToJsOptions, type Wrap } from "./to-js.ts"

export type NixType = "null" | "bool" | "int" | "float" | "string" | "path" | "list" | "set" | "lambda"

/** What both kinds of value know without evaluating anything. The accessors throw a `type-error` for other types. */
abstract class EvaluatedValue {
  /** The evaluator's own representation; see the table in value.ts. */
  readonly value: Forced
  protected readonly runner: Runner

  constructor(value: Forced, runner: Runner) {
    this.value = value
    this.runner = runner
  }

  /** As `builtins.typeOf` says. */
  get type(): NixType {
    return typeOf(this.value) as NixType
  }
  get isNull(): boolean {
    return this.value === null
  }
  bool(): boolean {
    return typeof this.value === "boolean" ? this.value : this.refuse("a Boolean")
  }
  /** A `bigint` beyond ±(2^53 - 1). */
  int(): number | bigint {
    return isInt(this.value) ? this.value : this.refuse("an integer")
  }
  /** Any number, the larger integers rounded. */
  number(): number {
    if (this.value instanceof NixFloat) return this.value.value
    return isInt(this.value) ? Number(this.value) : this.refuse("a number")
  }
  /** The text of a string; what is not UTF-8 becomes U+FFFD, see {@link bytes}. */
  string(): string {
    return textOf(this.byteString())
  }
  bytes(): Uint8Array {
    return bytesOf(this.byteString())
  }
  /** What a string refers to: elements as C++ Nix writes them. */
  get context(): readonly string[] {
    return this.value instanceof NixString ? Array.from(this.value.context, textOf) : []
  }
  path(): string {
    return this.value instanceof NixPath ? textOf(this.value.path) : this.refuse("a path")
  }
  /** Attribute names, in Nix's order: by byte. */
  names(): string[] {
    return this.set().sortedNames().map(textOf)
  }
  /** Whether the set has this attribute. */
  has(name: string): boolean {
    return this.set().has(byteStringOf(name))
  }
  /** Of a list. */
  get length(): number {
    return this.items().length
  }

  protected items(): readonly Value[] {
    return isList(this.value) ? this.value : this.refuse("a list")
  }
  protected set(): AttrSet {
    return this.value instanceof AttrSet ? this.value : this.refuse("a set")
  }
  protected byteString(): string {
    return isString(this.value) ? bytesOfString(this.value) : this.refuse("a string")
  }
  protected refuse(expected: string): never {
    const failure = new Failure({ code: "type-error", expected, found: this.value })
    throw new EvalError(failure, this.runner.evaluation.positions)
  }
}

/** A value whose parts are evaluated with `await`, since that may have to wait for files or for functions of the host. */
export class NixValue extends EvaluatedValue {
  /** What is at `path`; numbers index lists. @throws {EvalError} `attribute-missing`, and whatever evaluation meets */
  async attr(...path: (string | number)[]): Promise<NixValue> {
    return new NixValue(await this.runner.run(select(this.value, path)), this.runner)
  }
  /** As {@link attr}; undefined if there is no such attribute or element. */
  async find(...path: (string | number)[]): Promise<NixValue | undefined> {
    const found = await this.runner.run(find(this.value, path))
    return found === undefined ? undefined : new NixValue(found, this.runner)
  }
  /** The elements of a list. */
  async list(): Promise<NixValue[]> {
    const items = await this.runner.run(forceAll(this.items()))
    return items.map((item) => new NixValue(item, this.runner))
  }
  /** The attributes of a set, in Nix's order. */
  async entries(): Promise<[name: string, value: NixValue][]> {
    const values = await this.runner.run(forceAll([...this.set().entries()].map(([, value]) => value)))
    return this.names().map((name, i) => [name, new NixValue(values[i]!, this.runner)])
  }
  /** Applies the function to `args`, one after the other; they may be anything `toNix` takes. */
  async call(...args: unknown[]): Promise<NixValue> {
    const values = args.map((arg) => this.runner.toNix(arg))
    return new NixValue(await this.runner.run(apply(this.value, values)), this.runner)
  }
  /** The value, evaluated to the end, as plain JavaScript. */
  async toJS(options: ToJsOptions = {}): Promise<PlainValue> {
    return (await this.runner.run(toJs(this.value, options, this.#wrap(options)))) as PlainValue
  }
  #wrap(options: ToJsOptions): Wrap {
    return {
      value: (value) => new NixValue(value, this.runner),
      fn:
        (fn) =>
        async (...args: unknown[]) =>
          (await new NixValue(fn, this.runner).call(...args)).toJS(options),
    }
  }
  /** The same value for code that cannot wait. */
  sync(): SyncValue {
    return new SyncValue(this.value, this.runner)
  }
}

/** A value whose parts are evaluated at once. Fails with `not-synchronous` where that would have to wait. */
export class SyncValue extends EvaluatedValue {
  /** See {@link NixValue.attr}. */
  attr(...path: (string | number)[]): SyncValue {
    return new SyncValue(this.runner.runSync(select(this.value, path)), this.runner)
  }
  find(...path: (string | number)[]): SyncValue | undefined {
    const found = this.runner.runSync(find(this.value, path))
    return found === undefined ? undefined : new SyncValue(found, this.runner)
  }
  list(): SyncValue[] {
    return this.runner.runSync(forceAll(this.items())).map((item) => new SyncValue(item, this.runner))
  }
  entries(): [name: string, value: SyncValue][] {
    const values = this.runner.runSync(forceAll([...this.set().entries()].map(([, value]) => value)))
    return this.names().map((name, i) => [name, new SyncValue(values[i]!, this.runner)])
  }
  call(...args: unknown[]): SyncValue {
    const values = args.map((arg) => this.runner.toNix(arg))
    return new SyncValue(this.runner.runSync(apply(this.value, values)), this.runner)
  }
  toJS(options: ToJsOptions = {}): PlainValue {
    return this.runner.runSync(toJs(this.value, options, this.#wrap(options))) as PlainValue
  }
  #wrap(options: ToJsOptions): Wrap {
    return {
      value: (value) => new SyncValue(value, this.runner),
      fn:
        (fn) =>
        (...args: unknown[]) =>
          new SyncValue(fn, this.runner).call(...args).toJS(options),
    }
  }
}

/** What `toJS` makes of a value. */
export type PlainValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly PlainValue[]
  | { readonly [name: string]: PlainValue }
  | ReadonlyMap<string, PlainValue>
  | ((...args: unknown[]) => unknown)
  | NixValue
  | SyncValue

/** A task whose result is what is at `path`, forced; undefined if some step is missing. */
function* find(value: Forced, path: readonly (string | number)[]): Task<Forced | undefined> {
  let at = value
  for (const step of path) {
    const found = child(at, step)
    if (found === undefined) return undefined
    at = (yield found) as Forced
  }
  return at
}

function* select(value: Forced, path: readonly (string | number)[]): Task<Forced> {
  let at = value
  for (const step of path) {
    const found = child(at, step)
    if (found !== undefined) at = (yield found) as Forced
    else if (typeof step === "string") {
      fail({ code: "attribute-missing", name: byteStringOf(step), known: (at as AttrSet).sortedNames() })
    } else {
      const { length } = at as readonly Value[]
      fail({ code: "invalid-argument", message: `list index ${step} is outside a list of ${length}` })
    }
  }
  return at
}

function child(value: Forced, step: string | number): Value | undefined {
  if (typeof step === "number") return isList(value) ? value[step] : wrongType("a list", value)
  return value instanceof AttrSet ? value.get(byteStringOf(step)) : wrongType("a set", value)
}
function wrongType(expected: string, found: Forced): never {
  return fail({ code: "type-error", expected, found })
}

function* forceAll(values: readonly Value[]): Task<Forced[]> {
  const forced: Forced[] = []
  for (const value of values) forced.push((value instanceof Thunk ? yield value : value) as Forced)
  return forced
}

function* apply(fn: Forced, args: readonly Value[]): Task<Forced> {
  if (!isFunction(fn) && !(fn instanceof AttrSet)) fail({ code: "not-a-function", found: fn })
  let result = fn as Forced
  for (const arg of args) result = (yield call(result, arg)) as Forced
  return result
}
