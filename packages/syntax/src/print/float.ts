/** `value` as C's `%g` prints it: six significant digits, no trailing zeros, an exponent where the number is far from 1. */
export function printFloat(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf"
  if (value === 0) return Object.is(value, -0) ? "-0" : "0"
  const [digits = "", exponentText = "0"] = value.toExponential(5).split("e")
  const exponent = Number(exponentText)
  if (exponent >= -4 && exponent < 6) return withoutTrailingZeros(value.toFixed(5 - exponent))
  const sign = exponent < 0 ? "-" : "+"
  return `${withoutTrailingZeros(digits)}e${sign}${String(Math.abs(exponent)).padStart(2, "0")}`
}

function withoutTrailingZeros(digits: string): string {
  return digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits
}
