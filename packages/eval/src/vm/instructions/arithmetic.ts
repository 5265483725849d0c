/** Arithmetic and comparison: numbers here, everything else by the builtin that the operator stands for. */
import type { Position } from "../../positions.ts"
import { WORDS } from "../../compiler/opcodes.ts"
import { equal } from "../../equality.ts"
import { lessThan } from "../../ordering.ts"
import { divide, multiply, subtract, type Num } from "../../numbers.ts"
import { Failure } from "../../problem.ts"
import { isInt, NixFloat, type Forced } from "../../value.ts"
import type { Binder } from "../binder.ts"
import type { Exec, Result } from "../code.ts"
import type { Frame } from "../frame.ts"
import { asFailure, failAs, pause, type Continuation } from "../machine.ts"

/** What C++ Nix, where operators are calls of builtins, says of a failing one. */
interface Operator {
  readonly builtin: string
  readonly slow: (a: Forced, b: Forced) => Result
}

function arithmetic(builtin: string, noun: string, compute: (a: Num, b: Num) => Num): Operator {
  const operand = (value: Forced, other: Forced, ordinal: string): Num => {
    if (isInt(value) || value instanceof NixFloat) return value
    // If either operand is a float, C++ Nix asks for two floats.
    const failure = new Failure({
      code: "type-error",
      expected: other instanceof NixFloat ? "a float" : "an integer",
      found: value,
    })
    throw failure.traced(0, `while evaluating the ${ordinal} of the ${noun}`)
  }
  if (builtin === "div") {
    return {
      builtin,
      slow: (a, b) => {
        // The divisor is looked at first, whatever its type: zero is refused before a bad dividend is.
        const divisor = operand(b, new NixFloat(0), "second operand")
        if (isInt(a) || a instanceof NixFloat || Number(divisor) === 0) return compute(a as Num, divisor)
        return compute(operand(a, b, "first operand"), divisor)
      },
    }
  }
  return {
    builtin,
    slow: (a, b) => {
      const left = operand(a, b, "first argument")
      return compute(left, operand(b, a, "second argument"))
    },
  }
}

const SUBTRACT = arithmetic("sub", "subtraction", subtract)
const MULTIPLY = arithmetic("mul", "multiplication", multiply)
const DIVIDE = arithmetic("div", "division", divide)
const LESS: Operator = { builtin: "lessThan", slow: lessThan }

function trace({ builtin }: Operator, failure: Failure, at: Position): Failure {
  return failure.traced(at, `while calling the '${builtin}' builtin`)
}
function slow(operator: Operator, a: Forced, b: Forced, at: Position): Result {
  let result: Result
  try {
    result = operator.slow(a, b)
  } catch (problem) {
    return failAs(trace(operator, asFailure(problem), at))
  }
  return result === undefined ? pause(OPERATING, operator, at) : result
}
const OPERATING: Continuation = {
  name: "operating",
  resume: (_, value) => value,
  trace: ({ a: operator, b: at }, failure) => trace(operator, failure, at),
}

function evaluateRight(operator: Operator, frame: Frame, right: Exec, a: Forced, at: Position): Result {
  const b = right(frame)
  return b === undefined ? pause(RIGHT, operator, a, at) : slow(operator, a, b, at)
}
const LEFT: Continuation = {
  name: "left-operand",
  resume: ({ a: operator, b: frame, c: right, d: at }, a) => evaluateRight(operator, frame, right, a, at),
  trace: ({ a: operator, d: at }, failure) => trace(operator, failure, at),
}
const RIGHT: Continuation = {
  name: "right-operand",
  resume: ({ a: operator, b: a, c: at }, b) => slow(operator, a, b, at),
  trace: ({ a: operator, c: at }, failure) => trace(operator, failure, at),
}
const CONSTANT = WORDS.constant

