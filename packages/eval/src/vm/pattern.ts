/** Entering functions whose last parameter is a set pattern. */
import { AttrSet, type Position, type Shape } from "../attrs.ts"
import type { ParamInfo } from "../compiler/unit.ts"
import { Failure } from "../problem.ts"
import type { Forced, Value } from "../value.ts"
import type { Exec, LambdaCode, Lazy, Result } from "./code.ts"
import { makeFrame, slotWriter, type Frame } from "./frame.ts"
import { failAs, force, pause, type Continuation } from "./machine.ts"

interface Formal {
  readonly name: string
  readonly write: (frame: Frame, value: Value) => void
  readonly fallback: Lazy | undefined
}

/**
 * @param at where the pattern is
 * @param fallbacks the defaults of the formals, in their order
 */
export function bindPattern(
  code: LambdaCode,
  param: ParamInfo,
  at: Position,
  fallbacks: readonly (Lazy | undefined)[],
  slots: number,
  body: Exec,
): void {
  const formals = param.formals!.map(({ name, slot }, i): Formal => ({
    name,
    write: slotWriter(slots, slot),
    fallback: fallbacks[i],
  }))
  const pattern = new Pattern(code, at, formals, param.ellipsis, slots, body)
  code.enterMany = (up, args, at) => pattern.enter(up, args, args.at(-1)!, at)
  code.enter1 = (up, a, at) => (a instanceof AttrSet ? pattern.match(up, [a], a, at) : pattern.enter(up, [a], a, at))
  code.enter2 = (up, a, b, at) => pattern.enter(up, [a, b], b, at)
  code.enter3 = (up, a, b, c, at) => pattern.enter(up, [a, b, c], c, at)
}

class Pattern {
  readonly code: LambdaCode
  /** Where the pattern is. */
  readonly at: Position
  readonly #formals: readonly Formal[]
  readonly #ellipsis: boolean
  readonly #slots: number
  readonly #body: Exec
  /** The shape last matched, and where in it each formal is (-1: nowhere). */
  #shape: Shape | undefined = undefined
  #indices: Int32Array = new Int32Array(0)

  constructor(
    code: LambdaCode,
    at: Position,
    formals: readonly Formal[],
    ellipsis: boolean,
    slots: number,
    body: Exec,
  ) {
    this.code = code
    this.at = at
    this.#formals = formals
    this.#ellipsis = ellipsis
    this.#slots = slots
    this.#body = body
  }

  enter(up: Frame, args: readonly Value[], last: Value, at: Position): Result {
    const set = force(last, this.at)
    return set === undefined ? pause(PATTERN, this, up, args, at) : this.match(up, args, set, at)
  }

  match(up: Frame, args: readonly Value[], set: Forced, at: Position): Result {
    if (!(set instanceof AttrSet)) {
      const failure = new Failure({ code: "type-error", expected: "a set", found: set })
      return refuse(failure.traced(this.at, "while evaluating the value passed for the lambda argument"), at)
    }
    // The layers of a large set are not merged for the sake of a few of its attributes.
    if (set.base !== null && this.#ellipsis) return this.#matchLayered(up, args, set, at)
    const { shape, values } = set.flat()
    if (shape !== this.#shape && !this.#learn(shape)) return this.#mismatch(shape, at)
    const indices = this.#indices
    const formals = this.#formals
    const frame = this.#slots === 0 ? up : makeFrame(up, this.#slots, args)
    for (let i = 0; i < formals.length; i++) {
      const formal = formals[i]!
      const index = indices[i]!
      if (index >= 0) formal.write(frame, values[index]!)
    }
    for (let i = 0; i < formals.length; i++) {
      if (indices[i]! < 0) formals[i]!.write(frame, formals[i]!.fallback!(frame))
    }
    return this.#body(frame)
  }

  #matchLayered(up: Frame, args: readonly Value[], set: AttrSet, at: Position): Result {
    const formals = this.#formals
    const given = formals.map(({ name }) => set.get(name))
    if (formals.some(({ fallback }, i) => fallback === undefined && given[i] === undefined)) {
      return this.#mismatch(set.flat().shape, at)
    }
    const frame = this.#slots === 0 ? up : makeFrame(up, this.#slots, args)
    for (let i = 0; i < formals.length; i++) {
      const value = given[i]
      if (value !== undefined) formals[i]!.write(frame, value)
    }
    for (let i = 0; i < formals.length; i++) {
      if (given[i] === undefined) formals[i]!.write(frame, formals[i]!.fallback!(frame))
    }
    return this.#body(frame)
  }

  /** Whether sets of `shape` match. */
  #learn(shape: Shape): boolean {
    const formals = this.#formals
    const indices = new Int32Array(formals.length)
    let used = 0
    for (let i = 0; i < formals.length; i++) {
      const { name, fallback } = formals[i]!
      const index = shape.find(name)
      indices[i] = index
      if (index >= 0) used++
      else if (fallback === undefined) return false
    }
    if (!this.#ellipsis && used !== shape.names.length) return false
    this.#shape = shape
    this.#indices = indices
    return true
  }

  #mismatch(shape: Shape, at: Position): undefined {
    const fn = this.code.name
    const missing = this.#formals.find(({ name, fallback }) => fallback === undefined && shape.find(name) < 0)
    if (missing !== undefined) {
      return mismatched(new Failure({ code: "missing-argument", fn, name: missing.name }, this.at), at)
    }
    const known = this.#formals.map(({ name }) => name)
    const surplus = new AttrSet(shape, []).sortedNames().find((name) => !known.includes(name))!
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

/** a: pattern, b: frame around, c: arguments, d: position of the call */
const PATTERN: Continuation = {
  name: "pattern",
  resume: ({ a: pattern, b: up, c: args, d: at }, set) => pattern.match(up, args, set, at),
  trace: ({ d: at }, failure) => (at === 0 ? failure : failure.traced(at, "from call site")).marked(true),
}
