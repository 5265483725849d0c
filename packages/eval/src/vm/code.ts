import type { Forced, Value } from "../value.ts"
import type { Frame } from "./frame.ts"
import type { Ordering } from "../compiler/ordering.ts"
import type { LambdaInfo } from "../compiler/unit.ts"
import type { Position } from "../attrs.ts"

/**
 * A forced value; or undefined, if the machine is taking its native frames down to the heap. (Undefined because the engine
 * compares with it at no cost in all its tiers: a constant of ours it would have to load, and compare the general way.)
 */
export type Result = Forced | undefined
/** An instruction with its operands bound: evaluates to weak head normal form in the given frame. */
export type Exec = (frame: Frame) => Result
/** A bound operand that is not evaluated now: a value known already, or a thunk. Never unwinds. */
export type Lazy = (frame: Frame) => Value

/** Something to run in a frame: the body of a thunk, or a whole file. */
export class Code {
  /**
   * Called with the frame the code was defined in. Starts as a stub that binds the instructions at first use.
   * Nothing but the machine's own codes is called with anything else than a frame, or needs to know what forces it.
   */
  run: (frame: Frame, at?: Position) => Result
  /** Native frames that running this may add before it is the machine's turn again; see machine.ts. */
  height: number
  constructor(run: (frame: Frame, at?: Position) => Result, height: number) {
    this.run = run
    this.height = height
  }
}

/** What `functionArgs` tells, and what the linter and `:doc` show. */
export interface Parameter {
  /** The name a plain parameter, or the `@` of a pattern, is bound to. */
  readonly name: string | undefined
  readonly at: Position
  readonly formals: readonly FormalParameter[] | undefined
  readonly ellipsis: boolean
  readonly doc: string | undefined
}
export interface FormalParameter {
  readonly name: string
  readonly at: Position
  readonly optional: boolean
}

/**
 * The code of `p1: p2: …: body`. Only the last parameter may be a set pattern: matching one can fail, and must then
 * fail when the argument arrives. `enterN` are for N parameters and start as stubs that bind.
 */
export class LambdaCode {
  readonly #makeParams: () => readonly Parameter[]
  #params: readonly Parameter[] | undefined
  readonly arity: number
  /** The name the function was bound to, for messages. */
  readonly name: string | undefined
  /** See {@link LambdaInfo.strict} in compiler/unit.ts. */
  readonly strict: number
  readonly immediate: number
  /** For `sort`. */
  readonly ordering: Ordering | undefined
  height = 50
  #calling: string | undefined
  enter1: (frame: Frame, a: Value, at: Position) => Result
  enter2: (frame: Frame, a: Value, b: Value, at: Position) => Result
  enter3: (frame: Frame, a: Value, b: Value, c: Value, at: Position) => Result
  enterMany: (frame: Frame, args: readonly Value[], at: Position) => Result

  /** @param makeParams called when somebody wants to know: most who call a function do not */
  constructor(
    makeParams: () => readonly Parameter[],
    { name, params, strict, immediate }: LambdaInfo,
    ordering: Ordering | undefined,
    bind: (code: LambdaCode) => void,
  ) {
    this.#makeParams = makeParams
    this.strict = strict
    this.immediate = immediate
    this.ordering = ordering
    this.arity = params.length
    this.name = name
    this.enter1 = (frame, a, at) => (bind(this), this.enter1(frame, a, at))
    this.enter2 = (frame, a, b, at) => (bind(this), this.enter2(frame, a, b, at))
    this.enter3 = (frame, a, b, c, at) => (bind(this), this.enter3(frame, a, b, c, at))
    this.enterMany = (frame, args, at) => (bind(this), this.enterMany(frame, args, at))
  }

  get params(): readonly Parameter[] {
    return (this.#params ??= this.#makeParams())
  }
  /** What a trace says of a call: one string for all calls, since a deep trace has millions. */
  get calling(): string {
    const { name } = this
    return (this.#calling ??= `while calling ${name === undefined ? "anonymous lambda" : `'${name}'`}`)
  }
}

/** The code of thunks that are being forced, for printers. The machine's, which depends on them. */
export const blackHole: { code: Code | undefined } = { code: undefined }
