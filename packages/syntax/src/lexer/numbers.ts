/** Reading numbers as C++ Nix does: int64 by `string2Int`, floats by `strtod`, whose range errors are errors in Nix. */

const INT64_MAX = 2n ** 63n - 1n

/** The integer that the decimal `digits` stand for, or `undefined` outside of int64 (there is no negative literal). */
export function parseInteger(digits: string): number | bigint | undefined {
  const value = Number(digits)
  if (value <= Number.MAX_SAFE_INTEGER) return value
  const exact = BigInt(digits)
  return exact <= INT64_MAX ? exact : undefined
}

/** The smallest normal double. Below it `strtod` reports a range error, unless the result is exact. */
const NORMAL_MIN = 2.2250738585072014e-308

/** The double nearest to the literal `text`, or `undefined` where `strtod` sets ERANGE: overflow and inexact underflow. */
export function parseFloatLiteral(text: string): number | undefined {
  const value = Number(text)
  if (value === Infinity) return undefined
  return value < NORMAL_MIN && !isExact(text, value) ? undefined : value
}

/** Whether the subnormal or zero `value` is exactly what the decimal literal `text` says. */
function isExact(text: string, value: number): boolean {
  const [mantissa = "", exponent = "0"] = text.toLowerCase().split("e")
  const [whole = "", fraction = ""] = mantissa.split(".")
  const digits = `${whole}${fraction}`.replace(/^0+/, "")
  if (digits === "") return true
  if (value === 0) return false
  const scale = Number(exponent) - fraction.length
  // value = units * 2^-1074, so exactness asks whether digits * 10^scale = units * 2^-1074. A double of this size has
  // at most 1,074 decimals, which bounds the powers below.
  const trailing = digits.length - digits.replace(/0+$/, "").length
  if (-(scale + trailing) > 1074) return false
  const units = BigInt(value / 2 ** -1074)
  return scale < 0
    ? BigInt(digits) * 2n ** 1074n === units * 10n ** BigInt(-scale)
    : BigInt(digits) * 10n ** BigInt(scale) * 2n ** 1074n === units
}