/** The larger results of sums and differences of two int53 still are exact; only then a `bigint` has to take over. */
export function bindSubtract(b: Binder): Exec {
  const at = b.position()
  const left = b.expr()
  if (b.peek() === CONSTANT) {
    const right = b.expr()
    const constant = right(null as never)
    if (typeof constant === "number") {
      return (frame) => {
        const x = left(frame)
        if (typeof x === "number") {
          const difference = x - constant
          if (Number.isSafeInteger(difference)) return difference
        }
        return x === undefined ? pause(LEFT, SUBTRACT, frame, right, at) : slow(SUBTRACT, x, constant, at)
      }
    }
    return (frame) => {
      const x = left(frame)
      return x === undefined ? pause(LEFT, SUBTRACT, frame, right, at) : slow(SUBTRACT, x, constant as Forced, at)
    }
  }
  const right = b.expr()
  return (frame) => {
    const x = left(frame)
    if (x === undefined) return pause(LEFT, SUBTRACT, frame, right, at)
    const y = right(frame)
    if (typeof x === "number" && typeof y === "number") {
      const difference = x - y
      if (Number.isSafeInteger(difference)) return difference
    }
    return y === undefined ? pause(RIGHT, SUBTRACT, x, at) : slow(SUBTRACT, x, y, at)
  }
}

export function bindMultiply(b: Binder): Exec {
  const at = b.position()
  const left = b.expr()
  const right = b.expr()
  return (frame) => {
    const x = left(frame)
    if (x === undefined) return pause(LEFT, MULTIPLY, frame, right, at)
    const y = right(frame)
    if (typeof x === "number" && typeof y === "number") {
      // + 0 turns -0, which is no integer of ours, into 0.
      const product = x * y + 0
      if (Number.isSafeInteger(product)) return product
    }
    return y === undefined ? pause(RIGHT, MULTIPLY, x, at) : slow(MULTIPLY, x, y, at)
  }
}

export function bindDivide(b: Binder): Exec {
  const at = b.position()
  const left = b.expr()
  const right = b.expr()
  return (frame) => {
    const x = left(frame)
    return x === undefined ? pause(LEFT, DIVIDE, frame, right, at) : evaluateRight(DIVIDE, frame, right, x, at)
  }
}

// ---------------------------------------------------------------------------------------------- comparison

export function bindLess(b: Binder): Exec {
  const at = b.position()
  const left = b.expr()
  const right = b.expr()
  return (frame) => {
    const x = left(frame)
    if (x === undefined) return pause(LEFT, LESS, frame, right, at)
    const y = right(frame)
    if (typeof x === "number" && typeof y === "number") return x < y
    if (typeof x === "string" && typeof y === "string") return x < y
    return y === undefined ? pause(RIGHT, LESS, x, at) : slow(LESS, x, y, at)
  }
}
export function bindNotLess(b: Binder): Exec {
  const less = bindLess(b)
  return (frame) => {
    const value = less(frame)
    return value === undefined ? pause(NEGATE) : !(value as boolean)
  }
}
const NEGATE: Continuation = { name: "negate", resume: (_, value) => !(value as boolean) }

function bindEquality(negate: boolean): (b: Binder) => Exec {
  const compare = (x: Forced, y: Forced): Result => {
    const same = equal(x, y)
    if (same === undefined) return negate ? pause(NEGATE) : undefined
    return same !== negate
  }
  const EQUAL_LEFT: Continuation = {
    name: "equal-left",
    resume: ({ a: frame, b: right }, x) => {
      const y = right(frame)
      return y === undefined ? pause(EQUAL_RIGHT, x) : compare(x, y)
    },
  }
  const EQUAL_RIGHT: Continuation = { name: "equal-right", resume: ({ a: x }, y) => compare(x, y) }
  return (b) => {
    const left = b.expr()
    const right = b.expr()
    return (frame) => {
      const x = left(frame)
      if (x === undefined) return pause(EQUAL_LEFT, frame, right)
      const y = right(frame)
      if (typeof x === "string" && typeof y === "string") return (x === y) !== negate
      return y === undefined ? pause(EQUAL_RIGHT, x) : compare(x, y)
    }
  }
}
export const bindEqual = bindEquality(false)
export const bindUnequal = bindEquality(true)
