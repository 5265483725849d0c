/** The scalars of `builtins.toJSON`, written as nlohmann::json writes them. */
import { shortestDigits } from "./shortest-digits.ts"
import { JsonError } from "./problem.ts"
import { continuation } from "./utf8.ts"

const PLAIN = /^[ !#-[\]-\x7f]*$/
const SHORT_ESCAPES: Readonly<Record<number, string>> = {
  0x08: "\\b",
  0x09: "\\t",
  0x0a: "\\n",
  0x0c: "\\f",
  0x0d: "\\r",
  0x22: '\\"',
  0x5c: "\\\\",
}

/**
 * A byte string as a JSON string, itself a byte string. Only quotes, backslashes and control characters are escaped.
 *
 * @throws {JsonError} if it is not UTF-8. C++ Nix finds that out after the whole value has been evaluated, and puts
 *   "JSON serialization error: " in front.
 */
export function quoteJson(value: string): string {
  if (PLAIN.test(value)) return `"${value}"`
  let quoted = '"'
  let from = 0
  for (let i = 0; i < value.length; i++) {
    const byte = value.charCodeAt(i)
    if (byte >= 0x80) {
      i = endOfSequence(value, i)
    } else if (byte < 0x20 || byte === 0x22 || byte === 0x5c) {
      quoted += value.slice(from, i) + (SHORT_ESCAPES[byte] ?? `\\u${byte.toString(16).padStart(4, "0")}`)
      from = i + 1
    }
  }
  return `${quoted}${value.slice(from)}"`
}

/** The index of the last byte of the UTF-8 sequence that begins at `from`. */
function endOfSequence(value: string, from: number): number {
  const lead = value.charCodeAt(from)
  const rest = continuation(lead)
  if (rest === undefined) throw new JsonError({ code: "json-invalid-utf8", index: from, byte: lead })
  let [count, low, high] = rest
  let at = from
  for (; count > 0; count--) {
    if (++at === value.length) throw new JsonError({ code: "json-incomplete-utf8", lastByte: value.charCodeAt(at - 1) })
    const byte = value.charCodeAt(at)
    if (byte < low || byte > high) throw new JsonError({ code: "json-invalid-utf8", index: at, byte })
    low = 0x80
    high = 0xbf
  }
  return at
}

/** Floats with a decimal point at most this far from their first digit are written without an exponent. */
const ZEROS_MAX = 3
const PLAIN_MAX = 15

/** A float as JSON: always with a point or an exponent; `null` for what JSON has no number for. */
export function jsonFloat(value: number): string {
  if (!Number.isFinite(value)) return "null"
  const sign = value < 0 || Object.is(value, -0) ? "-" : ""
  if (value === 0) return `${sign}0.0`
  const { digits, exponent } = shortestDigits(Math.abs(value))
  /** Digits before the decimal point. */
  const point = digits.length + exponent
  if (exponent >= 0 && point <= PLAIN_MAX) return `${sign}${digits}${"0".repeat(exponent)}.0`
  if (point > 0 && point <= PLAIN_MAX) return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`
  if (point >= -ZEROS_MAX && point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`
  const mantissa = digits.length === 1 ? digits : `${digits[0]}.${digits.slice(1)}`
  const power = point - 1
  return `${sign}${mantissa}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`
}
