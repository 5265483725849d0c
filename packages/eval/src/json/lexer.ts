/**
 * JSON tokens, read byte by byte in the way of nlohmann::json, because its messages tell how far it has read: every byte
 * since the last string or number began, and the end of the text counts as one more column.
 */
import { JsonError } from "./problem.ts"
import { byteStringOfCodePoint, continuation } from "./utf8.ts"

/** What a token is called in messages. `error` never appears in one. */
export const TOKEN_NAMES = {
  true: "true literal",
  false: "false literal",
  null: "null literal",
  string: "string literal",
  number: "number literal",
  "[": "'['",
  "{": "'{'",
  "]": "']'",
  "}": "'}'",
  ":": "':'",
  ",": "','",
  end: "end of input",
  value: "'[', '{', or a literal",
} as const
export type Token = keyof typeof TOKEN_NAMES

const END = -1

export class Lexer {
  readonly text: string
  /** Bytes read so far; the end of the text counts as one when read. */
  at = 0
  /** Where the text shown as "last read" begins. */
  private shownFrom = 0
  private context = ""
  /** nlohmann::json then takes itself to be in column 0. */
  private wentBackOverNewline = false
  private expected: Token | undefined

  /** Of the last string token, a byte string. */
  string = ""
  /** Of the last number token, as written. */
  number = ""
  /** Whether that has neither a point nor an exponent. */
  isInteger = false

  constructor(text: string) {
    this.text = text
  }

  /** @throws {JsonError} saying that `context` was being parsed, and what was `expected` if only that could follow */
  next(context: string, expected?: Token): Token {
    this.context = context
    this.wentBackOverNewline = false
    this.expected = expected
    if (this.at === 0) this.skipByteOrderMark()
    let c
    do c = this.read()
    while (c === 0x20 || c === 0x09 || c === 0x0a || c === 0x0d)
    switch (c) {
      case 0x5b:
        return "["
      case 0x5d:
        return "]"
      case 0x7b:
        return "{"
      case 0x7d:
        return "}"
      case 0x3a:
        return ":"
      case 0x2c:
        return ","
      case 0x22:
        return this.scanString()
      case 0x74:
        return this.scanLiteral("true")
      case 0x66:
        return this.scanLiteral("false")
      case 0x6e:
        return this.scanLiteral("null")
      case 0:
      case END:
        return "end"
      default:
        if (c === 0x2d || isDigit(c)) return this.scanNumber(c)
        return this.refuse("invalid literal")
    }
  }

  /** Throws a syntax error at the place read last. */
  fail(detail: string): never {
    const read = this.text.slice(0, this.at)
    const newline = read.lastIndexOf("\n")
    let line = 1
    for (let at = read.indexOf("\n"); at >= 0; at = read.indexOf("\n", at + 1)) line++
    const column = this.wentBackOverNewline ? 0 : this.at - newline - 1
    throw new JsonError({ code: "json-syntax", line, column, detail })
  }

  private refuse(reason: string): never {
    const shown = this.text.slice(this.shownFrom, this.at).replace(/[\0-\x1f]/g, (c) => {
      return `<U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}>`
    })
    const expected = this.expected === undefined ? "" : `; expected ${TOKEN_NAMES[this.expected]}`
    return this.fail(`syntax error while parsing ${this.context} - ${reason}; last read: '${shown}'${expected}`)
  }

  private read(): number {
    const { text } = this
    const at = this.at++
    return at < text.length ? text.charCodeAt(at) : END
  }

  private skipByteOrderMark(): void {
    if (this.text.charCodeAt(0) !== 0xef) return
    this.at = 1
    if (this.read() !== 0xbb || this.read() !== 0xbf) {
      this.refuse("invalid BOM; must be 0xEF 0xBB 0xBF if given")
    }
  }

  private scanLiteral<T extends Token>(literal: T): T {
    for (let i = 1; i < literal.length; i++) {
      if (this.read() !== literal.charCodeAt(i)) this.refuse("invalid literal")
    }
    return literal
  }

