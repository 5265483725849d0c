/** Numbers. The operators `+`, `-`, `*`, `/` and `<` do not come here; they share numbers.ts and ordering.ts with this. */
import { add, divide, multiply, subtract, type Num } from "../numbers.ts"
import { lessThan } from "../ordering.ts"
import { fail, Failure } from "../problem.ts"
import { RoundingError, roundFloat, roundInteger } from "../text/number.ts"
import { isInt, makeInt, NixFloat, type Forced } from "../value.ts"
import { any, builtin, int, number } from "./define.ts"

/** Two operands whose types are looked at once both are there: a float makes a float of the other. */
function arithmetic(name: string, operation: string, doc: string, compute: (a: Num, b: Num) => Num) {
  const doing = (which: string): string => `while evaluating the ${which} argument of the ${operation}`
  return builtin({
    name,
    params: [any("e1"), any("e2")],
    doc,
    run(a, b) {
      const expected = a instanceof NixFloat || b instanceof NixFloat ? "a float" : "an integer"
      return compute(operand(a, expected, doing("first")), operand(b, expected, doing("second")))
    },
  })
}

type Expected = "an integer" | "a float"
function operand(value: Forced, expected: Expected, doing: string): Num {
  return isInt(value) || value instanceof NixFloat ? value : refuse(value, expected, doing)
}
function refuse(found: Forced, expected: Expected, doing: string): never {
  // oxlint-disable-next-line no-throw-literal -- a Failure is not an Error on purpose
  throw new Failure({ code: "type-error", expected, found }).traced(0, doing)
}

/** `small` is the operation on what fits 32 bits: JavaScript has it for those. */
function bitwise(
  name: string,
  doc: string,
  small: (a: number, b: number) => number,
  compute: (a: bigint, b: bigint) => bigint,
) {
  return builtin({
    name,
    params: [int("e1"), int("e2")],
    doc,
    run(a, b) {
      if (typeof a === "number" && typeof b === "number" && (a | 0) === a && (b | 0) === b) return small(a, b)
      // Two int64 have no bits that would not fit one.
      return makeInt(compute(BigInt(a), BigInt(b)))!
    },
  })
}

function rounding(name: "ceil" | "floor", doc: string) {
  return builtin({
    name,
    params: [number("double")],
    doc,
    run(value) {
      try {
        return value instanceof NixFloat ? roundFloat(name, value.value) : roundInteger(value)
      } catch (error) {
        if (error instanceof RoundingError) return fail({ code: "invalid-argument", message: error.message })
        throw error
      }
    },
  })
}

export const arithmeticBuiltins = [
  arithmetic("add", "addition", "The sum of two numbers: an integer, or a float if one of them is.", add),
  arithmetic("sub", "subtraction", "The first number minus the second.", subtract),
  arithmetic("mul", "multiplication", "The product of two numbers.", multiply),
  builtin({
    name: "div",
    params: [any("e1"), any("e2")],
    doc: "The first number divided by the second. Between integers, what is after the point is cut off: `div 7 2` is 3.",
    run(a, b) {
      const second = "while evaluating the second operand of the division"
      const divisor = operand(b, "a float", second)
      const isFloat = a instanceof NixFloat || b instanceof NixFloat
      if (Number(divisor instanceof NixFloat ? divisor.value : divisor) === 0) fail({ code: "division-by-zero" })
      const expected = isFloat ? "a float" : "an integer"
      return divide(operand(a, expected, "while evaluating the first operand of the division"), divisor)
    },
  }),
  builtin({
    name: "lessThan",
    params: [any("e1"), any("e2")],
    doc: "Whether the first value comes before the second: two numbers, strings, paths or lists.",
    native: (a, b) => lessThan(a, b),
  }),
  bitwise(
    "bitAnd",
    "The bits set in both integers: `bitAnd 12 10` is 8.",
    (a, b) => a & b,
    (a, b) => a & b,
  ),
  bitwise(
    "bitOr",
    "The bits set in one of two integers or in both: `bitOr 12 10` is 14.",
    (a, b) => a | b,
    (a, b) => a | b,
  ),
  bitwise(
    "bitXor",
    "The bits set in exactly one of two integers: `bitXor 12 10` is 6.",
    (a, b) => a ^ b,
    (a, b) => a ^ b,
  ),
  rounding("ceil", "The smallest integer not below a number: `ceil 1.2` is 2."),
  rounding("floor", "The largest integer not above a number: `floor 1.8` is 1."),
]
