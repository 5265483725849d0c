import type { Forced, Value } from "../value.ts"
import type { Frame } from "./frame.ts"
import type { Ordering } from "../compiler/ordering.ts"
import type { LambdaInfo } from "../compiler/unit.ts"
import type { Position } from "../positions.ts"

/**
 * A forced value; or undefined, if the machine is taking its native frames down to the heap. (Undefined because the engine
 * compares with it at no cost in all its tiers: a constant of ours it would have to load, and compare the general way.)
 */
export type Result = Forced | undefined
/** An instruction with its operands bound: evaluates to weak head normal form in the given frame. */
export type Exec = (frame: Frame) => Result
/** A bound operand that is not evaluated now: makes a value known already, or a thunk. Never unwinds. */
export type Lazy = (frame: Frame) => Value

/** Where instructions come from, when a code is first entered. */
export interface CodeSource {
  bindCode(code: Code, index: number): void
  bindLambda(code: LambdaCode, index: number): void
  parameters(index: number): readonly Parameter[]
}

/** Something to run in a frame: the body of a thunk, or a whole file. */
export class Code {
  /**
   * Called with the frame the code was defined in. Nothing but the machine's own codes is called with anything else than
   * a frame, or needs to know what forces it.
   */
  run: (frame: Frame, at?: Position) => Result
  /** Native frames that running this may add before it is the machine's turn again; see machine.ts. */
  height: number
  readonly #source: CodeSource | undefined
  readonly #index: number

  constructor(run: (frame: Frame, at?: Position) => Result, height: number, source?: CodeSource, index = -1) {
    this.run = run
    this.height = height
    this.#source = source
    this.#index = index
  }

  /** A code that binds its instructions when it is first run. */
  static from(source: CodeSource, index: number): Code {
    return new Code(bindAndRun, INITIAL_HEIGHT, source, index)
  }

  bind(): void {
    this.#source!.bindCode(this, this.#index)
  }
}
/** Shared by all codes that were not run yet: most of a program never is, so there is no function for each. */
function bindAndRun(this: Code, frame: Frame): Result {
  this.bind()
  return this.run(frame)
}
/** Before its instructions are bound nobody knows how deep a code nests; this is the most the compiler allows. */
const INITIAL_HEIGHT = 50

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

/** What enters a function whose last parameter is a set pattern; see pattern.ts. */
export interface PatternEntry {
  enter(up: Frame, only: Value, args: readonly Value[] | undefined, last: Value, at: Position): Result
}

/**
 * The code of `p1: p2: …: body`. Only the last parameter may be a set pattern: matching one can fail, and must then
 * fail when the argument arrives. The machine makes the frame and runs `body` in it.
 */
export class LambdaCode {
  readonly arity: number
  /** The name the function was bound to, for messages. */
  readonly name: string | undefined
  /** See {@link LambdaInfo.strict} in compiler/unit.ts. */
  readonly strict: number
  readonly immediate: number
  /** For `sort`. */
  readonly ordering: Ordering | undefined
  /** Slots of the frame. */
  readonly slots: number
  /** Undefined until it is bound. */
  body: Exec | undefined = undefined
  pattern: PatternEntry | undefined = undefined
  /** Native frames that a call may add; known once it is bound. */
  height = 0
  readonly #source: CodeSource
  readonly #index: number
  #params: readonly Parameter[] | undefined = undefined
  #calling: string | undefined = undefined

  constructor(source: CodeSource, index: number, info: LambdaInfo, slots: number, ordering: Ordering | undefined) {
    this.arity = info.params.length
    this.name = info.name
    this.strict = info.strict
    this.immediate = info.immediate
    this.ordering = ordering
    this.slots = slots
    this.#source = source
    this.#index = index
  }

  bind(): void {
    this.#source.bindLambda(this, this.#index)
  }
  /** Made when somebody wants to know: most who call a function do not. */
  get params(): readonly Parameter[] {
    return (this.#params ??= this.#source.parameters(this.#index))
  }
  /** What a trace says of a call: one string for all calls, since a deep trace has millions. */
  get calling(): string {
    const { name } = this
    return (this.#calling ??= `while calling ${name === undefined ? "anonymous lambda" : `'${name}'`}`)
  }
}

/** The code of thunks that are being forced, for printers. The machine's, which depends on them. */
export const blackHole: { code: Code | undefined } = { code: undefined }
