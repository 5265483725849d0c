/** The characters of TOML 1.0.0: white space, comments, strings and keys. A byte string is read from front to back. */
import { byteStringOfCodePoint, continuation } from "../../json/utf8.ts"
import { TomlError, type TomlMark } from "./problem.ts"

/** A half-open range of the text. */
export interface Range {
  readonly from: number
  readonly to: number
}
export type Note = Range & { readonly note: string }

export class Scanner {
  readonly text: string
  at = 0

  constructor(text: string) {
    this.text = text
    if (text.startsWith("\xef\xbb\xbf")) this.at = 3
  }

  /** Throws a syntax error about the next byte, or about the given places. */
  fail(title: string, ...notes: readonly (string | Note)[]): never {
    const marks = notes.map((note) => {
      return typeof note === "string" ? this.mark({ from: this.at, to: this.at + 1, note }) : this.mark(note)
    })
    throw new TomlError({ code: "toml-syntax", title, marks })
  }
  private failWithHint(title: string, note: string, hint: string): never {
    const marks = [this.mark({ from: this.at, to: this.at + 1, note })]
    throw new TomlError({ code: "toml-syntax", title, marks, hint: `Hint: ${hint}\n` })
  }

  private mark({ from, to, note }: Note): TomlMark {
    const { text } = this
    const start = from === 0 ? 0 : text.lastIndexOf("\n", from - 1) + 1
    const newline = text.indexOf("\n", from)
    const end = newline < 0 ? text.length : newline
    const line = text.slice(0, start).split("\n").length
    const length = Math.max(1, Math.min(to, end) - from)
    return { line, column: from - start, length, source: text.slice(start, end), note }
  }

  /** The character code of the next byte, or NaN at the end. */
  peek(ahead = 0): number {
    return this.text.charCodeAt(this.at + ahead)
  }

  /** Reads `token` if it is next. */
  take(token: string): boolean {
    if (!this.text.startsWith(token, this.at)) return false
    this.at += token.length
    return true
  }

  /** The text that a sticky expression matches here, which is read. */
  match(sticky: RegExp): string | undefined {
    sticky.lastIndex = this.at
    const match = sticky.exec(this.text)?.[0]
    if (match !== undefined) this.at += match.length
    return match
  }

  skipSpaces(): void {
    while (this.peek() === SPACE || this.peek() === TAB) this.at++
  }

  /** Reads a line's end, or finds the end of the text. */
  takeNewline(): boolean {
    return this.take("\n") || this.take("\r\n") || this.at === this.text.length
  }

  /** Skips spaces, comments and line ends. */
  skipBlank(): void {
    for (;;) {
      this.skipSpaces()
      this.skipComment()
      if (!this.take("\n") && !this.take("\r\n")) return
    }
  }

  /** A comment reaches to the end of its line, which is not read. */
  skipComment(): void {
    if (!this.take("#")) return
    const from = this.at
    while (this.skipCharacter()) continue
    const c = this.peek()
    if (Number.isNaN(c) || c === LF || (c === CR && this.peek(1) === LF)) return
    const end = this.text.indexOf("\n", from)
    const to = end < 0 ? this.text.length : end
    this.fail("toml::parse_comment_line: newline (LF / CRLF) or EOF is expected", { from, to, note: "but got this" })
  }

  /** Skips one character that may stand in a comment or a string: no control characters, and UTF-8 only. */
  private skipCharacter(): boolean {
    const lead = this.peek()
    if (lead < 0x80) {
      if (!(lead >= 0x20 && lead !== 0x7f) && lead !== TAB) return false
      this.at++
      return true
    }
    const rest = Number.isNaN(lead) ? undefined : continuation(lead)
    if (rest === undefined) return false
    const [count, low, high] = rest
    for (let i = 1; i <= count; i++) {
      const byte = this.peek(i)
      if (!(byte >= (i === 1 ? low : 0x80) && byte <= (i === 1 ? high : 0xbf))) return false
    }
    this.at += count + 1
    return true
  }

  /** A dotted key; ends before the spaces behind it. */
  key(): string[] {
    const parts = [this.simpleKey()]
    for (;;) {
      const { at } = this
      this.skipSpaces()
      if (!this.take(".")) {
        this.at = at
        return parts
      }
      this.skipSpaces()
      parts.push(this.simpleKey())
    }
  }

