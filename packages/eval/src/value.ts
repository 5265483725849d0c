/**
 * The values of the language. See docs/decisions/0003-values.md for what was measured.
 *
 * | Nix | here |
 * |---|---|
 * | null, booleans | `null`, `true`, `false` |
 * | integer (int64) | `number` within ±(2^53 - 1), else `bigint`; never both for one number |
 * | float | {@link NixFloat} |
 * | string | a byte string (one char 0–255 per byte), or {@link NixString} if it has a context |
 * | path | {@link NixPath} |
 * | list | an array of values or thunks, never mutated once visible |
 * | attribute set | {@link AttrSet} |
 * | function | {@link Lambda}, {@link PartialLambda}, {@link Builtin}, {@link PartialBuiltin} |
 *
 * A slot (of a frame, list or set) holds a {@link Value}: perhaps a {@link Thunk}. A {@link Forced} never is one.
 */
import type { AttrSet } from "./attrs.ts"
import type { Builtin } from "./builtins/builtin.ts"
import type { Frame } from "./vm/frame.ts"
import { Code, type LambdaCode } from "./vm/code.ts"
import { unfilled, UNFILLED_MIN } from "./lazy-list.ts"

export type Forced =
  | null
  | boolean
  | number
  | bigint
  | string
  | NixFloat
  | NixString
  | NixPath
  | readonly Value[]
  | AttrSet
  | NixFunction
export type NixFunction = Lambda | PartialLambda | Builtin | PartialBuiltin
export type Value = Forced | Thunk

/** Boxed so that `1.0` is not taken for `1`, and so that a NaN can be identical to itself, as C++ Nix has it. */
export class NixFloat {
  readonly value: number
  constructor(value: number) {
    this.value = value
  }
}

/**
 * What a string refers to, as C++ Nix writes it: `path` (opaque), `!output!drvPath` (one output), `=drvPath` (the
 * derivation with its whole closure). Never empty: such a string is a plain one.
 */
export type StringContext = ReadonlySet<string>

/** A string with a context; see {@link makeString}. */
export class NixString {
  readonly bytes: string
  readonly context: StringContext
  constructor(bytes: string, context: StringContext) {
    this.bytes = bytes
    this.context = context
  }
}

/** An absolute path, canonical, as a byte string. */
export class NixPath {
  readonly path: string
  constructor(path: string) {
    this.path = path
  }
}

/**
 * A suspended computation. Before: `code` and the frame it runs in. While it runs: a black hole. After: `code` is null
 * and `state` the result. If it failed: `code` is the failing code and `state` the error, raised again at every use.
 */
export class Thunk {
  code: Code | null
  /** The frame, then the value: one field for both halves of a life keeps a thunk at 40 bytes. */
  state: unknown
  constructor(code: Code | null, state: unknown) {
    this.code = code
    this.state = state
  }
}

/** `fn arg`, not yet called: what `map` and `genList` fill their lists with. */
export class CallThunk extends Thunk {
  /** Undefined once forced, so that it can be collected. */
  argument: Value | undefined
  constructor(fn: Value, argument: Value) {
    super(CALL, fn)
    this.argument = argument
  }
}

/** `fn name arg`, not yet called: what `mapAttrs` and `zipAttrsWith` fill their sets with. */
export class AttributeThunk extends CallThunk {
  readonly name: string
  constructor(fn: Value, name: string, argument: Value) {
    super(fn, argument)
    this.name = name
  }
}

/** The code of every {@link CallThunk}, which the machine knows and does not run. */
export const CALL = new Code(() => {
  throw new Error("CALL was run")
}, 2)

// The engine compiles code for the kinds of values that fields were seen to hold, and compiles it again when they turn
// out to hold others. So it is shown a small integer and something else at once.
for (const state of [null, 0]) {
  new Thunk(null, state).state = state
  new CallThunk(state, state).argument = state
  new AttributeThunk(state, "", state).argument = state
}

/** A function of the program, closed over the frame it was made in. */
export class Lambda {
  readonly code: LambdaCode
  readonly frame: Frame | null
  constructor(code: LambdaCode, frame: Frame | null) {
    this.code = code
    this.frame = frame
  }
}

/** `(a: b: …) x`: curried lambdas are one code object with several parameters, entered when all are there. */
export class PartialLambda {
  readonly lambda: Lambda
  /** At least one, fewer than `lambda.code.arity`. */
  readonly args: readonly Value[]
  constructor(lambda: Lambda, args: readonly Value[]) {
    this.lambda = lambda
    this.args = args
  }
}

export class PartialBuiltin {
  readonly builtin: Builtin
  /** At least one, fewer than `builtin.params.length`. */
  readonly args: readonly Value[]
  constructor(builtin: Builtin, args: readonly Value[]) {
    this.builtin = builtin
    this.args = args
  }
}

/** The string with these bytes and this context. */
export function makeString(bytes: string, context: StringContext | undefined): string | NixString {
  return context === undefined || context.size === 0 ? bytes : new NixString(bytes, context)
}
export function isString(value: Forced): value is string | NixString {
  return typeof value === "string" || value instanceof NixString
}
export function bytesOfString(value: string | NixString): string {
  return typeof value === "string" ? value : value.bytes
}
export function isInt(value: Forced): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint"
}
/** Whether `value` is a list; if so, its slots may be read from now on (see lazy-list.ts). */
export function isList(value: unknown): value is readonly Value[] {
  if (!isUnreadList(value)) return false
  if (value.length >= UNFILLED_MIN) unfilled(value)?.fill(value, (fn, argument) => new CallThunk(fn, argument))
  return true
}
/** Whether `value` is a list, for those who read its length only, or know {@link Unfilled} ones. */
export const isUnreadList = Array.isArray as unknown as (value: unknown) => value is readonly Value[]

const INT64_MAX = 2n ** 63n - 1n
const INT64_MIN = -(2n ** 63n)
/** The integer in its one representation, or undefined if it is outside int64. */
export function makeInt(value: bigint): number | bigint | undefined {
  if (value >= -9007199254740991n && value <= 9007199254740991n) return Number(value)
  return value >= INT64_MIN && value <= INT64_MAX ? value : undefined
}
