/**
 * JSON in which nothing gets lost, and of which there is one way to write it: C++ Nix's, whose library sorts the names,
 * keeps integers of 64 bits, and tells `1.0` from `1`. Texts are byte strings.
 */
import { byteStringOf, isUtf8, textOf } from "@tvix-ts/bytes"
import { JsonError, parseJson } from "./json.ts"

/** An object, an array, or the text of anything else: `"a\n"` with its quotes, `12`, `null`. */
export type JsonText = ReadonlyMap<string, JsonText> | readonly JsonText[] | string

/** @throws {JsonError} if `text` is not JSON, or has too many objects and arrays in each other */
export function readJsonText(text: string): JsonText {
  if (!isUtf8(text)) throw new JsonError({ code: "syntax", reason: "it is not UTF-8" })
  // What it does not object to needs only be taken apart.
  parseJson(text)
  return new Tokens(text).value()
}

/** The text of a string. `text` must be UTF-8 for the result to be JSON. */
export function quoteJsonText(text: string): string {
  // Leaves all but ASCII as it is, and so each byte.
  return JSON.stringify(text)
}

/** The string in a {@link JsonText} that is one; undefined if it is something else. */
export function jsonTextString(json: JsonText): string | undefined {
  return typeof json === "string" && json.startsWith('"') ? (JSON.parse(json) as string) : undefined
}

/**
 * @param indent blanks a level, each member on a line of its own; without, there are no blanks at all
 * @param level that the text begins at
 */
export function writeJsonText(json: JsonText, indent?: number, level = 0): string {
  if (typeof json === "string") return json
  const isArray = isJsonArray(json)
  const items: string[] = []
  if (isArray) for (const item of json) items.push(writeJsonText(item, indent, level + 1))
  else {
    const colon = indent === undefined ? ":" : ": "
    const members = [...json].sort(([a], [b]) => (a < b ? -1 : 1))
    for (const [name, value] of members) {
      items.push(quoteJsonText(name) + colon + writeJsonText(value, indent, level + 1))
    }
  }
  const [open, close] = isArray ? "[]" : "{}"
  if (items.length === 0) return `${open}${close}`
  if (indent === undefined) return `${open}${items.join(",")}${close}`
  const before = `\n${" ".repeat(indent * level)}`
  const inside = before + " ".repeat(indent)
  return `${open}${inside}${items.join(`,${inside}`)}${before}${close}`
}

export function isJsonArray(json: JsonText): json is readonly JsonText[] {
  return Array.isArray(json)
}

/** Of a text that is known to be JSON, and not deep. */
class Tokens {
  readonly #text: string
  #at = 0
  /** The first backslash from where it was last looked for. */
  #slash = -1

  constructor(text: string) {
    this.#text = text
  }

  value(): JsonText {
    switch (this.#peek()) {
      case "{": {
        const members = new Map<string, JsonText>()
        this.#items("}", () => {
          this.#peek()
          const name = JSON.parse(this.#string()) as string
          // The colon.
          this.#peek()
          this.#at++
          members.set(name, this.value())
        })
        return members
      }
      case "[": {
        const items: JsonText[] = []
        this.#items("]", () => items.push(this.value()))
        return items
      }
      case '"':
        return this.#string()
      default: {
        const from = this.#at
        while (/[-+.\w]/.test(this.#text[this.#at] ?? "")) this.#at++
        return scalarText(this.#text.slice(from, this.#at))
      }
    }
  }

  #items(close: string, item: () => void): void {
    this.#at++
    while (this.#peek() !== close) {
      if (this.#text[this.#at] === ",") this.#at++
      item()
    }
    this.#at++
  }

  /** The next character that is no blank, and stays the next. */
  #peek(): string | undefined {
    while (" \n\r\t".includes(this.#text[this.#at] ?? "!")) this.#at++
    return this.#text[this.#at]
  }

  /** Infinity if there is none. Most texts have none, which is not to be found out for each string. */
  #nextSlash(): number {
    if (this.#slash < this.#at) {
      const found = this.#text.indexOf("\\", this.#at)
      this.#slash = found < 0 ? Infinity : found
    }
    return this.#slash
  }

  /** Written in the one way. */
  #string(): string {
    const from = this.#at++
    for (;;) {
      const end = this.#text.indexOf('"', this.#at)
      const slash = this.#nextSlash()
      if (slash > end) {
        this.#at = end + 1
        break
      }
      this.#at = slash + 2
    }
    const written = this.#text.slice(from, this.#at)
    if (!written.includes("\\")) return written
    // What is escaped may be any character, while all others are bytes.
    const text = JSON.parse(textOf(written)) as string
    if (!text.isWellFormed()) throw new JsonError({ code: "syntax", reason: "half a surrogate pair in a string" })
    return quoteJsonText(byteStringOf(text))
  }
}

const INTEGER_MIN = -(2n ** 63n)
const INTEGER_MAX = 2n ** 64n - 1n

function scalarText(written: string): string {
  if (/^[a-z]/.test(written)) return written
  if (/^-?\d+$/.test(written)) {
    const integer = BigInt(written)
    if (integer >= INTEGER_MIN && integer <= INTEGER_MAX) return String(integer)
  }
  const float = Number(written)
  if (!Number.isFinite(float)) throw new JsonError({ code: "syntax", reason: `${written} is too large a number` })
  return floatText(float)
}

/** Exponents of ten from which on floats are written with one. */
const EXPONENT_MIN = -4
const EXPONENT_MAX = 15

function floatText(float: number): string {
  const sign = float < 0 || Object.is(float, -0) ? "-" : ""
  const [mantissa = "", power = ""] = Math.abs(float).toExponential().split("e")
  const exponent = Number(power)
  if (exponent < EXPONENT_MIN || exponent >= EXPONENT_MAX) {
    return `${sign}${mantissa}e${power[0]!}${power.slice(1).padStart(2, "0")}`
  }
  const digits = mantissa.replace(".", "")
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`
  return `${sign}${digits.slice(0, exponent + 1).padEnd(exponent + 1, "0")}.${digits.slice(exponent + 1) || "0"}`
}