  private scanNumber(first: number): "number" {
    const from = this.at - 1
    this.shownFrom = from
    let c = first
    let isInteger = true
    if (c === 0x2d) {
      c = this.read()
      if (!isDigit(c)) this.refuse("invalid number; expected digit after '-'")
    }
    if (c === 0x30) c = this.read()
    else do c = this.read(); while (isDigit(c)) // prettier-ignore
    if (c === 0x2e) {
      isInteger = false
      if (!isDigit(this.read())) this.refuse("invalid number; expected digit after '.'")
      do c = this.read()
      while (isDigit(c))
    }
    if (c === 0x65 || c === 0x45) {
      isInteger = false
      c = this.read()
      if (c === 0x2b || c === 0x2d) {
        if (!isDigit(this.read())) this.refuse("invalid number; expected digit after exponent sign")
      } else if (!isDigit(c)) {
        this.refuse("invalid number; expected '+', '-', or digit after exponent")
      }
      do c = this.read()
      while (isDigit(c))
    }
    // The byte behind the number belongs to the next token.
    this.at--
    this.wentBackOverNewline = c === 0x0a
    this.number = this.text.slice(from, this.at)
    this.isInteger = isInteger
    return "number"
  }

  private scanString(): "string" {
    const { text } = this
    let from = this.at
    this.shownFrom = from - 1
    let string = ""
    for (;;) {
      // Nearly all bytes of nearly all strings.
      let at = this.at
      let plain = text.charCodeAt(at)
      while (plain >= 0x20 && plain < 0x80 && plain !== 0x22 && plain !== 0x5c) plain = text.charCodeAt(++at)
      this.at = at
      const c = this.read()
      if (c === 0x22) {
        this.string = string + text.slice(from, this.at - 1)
        return "string"
      }
      if (c === 0x5c) {
        string += text.slice(from, this.at - 1) + this.scanEscape()
        from = this.at
      } else if (c < 0x20) {
        this.refuse(c === END ? "invalid string: missing closing quote" : unescaped(c))
      } else if (c >= 0x80) {
        const rest = continuation(c)
        if (rest === undefined) this.refuse(ILL_FORMED)
        let [count, low, high] = rest
        for (; count > 0; count--) {
          const byte = this.read()
          if (byte < low || byte > high) this.refuse(ILL_FORMED)
          low = 0x80
          high = 0xbf
        }
      }
    }
  }

  private scanEscape(): string {
    switch (this.read()) {
      case 0x22:
        return '"'
      case 0x5c:
        return "\\"
      case 0x2f:
        return "/"
      case 0x62:
        return "\b"
      case 0x66:
        return "\f"
      case 0x6e:
        return "\n"
      case 0x72:
        return "\r"
      case 0x74:
        return "\t"
      case 0x75: {
        const unit = this.scanHex()
        if (unit < 0xd800 || unit > 0xdfff) return byteStringOfCodePoint(unit)
        if (unit >= 0xdc00) {
          this.refuse("invalid string: surrogate U+DC00..U+DFFF must follow U+D800..U+DBFF")
        }
        if (this.read() !== 0x5c || this.read() !== 0x75) this.refuse(LONE_SURROGATE)
        const low = this.scanHex()
        if (low < 0xdc00 || low > 0xdfff) this.refuse(LONE_SURROGATE)
        return byteStringOfCodePoint(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00))
      }
      default:
        return this.refuse("invalid string: forbidden character after backslash")
    }
  }

  private scanHex(): number {
    let value = 0
    for (let i = 0; i < 4; i++) {
      const c = this.read()
      const lower = c | 0x20
      if (isDigit(c)) value = value * 16 + c - 0x30
      else if (c > 0 && lower >= 0x61 && lower <= 0x66) value = value * 16 + lower - 0x57
      else this.refuse("invalid string: '\\u' must be followed by 4 hex digits")
    }
    return value
  }
}

const isDigit = (c: number): boolean => c >= 0x30 && c <= 0x39

const ILL_FORMED = "invalid string: ill-formed UTF-8 byte"
const LONE_SURROGATE = "invalid string: surrogate U+D800..U+DBFF must be followed by U+DC00..U+DFFF"

const CONTROL_NAMES = [
  "NUL SOH STX ETX EOT ENQ ACK BEL BS HT LF VT FF CR SO SI",
  "DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US",
].flatMap((line) => line.split(" "))
const SHORT_ESCAPES: Readonly<Record<string, string>> = { BS: "\\b", HT: "\\t", LF: "\\n", FF: "\\f", CR: "\\r" }

function unescaped(control: number): string {
  const name = CONTROL_NAMES[control]!
  const digits = control.toString(16).toUpperCase().padStart(4, "0")
  const short = SHORT_ESCAPES[name]
  const escapes = short === undefined ? `\\u${digits}` : `\\u${digits} or ${short}`
  return `invalid string: control character U+${digits} (${name}) must be escaped to ${escapes}`
}
