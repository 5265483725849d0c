/** Arithmetic on integers and floats, shared by the operators and the builtins behind them. */
import { fail } from "./problem.ts"
import { makeInt, NixFloat } from "./value.ts"

export type Num = number | bigint | NixFloat

const floatOf = (value: Num): number => (value instanceof NixFloat ? value.value : Number(value))

function checked(result: bigint, doing: string, left: bigint, right: bigint): number | bigint {
  const int = makeInt(result)
  return int === undefined ? fail({ code: "integer-overflow", doing, left, right }) : int
}

export function add(a: Num, b: Num): Num {
  if (typeof a === "number" && typeof b === "number") {
    const sum = a + b
    if (Number.isSafeInteger(sum)) return sum
  }
  if (a instanceof NixFloat || b instanceof NixFloat) return new NixFloat(floatOf(a) + floatOf(b))
  const [left, right] = [BigInt(a), BigInt(b)]
  return checked(left + right, "adding", left, right)
}
export function subtract(a: Num, b: Num): Num {
  if (typeof a === "number" && typeof b === "number") {
    const difference = a - b
    if (Number.isSafeInteger(difference)) return difference
  }
  if (a instanceof NixFloat || b instanceof NixFloat) return new NixFloat(floatOf(a) - floatOf(b))
  const [left, right] = [BigInt(a), BigInt(b)]
  return checked(left - right, "subtracting", left, right)
}
export function multiply(a: Num, b: Num): Num {
  if (typeof a === "number" && typeof b === "number") {
    const product = a * b
    // 0 * -1 is -0, which is no integer of ours.
    if (Number.isSafeInteger(product)) return product + 0
  }
  if (a instanceof NixFloat || b instanceof NixFloat) return new NixFloat(floatOf(a) * floatOf(b))
  const [left, right] = [BigInt(a), BigInt(b)]
  return checked(left * right, "multiplying", left, right)
}
/** Towards zero. */
export function divide(a: Num, b: Num): Num {
  // -0, too, is zero.
  if (floatOf(b) === 0) fail({ code: "division-by-zero" })
  if (a instanceof NixFloat || b instanceof NixFloat) return new NixFloat(floatOf(a) / floatOf(b))
  // Not Math.trunc(a / b): the quotient of two int53 can round up to the next integer.
  if (typeof a === "number" && typeof b === "number") return (a - (a % b)) / b + 0
  const [left, right] = [BigInt(a), BigInt(b)]
  return checked(left / right, "dividing", left, right)
}