  /** As much of a dotted key as can be read. */
  keyPrefix(): string[] {
    const parts: string[] = []
    for (;;) {
      const { at } = this
      try {
        if (parts.length > 0) {
          this.skipSpaces()
          if (!this.take(".")) break
          this.skipSpaces()
        }
        parts.push(this.simpleKey())
      } catch (error) {
        if (!(error instanceof TomlError)) throw error
        this.at = at
        break
      }
    }
    return parts
  }

  private simpleKey(): string {
    const c = this.peek()
    if (c === QUOTE) return this.basicString()
    if (c === APOSTROPHE) return this.literalString()
    const bare = this.match(/[A-Za-z0-9_-]+/y)
    if (bare !== undefined) return bare
    return this.failWithHint(
      "toml::parse_simple_key: invalid key: key must be \"quoted\", 'quoted-literal', or bare key.",
      "expected alpha [a-zA-Z], digit [0-9], -, or _",
      "non-ASCII scripts are allowed in toml v1.1.0, but not in v1.0.0.",
    )
  }

  /** A string value; the next character is a quote of either kind. */
  string(): string {
    if (this.take('"""')) return this.multiLine('"', "toml::parse_ml_basic_string")
    if (this.take("'''")) return this.multiLine("'", "toml::parse_ml_literal_string")
    return this.peek() === QUOTE ? this.basicString() : this.literalString()
  }

  private basicString(): string {
    this.at++
    let string = ""
    for (;;) {
      const from = this.at
      while (this.peek() !== QUOTE && this.peek() !== BACKSLASH && this.skipCharacter()) continue
      string += this.text.slice(from, this.at)
      if (this.take('"')) return string
      string += this.escape() ?? this.fail("toml::parse_basic_string: invalid string format", 'expected "')
    }
  }

  private literalString(): string {
    const from = ++this.at
    while (this.peek() !== APOSTROPHE && this.skipCharacter()) continue
    const string = this.text.slice(from, this.at)
    return this.take("'") ? string : this.fail("toml::parse_literal_string: invalid string format", "expected '")
  }

  /** What follows the opening quotes. A line end right behind them is not part of the string; others are, as they are. */
  private multiLine(quote: string, who: string): string {
    const code = quote.charCodeAt(0)
    if (!this.take("\n")) this.take("\r\n")
    let string = ""
    for (;;) {
      const from = this.at
      for (;;) {
        const c = this.peek()
        if (c === code || (c === BACKSLASH && quote === '"')) break
        if (c === LF) this.at++
        else if (c === CR && this.peek(1) === LF) this.at += 2
        else if (!this.skipCharacter()) break
      }
      string += this.text.slice(from, this.at)
      if (this.peek() === code) {
        // Up to two quotes may stand right before the closing three.
        const quotes = this.match(quote === '"' ? /"{1,5}/y : /'{1,5}/y)!
        if (quotes.length >= 3) return string + quotes.slice(3)
        string += quotes
      } else if (this.peek() === BACKSLASH) {
        if (this.match(/\\[ \t]*(?:\r?\n[ \t]*)+/y) !== undefined) continue
        string += this.escape() ?? this.fail(`${who}: invalid string format`, `expected ${quote.repeat(3)}`)
      } else {
        this.fail(`${who}: invalid string format`, `expected ${quote.repeat(3)}`)
      }
    }
  }

  /** What the escape sequence here stands for; `undefined` and nothing read if there is none. */
  private escape(): string | undefined {
    const sequence = this.match(/\\(?:[btnfr"\\]|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8})/y)
    if (sequence === undefined) return undefined
    const simple = ESCAPES[sequence[1]!]
    if (simple !== undefined) return simple
    const point = Number.parseInt(sequence.slice(2), 16)
    if (point > 0x10ffff) this.failBack(sequence.length, "toml::parse_utf8_codepoint: input codepoint is too large.")
    if (point >= 0xd800 && point <= 0xdfff) {
      this.failBack(sequence.length, "toml::parse_utf8_codepoint: [0xD800, 0xDFFF] is not a valid UTF-8")
    }
    return byteStringOfCodePoint(point)
  }

  private failBack(length: number, title: string): never {
    this.fail(title, { from: this.at - length, to: this.at, note: "here" })
  }
}

const TAB = 0x09
const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20
const QUOTE = 0x22
const APOSTROPHE = 0x27
const BACKSLASH = 0x5c

const ESCAPES: Readonly<Record<string, string>> = {
  b: "\b",
  t: "\t",
  n: "\n",
  f: "\f",
  r: "\r",
  '"': '"',
  "\\": "\\",
}
