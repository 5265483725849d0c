/** Booleans, numbers, dates and times of TOML 1.0.0. */
import type { Integer } from "../number.ts"
import type { Scanner } from "./scanner.ts"

export type Scalar =
  | { readonly type: "boolean"; readonly value: boolean }
  | { readonly type: "integer"; readonly value: Integer }
  | { readonly type: "float"; readonly value: number }
  /** In the one form that C++ Nix gives all timestamps. */
  | { readonly type: "timestamp"; readonly value: string }

/** Reads anything but strings, arrays and tables. */
export function scalar(scanner: Scanner): Scalar {
  if (scanner.take("true")) return { type: "boolean", value: true }
  if (scanner.take("false")) return { type: "boolean", value: false }
  const from = scanner.at
  const special = scanner.match(/[+-]?(?:inf|nan)/y)
  if (special !== undefined) {
    if (special.endsWith("nan")) return { type: "float", value: NaN }
    return { type: "float", value: special.startsWith("-") ? -Infinity : Infinity }
  }
  if (scanner.match(/[0-9]{4}-|[0-9]{2}:/y) !== undefined) {
    scanner.at = from
    return { type: "timestamp", value: timestamp(scanner) }
  }
  return number(scanner)
}

const PREFIXED = [
  { prefix: "0x", digits: /0x[0-9A-Fa-f]+(?:_[0-9A-Fa-f]+)*/y, who: "toml::parse_hex_integer" },
  { prefix: "0o", digits: /0o[0-7]+(?:_[0-7]+)*/y, who: "toml::parse_oct_integer" },
  { prefix: "0b", digits: /0b[01]+(?:_[01]+)*/y, who: "toml::parse_bin_integer" },
] as const

function number(scanner: Scanner): Scalar {
  for (const { prefix, digits, who } of PREFIXED) {
    if (!scanner.text.startsWith(prefix, scanner.at)) continue
    const token = scanner.match(digits)
    if (token === undefined) scanner.fail(`${who}: invalid integer`, "here")
    return { type: "integer", value: int64(scanner, token, `${who}: too large integer: current max value = 2^63`) }
  }
  const from = scanner.at
  const whole = scanner.match(/[+-]?[0-9]+(?:_[0-9]+)*/y)
  if (whole === undefined) return notANumber(scanner)
  if (/^[+-]?0[0-9_]/.test(whole)) {
    scanner.at = from
    scanner.fail("bad integer: leading zero", "leading zero is not allowed")
  }
  if (scanner.peek() === 0x5f) scanner.fail("bad integer: `_` must be surrounded by digits", "invalid underscore")
  const fraction = scanner.match(/\.[0-9]+(?:_[0-9]+)*/y)
  const exponent = scanner.match(/[eE][+-]?[0-9]+(?:_[0-9]+)*/y)
  const next = String.fromCharCode(scanner.peek())
  if (fraction === undefined && exponent === undefined) {
    if (next === "." || next === "e" || next === "E") scanner.fail("bad float: invalid format", "here")
    if (next === "-" || next === ":") scanner.fail("bad datetime: invalid format", "here")
    const title = "toml::parse_dec_integer: too large integer: current max digits = 2^63"
    return { type: "integer", value: int64(scanner, whole, title) }
  }
  if (next === "_") scanner.fail("bad float: `_` must be surrounded by digits", "invalid underscore")
  if (exponent === undefined && (next === "e" || next === "E")) scanner.fail("bad float: invalid format", "here")
  const value = Number(scanner.text.slice(from, scanner.at).replaceAll("_", ""))
  if (!Number.isFinite(value)) {
    scanner.fail("toml::parse_floating: failed to read floating point value from stream", "here")
  }
  return { type: "float", value }
}

function notANumber(scanner: Scanner): never {
  if (scanner.match(/[+-]?\./y) !== undefined) {
    scanner.at--
    scanner.fail("bad float: integer part is required before decimal point", "missing integer part")
  }
  return scanner.fail("bad format: unknown value appeared", "here")
}

function int64(scanner: Scanner, token: string, tooLarge: string): Integer {
  const digits = token.replaceAll("_", "")
  const near = Number(digits)
  if (Number.isSafeInteger(near)) return near + 0
  const exact = digits.startsWith("-") ? -BigInt(digits.slice(1)) : BigInt(digits.replace("+", ""))
  if (BigInt.asIntN(64, exact) !== exact) scanner.fail(tooLarge, "must be < 2^63")
  return exact
}

const DATE = /([0-9]{4})-([0-9]{2})-([0-9]{2})/y
const TIME = /([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?/y

function timestamp(scanner: Scanner): string {
  const from = scanner.at
  if (scanner.text[from + 4] !== "-") return time(scanner)
  const day = date(scanner)
  // A space separates a time only if one follows.
  if (scanner.match(/[Tt]| (?=[0-9])/y) === undefined) return day
  return `${day}T${time(scanner)}${offset(scanner)}`
}

function date(scanner: Scanner): string {
  const from = scanner.at
  const token = scanner.match(DATE) ?? scanner.fail("bad datetime: invalid format", "here")
  const [year = 0, month = 0, day = 0] = token.split("-").map(Number)
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0
  if (day < 1 || day > days) {
    const note = "month must be 01-12, day must be any of 01-28,29,30,31 depending on the month/year."
    scanner.fail("toml::parse_local_date: invalid date.", { from, to: from + 1, note })
  }
  return token
}

/** Fractions of a second are cut to as many thirds of nine digits as are not zero. */
function time(scanner: Scanner): string {
  const from = scanner.at
  const token = scanner.match(TIME) ?? scanner.fail("bad time: must be HH:MM:SS.subsec", "here")
  const [clock = "", fraction = ""] = token.split(".")
  const [hour = 0, minute = 0, second = 0] = clock.split(":").map(Number)
  const note =
    hour > 23
      ? "hour must be 00-23."
      : minute > 59
        ? "minute must be 00-59."
        : second > 60
          ? "second must be 00-60."
          : ""
  if (note !== "") scanner.fail("toml::parse_local_time: invalid time.", { from, to: from + 1, note })
  const digits = fraction
    .slice(0, 9)
    .padEnd(9, "0")
    .replace(/(?:000)+$/, "")
  return digits === "" ? clock : `${clock}.${digits}`
}

function offset(scanner: Scanner): string {
  if (scanner.take("Z") || scanner.take("z")) return "Z"
  const token = scanner.match(/[+-][0-9]{2}:[0-9]{2}/y)
  if (token === undefined) return ""
  const minutes = Number(token.slice(1, 3)) * 60 + Number(token.slice(4))
  if (minutes === 0) return "Z"
  const two = (part: number): string => String(part).padStart(2, "0")
  return `${token[0]}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`
}
