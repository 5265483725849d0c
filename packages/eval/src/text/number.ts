/** Numbers to text and back, as C++ Nix writes and reads them. */

/** -2^63 and 2^63, both exact as floats. */
const INT64_MIN = -(2 ** 63)
const INT64_END = 2 ** 63

/** A Nix integer: a bigint only outside ±(2^53 - 1). */
export type Integer = number | bigint

export type RoundingProblem =
  | { readonly code: "float-not-an-integer"; readonly value: number }
  | { readonly code: "integer-beyond-float"; readonly value: Integer }
  | { readonly code: "integer-loses-precision"; readonly value: Integer; readonly rounded: Integer }

export class RoundingError extends Error {
  override readonly name = "RoundingError"
  readonly problem: RoundingProblem
  constructor(problem: RoundingProblem) {
    super(describe(problem))
    this.problem = problem
  }
}

function describe(problem: RoundingProblem): string {
  const bug = "Due to a bug (see https://github.com/NixOS/nix/issues/12899)"
  const future = "\n\tFuture Nix versions might implement the correct behavior."
  switch (problem.code) {
    case "float-not-an-integer":
      return `NixFloat argument ${printFloat(problem.value)} is not in the range of NixInt`
    case "integer-beyond-float":
      return `${bug} the NixInt argument ${problem.value} caused undefined behavior in previous Nix versions.${future}`
    case "integer-loses-precision":
      return (
        `${bug} a loss of precision occurred in previous Nix versions because the NixInt argument ` +
        `${problem.value} was rounded to ${problem.rounded}.${future}`
      )
  }
}

/**
 * `builtins.ceil` or `builtins.floor` of a float.
 *
 * @throws {RoundingError} if the result is no int64; so for infinities and NaN.
 */
export function roundFloat(round: "ceil" | "floor", value: number): Integer {
  const rounded = Math[round](value)
  if (!(rounded >= INT64_MIN && rounded < INT64_END)) throw new RoundingError({ code: "float-not-an-integer", value })
  return integerOf(rounded)
}

/**
 * `builtins.ceil` or `builtins.floor` of an integer, which C++ Nix sends through a float on the way.
 *
 * @throws {RoundingError} if it does not come back unharmed.
 */
export function roundInteger(value: Integer): Integer {
  if (typeof value === "number") return value
  const float = Number(value)
  if (float >= INT64_END) throw new RoundingError({ code: "integer-beyond-float", value })
  const rounded = BigInt(float)
  if (rounded !== value) throw new RoundingError({ code: "integer-loses-precision", value, rounded })
  return value
}

/** The integer that a whole float is. Negative zero becomes zero. */
function integerOf(whole: number): Integer {
  return Number.isSafeInteger(whole) ? whole + 0 : BigInt(whole)
}

/** A decimal int64 with an optional sign, or `undefined`; nothing else may stand around it. */
export function parseInteger(text: string): Integer | undefined {
  if (!/^[+-]?[0-9]+$/.test(text)) return undefined
  const near = Number(text)
  if (Number.isSafeInteger(near)) return near + 0
  const exact = BigInt(text.startsWith("+") ? text.slice(1) : text)
  return exact === BigInt.asIntN(64, exact) ? exact : undefined
}

/** A float in printed values, XML and messages: C's `%g`, six significant digits. `1.0` is `1`. */
export function printFloat(value: number): string {
  if (!Number.isFinite(value)) return printNonFinite(value)
  if (value === 0) return Object.is(value, -0) ? "-0" : "0"
  const scientific = roundedHalfEven((digits) => value.toExponential(digits), 5)
  const [mantissa = "", exponent = ""] = scientific.split("e")
  const power = Number(exponent)
  if (power >= -4 && power < 6) return trimZeros(shiftPoint(mantissa, power))
  return `${trimZeros(mantissa)}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`
}

/** `toString` of a float: C's `%f`, always six decimals. */
export function formatFloat(value: number): string {
  if (!Number.isFinite(value)) return printNonFinite(value)
  if (Object.is(value, -0)) return "-0.000000"
  // toFixed would turn to exponents here. From 2^53 on, every float is whole.
  if (Math.abs(value) >= 2 ** 53) return `${BigInt(value)}.000000`
  return roundedHalfEven((decimals) => value.toFixed(decimals), 6)
}

/**
 * JavaScript cannot tell the two signs of NaN apart. Arithmetic on x86-64 makes the negative one, which is what C++ Nix
 * then prints.
 */
function printNonFinite(value: number): string {
  return Number.isNaN(value) ? "-nan" : value > 0 ? "inf" : "-inf"
}

/**
 * Both number formats of JavaScript round a tie away from zero, while C rounds it to the even digit. A float exactly
 * between two candidates has only zeros after one more digit, a 5; so far out no float that is not a tie looks like one.
 */
function roundedHalfEven(format: (digits: number) => string, digits: number): string {
  const rounded = format(digits)
  const [exact = "", exponent] = format(100).split("e")
  const point = exact.indexOf(".")
  const rest = exact.slice(point + 1 + digits)
  if (!/^50*$/.test(rest)) return rounded
  const truncated = exact.slice(0, point + 1 + digits)
  // The tie lies between `truncated` and its neighbour away from zero; JavaScript chose the latter.
  const even = truncated.charCodeAt(truncated.length - 1) % 2 === 0
  return even ? (exponent === undefined ? truncated : `${truncated}e${exponent}`) : rounded
}

/** `"-1.23450"` shifted by 2 is `"-123.450"`. */
function shiftPoint(mantissa: string, power: number): string {
  const sign = mantissa.startsWith("-") ? "-" : ""
  const digits = mantissa.replace(/[-.]/g, "")
  if (power < 0) return `${sign}0.${"0".repeat(-power - 1)}${digits}`
  return `${sign}${digits.slice(0, power + 1)}.${digits.slice(power + 1)}`
}

function trimZeros(decimal: string): string {
  return decimal.includes(".") ? decimal.replace(/\.?0*$/, "") : decimal
}
