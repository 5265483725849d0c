/** Entering functions whose last parameter is a set pattern. */
import { AttrSet } from "../attrs.ts"
import type { Position } from "../positions.ts"
import type { Shape } from "../shape.ts"
import type { ParamInfo } from "../compiler/unit.ts"
import { Failure } from "../problem.ts"
import type { Forced, Value } from "../value.ts"
import type { Exec, LambdaCode, Result } from "./code.ts"
import { fillSlot, makeFrame, makeFrame1, type Frame } from "./frame.ts"
import { failAs, force, pause, type Continuation } from "./machine.ts"
import type { LazyOperand } from "./operand.ts"

interface Formal {
  readonly name: string
  readonly slot: number
  readonly fallback: LazyOperand | undefined
}

/** Names for each formal that are passed by in the time that one is looked up. */
const WALK_RATIO = 4

/** The last parameter of a function, if it is a set pattern. */
export class Pattern {
  readonly code: LambdaCode
  /** Where the pattern is. */
  readonly at: Position
  readonly #formals: readonly Formal[]
  readonly #ellipsis: boolean
  readonly #body: Exec
  /** The shape last matched, and where in it each formal is (-1: nowhere). */
  #shape: Shape | undefined = undefined
  readonly #indices: number[] = []

  /**
   * @param at where the pattern is
   * @param fallbacks the defaults of the formals, in their order
   */
  constructor(
    code: LambdaCode,
    { formals, ellipsis }: ParamInfo,
    at: Position,
    fallbacks: readonly (LazyOperand | undefined)[],
    body: Exec,
  ) {
    this.code = code
    this.at = at
    this.#formals = formals!.map(({ name, slot }, i): Formal => ({ name, slot, fallback: fallbacks[i] }))
    this.#ellipsis = ellipsis
    this.#body = body
  }

  /**
   * Enters the function.
   * @param only its argument, if it has one parameter
   * @param args its arguments, if it has several
   * @param last its last argument
   */
  enter(up: Frame, only: Value, args: readonly Value[] | undefined, last: Value, at: Position): Result {
    if (last instanceof AttrSet) return this.match(up, only, args, last, at)
    const set = force(last, this.at)
    return set === undefined ? pause(PATTERN, this, up, args ?? only, at) : this.match(up, only, args, set, at)
  }

  match(up: Frame, only: Value, args: readonly Value[] | undefined, set: Forced, at: Position): Result {
    if (!(set instanceof AttrSet)) {
      const failure = new Failure({ code: "type-error", expected: "a set", found: set })
      return refuse(failure.traced(this.at, "while evaluating the value passed for the lambda argument"), at)
    }
    // The layers of a large set are not merged for the sake of a few of its attributes.
    if (set.base !== null && this.#ellipsis) return this.#matchLayered(up, only, args, set, at)
    const { shape, values } = set.flat()
    if (shape !== this.#shape && !this.#learn(shape)) return this.#mismatch(shape, at)
    const indices = this.#indices
    const formals = this.#formals
    const { slots } = this.code
    const frame = args === undefined ? makeFrame1(up, slots, only) : makeFrame(up, slots, args)
    let missing = 0
    for (let i = 0; i < formals.length; i++) {
      const index = indices[i]!
      if (index >= 0) fillSlot(frame, slots, formals[i]!.slot, values[index]!)
      else missing++
    }
    for (let i = 0; missing > 0; i++) {
      if (indices[i]! >= 0) continue
      const { slot, fallback } = formals[i]!
      fillSlot(frame, slots, slot, fallback!.of(frame))
      missing--
    }
    return this.#body(frame)
  }

  #matchLayered(up: Frame, only: Value, args: readonly Value[] | undefined, set: AttrSet, at: Position): Result {
    const formals = this.#formals
    const given = formals.map(({ name }) => set.get(name))
    if (formals.some(({ fallback }, i) => fallback === undefined && given[i] === undefined)) {
      return this.#mismatch(set.flat().shape, at)
    }
    const { slots } = this.code
    const frame = args === undefined ? makeFrame1(up, slots, only) : makeFrame(up, slots, args)
    for (let i = 0; i < formals.length; i++) {
      const value = given[i]
      if (value !== undefined) fillSlot(frame, slots, formals[i]!.slot, value)
    }
    for (let i = 0; i < formals.length; i++) {
      if (given[i] === undefined) fillSlot(frame, slots, formals[i]!.slot, formals[i]!.fallback!.of(frame))
    }
    return this.#body(frame)
  }

  /** Whether sets of `shape` match. */
  #learn(shape: Shape): boolean {
    const formals = this.#formals
    const indices = this.#indices
    this.#shape = undefined
    // Both have their names in order, so one walk along both finds all, without the table that looking each up would need.
    const { names } = shape
    const walks = shape.sorted && names.length < WALK_RATIO * formals.length
    let next = 0
    let used = 0
    for (let i = 0; i < formals.length; i++) {
      const { name, fallback } = formals[i]!
      let index: number
      if (walks) {
        while (next < names.length && names[next] !== name && names[next]! < name) next++
        index = next < names.length && names[next] === name ? next++ : -1
      } else index = shape.find(name)
      indices[i] = index
      if (index >= 0) used++
      else if (fallback === undefined) return false
    }
    if (!this.#ellipsis && used !== shape.names.length) return false
    this.#shape = shape
    return true
  }

  #mismatch(shape: Shape, at: Position): undefined {
    const fn = this.code.name
    const missing = this.#formals.find(({ name, fallback }) => fallback === undefined && shape.find(name) < 0)
    if (missing !== undefined) {
      return mismatched(new Failure({ code: "missing-argument", fn, name: missing.name }, this.at), at)
    }
    const known = this.#formals.map(({ name }) => name)
    const surplus = [...shape.order()].map((i) => shape.names[i]!).find((name) => !known.includes(name))!
    return mismatched(new Failure({ code: "unexpected-argument", fn, name: surplus, known }, this.at), at)
  }
}

/** Unlike other failures of a call, told to be from a call site even if that is not known. */
function mismatched(failure: Failure, at: Position): undefined {
  return failAs(failure.traced(at, "from call site").marked(true))
}
function refuse(failure: Failure, at: Position): undefined {
  return failAs((at === 0 ? failure : failure.traced(at, "from call site")).marked(true))
}

/** a: pattern, b: frame around, c: arguments, or the only one, d: position of the call */
const PATTERN: Continuation = {
  name: "pattern",
  resume: ({ a: pattern, b: up, c: args, d: at }, set) =>
    pattern.code.arity === 1 ? pattern.match(up, args, undefined, set, at) : pattern.match(up, null, args, set, at),
  trace: ({ d: at }, failure) => (at === 0 ? failure : failure.traced(at, "from call site")).marked(true),
}
