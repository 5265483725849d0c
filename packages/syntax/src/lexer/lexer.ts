/**
 * Text to tokens, by hand, over the bytes. What C++ Nix's lexer does by flex rules and start conditions is done here by
 * modes: which rules apply depends on whether we stand in code, in one of the two kinds of string, or in a path.
 * "The longest match wins" becomes an order of questions; where it is not obvious, the comment says why it holds.
 *
 * Never fails: what is wrong is reported, and some token stands in for it.
 */
import {
  BRACE_CLOSE,
  BRACE_OPEN,
  END,
  FLOAT,
  HPATH,
  ID,
  INDENTED_CLOSE,
  INDENTED_OPEN,
  IND_STR,
  INT,
  INTERPOLATION_OPEN,
  INVALID,
  PATH,
  PATH_END,
  PIPE_FROM,
  PIPE_INTO,
  QUOTE,
  REPL,
  SPATH,
  STR,
  TOKENS,
  URI,
  tokenNumber,
} from "../grammar/tokens.ts"
import type { ProblemDetail } from "../problem.ts"
import { CLASS, DIGIT, ID_PART, ID_START, PATH_PART, SPACE, URI_PART } from "./characters.ts"
import { containsNull, escapedCharacter, unescape } from "./escapes.ts"
import { parseFloatLiteral, parseInteger } from "./numbers.ts"

/** Receives what the lexer finds wrong; see `ProblemPlace` for the offsets. */
export type Report = (detail: ProblemDetail, from: number, to: number, at: number) => void

/** A comment that opens with two stars, from its first to after its last character. */
export interface DocComment {
  readonly from: number
  readonly to: number
}

/** Code at the bottom, where a stray `}` closes nothing. */
const CODE_BOTTOM = 0
const CODE = 1
const STRING = 2
const INDENTED = 3
/** Within a path that could end here. */
const IN_PATH = 4
/** Within a path, after a slash: more must follow. */
const IN_PATH_SLASH = 5
const REPL_START = 6

const KEYWORDS = ["if", "then", "else", "assert", "with", "let", "in", "rec", "inherit", "or"].map((word) => ({
  word,
  token: tokenNumber(word),
}))
/** The keywords that begin with each byte. */
const KEYWORDS_FROM: readonly (typeof KEYWORDS)[] = Array.from({ length: 256 }, (_, first) =>
  KEYWORDS.filter(({ word }) => word.charCodeAt(0) === first),
)

/** Token of each byte that is one by itself, INVALID for the rest. NUL ends the file, as it does in C++ Nix. */
const SINGLE = new Uint8Array(256).fill(INVALID)
TOKENS.forEach(([name], number) => {
  if (name.length === 1) SINGLE[name.charCodeAt(0)] = number
})
SINGLE[0] = END

/** Tokens of two characters, by `first << 8 | second`. */
const DOUBLE: ReadonlyMap<number, number> = new Map(
  ["==", "!=", "<=", ">=", "&&", "||", "->", "//", "++", "<|", "|>"].map((name) => [
    (name.charCodeAt(0) << 8) | name.charCodeAt(1),
    tokenNumber(name),
  ]),
)
/** 1 for the bytes a token of two characters can start with. */
const STARTS_DOUBLE = new Uint8Array(256)
for (const pair of DOUBLE.keys()) STARTS_DOUBLE[pair >> 8] = 1
const ELLIPSIS = tokenNumber("...")

const NEWLINE = 0x0a
const RETURN = 0x0d
const DOUBLE_QUOTE = 0x22
const HASH = 0x23
const DOLLAR = 0x24
const SINGLE_QUOTE = 0x27
const STAR = 0x2a
const PLUS = 0x2b
const MINUS = 0x2d
const DOT = 0x2e
const SLASH = 0x2f
const ZERO = 0x30
const COLON = 0x3a
const LESS = 0x3c
const GREATER = 0x3e
const BACKSLASH = 0x5c
const UNDERSCORE = 0x5f
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const TILDE = 0x7e

export class Lexer {
  readonly text: string
  readonly length: number
  /** Where the next token starts to be looked for. */
  pos = 0
  /** Offsets of the token that `next` returned last. */
  from = 0
  to = 0
  /** What the last INT, FLOAT, STR or IND_STR token stands for. */
  value: string | number | bigint = ""
  /** The doc comment directly before a token, by the token's offset. Empty in most files. */
  readonly docs: Map<number, DocComment> = new Map()

  #mode: number
  /** The modes to return to, innermost last. */
  readonly #modes: number[] = []
  readonly #report: Report
  readonly #pipeOperators: boolean
  #pendingDoc: DocComment | undefined
  /**
   * End of the run of path characters around `pos` that was scanned last, and the offset of the last `_` in it.
   * Remembered because every part of `a.b.c.d` has to know what follows the whole run.
   */
  #runEnd = 0
  #runUnderscore = -1
  /** From here on no comment is closed: keeps many unclosed ones from being scanned again and again. */
  #uncommentedFrom = Infinity
  /** Start of the token before the last one; used in paths only. */
  #previousFrom = 0
  /** Where END is, if not after the last character: C++ Nix places it at the last piece of a path that ends the file. */
  #endAt = -1

  constructor(text: string, report: Report, options: { readonly pipeOperators: boolean; readonly repl?: boolean }) {
    this.text = text
    this.length = text.length
    this.#report = report
    this.#pipeOperators = options.pipeOperators
    this.#mode = options.repl === true ? REPL_START : CODE_BOTTOM
  }

  /** Reads the next token: returns its number and sets `from`, `to` and, where it has one, `value`. */
  next(): number {
    switch (this.#mode) {
      case STRING:
        return this.#string()
      case INDENTED:
        return this.#indented()
      case IN_PATH:
      case IN_PATH_SLASH:
        return this.#path()
      case REPL_START:
        this.#mode = CODE_BOTTOM
        if (this.length > 0) return REPL
    }
    return this.#code()
  }

  /** Whether the next token is sought within `"…"`. */
  get inString(): boolean {
    return this.#mode === STRING
  }

  /**
   * For the parser after an error: makes it so that `depth` modes wait to be returned to. The current mode stays if
   * `keepMode`, else it becomes the one that belongs at that depth.
   */
  setDepth(depth: number, keepMode: boolean): void {
    const modes = this.#modes
    if (depth < modes.length) {
      if (!keepMode) this.#mode = modes[depth]!
      modes.length = depth
    }
    while (modes.length < depth) {
      modes.push(modes.length === 0 ? CODE_BOTTOM : CODE)
      if (!keepMode) this.#mode = CODE
    }
  }

  #enter(mode: number): void {
    this.#modes.push(this.#mode)
    this.#mode = mode
  }

  #leave(): void {
    this.#mode = this.#modes.pop() ?? CODE_BOTTOM
  }

  #token(number: number, to: number): number {
    this.from = this.pos
    this.to = this.pos = to
    return number
  }

  #end(): number {
    this.from = this.to = this.#endAt >= 0 ? this.#endAt : this.pos
    return END
  }

  #code(): number {
    const { text, length } = this
    let pos = this.pos
    let c = 0
    let kind = 0
    // White space and comments.
    for (;;) {
      if (pos >= length) {
        this.pos = pos
        return this.#end()
      }
      c = text.charCodeAt(pos)
      kind = CLASS[c]!
      if ((kind & SPACE) !== 0) pos++
      else if (c === HASH) {
        do pos++
        while (pos < length && (c = text.charCodeAt(pos)) !== NEWLINE && c !== RETURN)
      } else if (c === SLASH && text.charCodeAt(pos + 1) === STAR && pos < this.#uncommentedFrom) {
        const close = text.indexOf("*/", pos + 2)
        if (close < 0) {
          // Not a comment then, but `/` and `*`, which the parser will reject.
          this.#uncommentedFrom = pos
          break
        }
        // `/**` starts documentation, `/**/` and `/***` do not.
        const afterStars = text.charCodeAt(pos + 3)
        if (text.charCodeAt(pos + 2) === STAR && afterStars !== SLASH && afterStars !== STAR) {
          this.#pendingDoc = { from: pos, to: close + 2 }
        }
        pos = close + 2
      } else break
    }
    this.pos = pos
    if (this.#pendingDoc !== undefined) {
      this.docs.set(pos, this.#pendingDoc)
      this.#pendingDoc = undefined
    }

    if ((kind & ID_START) !== 0) {
      let end = pos + 1
      while (end < length && (CLASS[text.charCodeAt(end)]! & ID_PART) !== 0) end++
      // A path or a URI that starts here goes on after the word with one of these, and is then the longer match.
      const after = text.charCodeAt(end)
      if (after === DOT || after === COLON || after === SLASH || after === PLUS) {
        const longer = this.#pathOrUri(pos)
        if (longer !== 0) return longer
      }
      this.from = pos
      this.to = this.pos = end
      const keywords = KEYWORDS_FROM[c]!
      for (let i = 0; i < keywords.length; i++) {
        const { word, token } = keywords[i]!
        if (word.length === end - pos && text.startsWith(word, pos)) return token
      }
      return ID
    }
    if ((kind & PATH_PART) !== 0 || c === SLASH) {
      const longer = this.#pathOrUri(pos)
      if (longer !== 0) return longer
      if ((kind & DIGIT) !== 0) return this.#number(pos)
    }
    const second = text.charCodeAt(pos + 1)
    switch (c) {
      case OPEN_BRACE:
        this.#enter(CODE)
        return this.#token(BRACE_OPEN, pos + 1)
      case CLOSE_BRACE:
        if (this.#mode !== CODE_BOTTOM) this.#leave()
        return this.#token(BRACE_CLOSE, pos + 1)
      case DOUBLE_QUOTE:
        this.#enter(STRING)
        return this.#token(QUOTE, pos + 1)
      case DOLLAR:
        if (second !== OPEN_BRACE) break
        this.#enter(CODE)
        return this.#token(INTERPOLATION_OPEN, pos + 2)
      case SINGLE_QUOTE:
        if (second === SINGLE_QUOTE) return this.#openIndented(pos)
        break
      case DOT:
        if ((CLASS[second]! & DIGIT) !== 0) return this.#number(pos)
        if (second === DOT && text.charCodeAt(pos + 2) === DOT) return this.#token(ELLIPSIS, pos + 3)
        break
      case TILDE:
        if (second === SLASH) {
          const home = this.#homePath(pos)
          if (home !== 0) return home
        }
        break
      case LESS: {
        const searched = this.#searchPath(pos)
        if (searched !== 0) return searched
        break
      }
    }
    if (STARTS_DOUBLE[c] === 1) {
      const double = DOUBLE.get((c << 8) | second)
      if (double !== undefined) {
        if ((double === PIPE_FROM || double === PIPE_INTO) && !this.#pipeOperators) {
          this.#report({ code: "pipe-operators-disabled" }, pos, pos + 2, pos)
        }
        return this.#token(double, pos + 2)
      }
    }
    return this.#token(SINGLE[c] ?? INVALID, pos + 1)
  }

  #openIndented(pos: number): number {
    // The line of the opening quotes does not count if it is otherwise empty.
    let end = pos + 2
    while (this.text.charCodeAt(end) === 0x20) end++
    this.#enter(INDENTED)
    return this.#token(INDENTED_OPEN, this.text.charCodeAt(end) === NEWLINE ? end + 1 : pos + 2)
  }

  #number(pos: number): number {
    const { text } = this
    let end = pos
    while (isDigit(text.charCodeAt(end))) end++
    // A float is `1.`, `1.5`, `.5` or `0.5`: no zero before other digits, and no `0.` by itself.
    const startsWithZero = text.charCodeAt(pos) === ZERO
    const pointed =
      text.charCodeAt(end) === DOT &&
      (end === pos || startsWithZero ? end - pos <= 1 && isDigit(text.charCodeAt(end + 1)) : true)
    if (!pointed) {
      const digits = text.slice(pos, end)
      const value = parseInteger(digits)
      if (value === undefined) this.#report({ code: "invalid-integer", text: digits }, pos, end, pos)
      this.value = value ?? 0
      return this.#token(INT, end)
    }
    do end++
    while (isDigit(text.charCodeAt(end)))
    const e = text.charCodeAt(end)
    if (e === 0x65 || e === 0x45) {
      let exponent = end + 1
      const sign = text.charCodeAt(exponent)
      if (sign === PLUS || sign === MINUS) exponent++
      if (isDigit(text.charCodeAt(exponent))) {
        end = exponent
        while (isDigit(text.charCodeAt(end))) end++
      }
    }
    const literal = text.slice(pos, end)
    const value = parseFloatLiteral(literal)
    if (value === undefined) this.#report({ code: "invalid-float", text: literal }, pos, end, pos)
    this.value = value ?? 0
    return this.#token(FLOAT, end)
  }

  /** End of the run of path characters from `pos`. */
  #run(pos: number): number {
    const { text, length } = this
    while (pos < length && (CLASS[text.charCodeAt(pos)]! & PATH_PART) !== 0) pos++
    return pos
  }

  /** Path characters at `pos`? */
  #isPathPart(pos: number): boolean {
    return pos < this.length && (CLASS[this.text.charCodeAt(pos)]! & PATH_PART) !== 0
  }

  /** End of `(/part)+/?` from the slash at `slash`, which a path character follows. */
  #pathEnd(slash: number): number {
    let end = slash
    while (this.text.charCodeAt(end) === SLASH && this.#isPathPart(end + 1)) end = this.#run(end + 2)
    return this.text.charCodeAt(end) === SLASH ? end + 1 : end
  }

  /** Whether `${` stands at `pos`. */
  #interpolatesAt(pos: number): boolean {
    return this.text.charCodeAt(pos) === DOLLAR && this.text.charCodeAt(pos + 1) === OPEN_BRACE
  }

  /**
   * The path or URI at `pos`, or 0. Both begin with a run of path characters and differ in what follows the run, so
   * there is never a choice between them; either is longer than any other token that could start here.
   */
  #pathOrUri(pos: number): number {
    const { text, length } = this
    if (pos >= this.#runEnd) {
      let end = pos
      let c = 0
      while (end < length && (CLASS[(c = text.charCodeAt(end))]! & PATH_PART) !== 0) {
        if (c === UNDERSCORE) this.#runUnderscore = end
        end++
      }
      this.#runEnd = end
    }
    const runEnd = this.#runEnd
    const after = text.charCodeAt(runEnd)
    if (after === SLASH) {
      if (this.#isPathPart(runEnd + 1)) return this.#openPath(PATH, this.#pathEnd(runEnd))
      if (this.#interpolatesAt(runEnd + 1)) return this.#openPath(PATH, runEnd + 1)
    } else if (
      after === COLON &&
      this.#runUnderscore < pos &&
      (CLASS[text.charCodeAt(pos)]! & (ID_START | DIGIT)) === ID_START &&
      runEnd + 1 < length &&
      (CLASS[text.charCodeAt(runEnd + 1)]! & URI_PART) !== 0
    ) {
      let end = runEnd + 2
      while (end < length && (CLASS[text.charCodeAt(end)]! & URI_PART) !== 0) end++
      return this.#token(URI, end)
    }
    return 0
  }

  #homePath(pos: number): number {
    if (this.#isPathPart(pos + 2)) return this.#openPath(HPATH, this.#pathEnd(pos + 1))
    return this.#interpolatesAt(pos + 2) ? this.#openPath(HPATH, pos + 2) : 0
  }

  /** Starts a path whose first literal piece ends at `end`. */
  #openPath(token: number, end: number): number {
    this.#enter(this.text.charCodeAt(end - 1) === SLASH ? IN_PATH_SLASH : IN_PATH)
    return this.#token(token, end)
  }

  /** The `<a/b>` at `pos`, or 0. */
  #searchPath(pos: number): number {
    let end = pos
    do {
      const start = end + 1
      end = this.#run(start)
      if (end === start) return 0
    } while (this.text.charCodeAt(end) === SLASH)
    return this.text.charCodeAt(end) === GREATER ? this.#token(SPATH, end + 1) : 0
  }

  /** Within a path: another literal piece, an interpolation, or the end. */
  #path(): number {
    const { text, pos } = this
    const previousFrom = this.#previousFrom
    this.#previousFrom = this.from
    if (this.#interpolatesAt(pos)) {
      this.#mode = IN_PATH
      this.#enter(CODE)
      return this.#token(INTERPOLATION_OPEN, pos + 2)
    }
    let end = this.#run(pos)
    if (text.charCodeAt(end) === SLASH) end = this.#isPathPart(end + 1) ? this.#pathEnd(end) : end + 1
    if (end > pos) {
      this.#mode = text.charCodeAt(end - 1) === SLASH ? IN_PATH_SLASH : IN_PATH
      this.value = text.slice(pos, end)
      return this.#token(STR, end)
    }
    if (this.#mode === IN_PATH_SLASH) {
      const at = pos < this.length ? pos : this.from
      this.#report({ code: "path-trailing-slash" }, pos - 1, pos, at)
    }
    this.#leave()
    // The end of a path has no text; C++ Nix places it on the path's last piece, at the end of the file one before.
    if (pos >= this.length) {
      this.#endAt = this.from
      this.from = previousFrom
    }
    return PATH_END
  }

  /** Within `"…"`: a literal piece, an interpolation, or the closing quote. */
  #string(): number {
    const { text, length, pos } = this
    let end = pos
    let plain = true
    while (end < length) {
      const c = text.charCodeAt(end)
      if (c === DOUBLE_QUOTE) break
      if (c === BACKSLASH) {
        if (end + 1 >= length) break
        plain = false
        end += 2
      } else if (c === DOLLAR) {
        if (end + 1 >= length) break
        const second = text.charCodeAt(end + 1)
        if (second === OPEN_BRACE) break
        if (second === BACKSLASH) {
          if (end + 2 >= length) break
          plain = false
          end += 3
        } else if (second === DOUBLE_QUOTE) {
          end++
          break
        } else {
          // Two at once: the second character is literal even if it is another dollar, as in `$${`.
          if (second === RETURN || second === 0) plain = false
          end += 2
        }
      } else {
        if (c === RETURN || c === 0) plain = false
        end++
      }
    }
    if (end > pos) {
      const raw = text.slice(pos, end)
      this.value = plain ? raw : unescape(raw)
      if (!plain && containsNull(raw)) this.#report({ code: "null-byte", text: this.value }, pos, end, pos)
      return this.#token(STR, end)
    }
    if (this.#interpolatesAt(pos)) {
      this.#enter(CODE)
      return this.#token(INTERPOLATION_OPEN, pos + 2)
    }
    if (pos < length && text.charCodeAt(pos) === DOUBLE_QUOTE) {
      this.#leave()
      return this.#token(QUOTE, pos + 1)
    }
    // The file ends in this string, perhaps after a `$` or `\` that lacks its second half.
    this.pos = length
    return this.#end()
  }

  /** Within `''…''`: a literal piece, an escape, an interpolation, or the closing quotes. */
  #indented(): number {
    const { text, length, pos } = this
    let end = pos
    let hasNull = false
    while (end < length) {
      const c = text.charCodeAt(end)
      if (c === DOLLAR || c === SINGLE_QUOTE) {
        const second = end + 1 < length ? text.charCodeAt(end + 1) : SINGLE_QUOTE
        if (second === SINGLE_QUOTE || second === (c === DOLLAR ? OPEN_BRACE : DOLLAR)) break
        if (second === 0) hasNull = true
        end += 2
      } else {
        if (c === 0) hasNull = true
        end++
      }
    }
    if (end > pos) {
      this.value = text.slice(pos, end)
      if (hasNull) this.#report({ code: "null-byte", text: this.value }, pos, end, pos)
      return this.#token(IND_STR, end)
    }
    if (pos >= length) return this.#end()
    if (text.charCodeAt(pos) === DOLLAR) {
      if (text.charCodeAt(pos + 1) === OPEN_BRACE) {
        this.#enter(CODE)
        return this.#token(INTERPOLATION_OPEN, pos + 2)
      }
      return this.#indentedEscape("$", pos + 1)
    }
    if (text.charCodeAt(pos + 1) !== SINGLE_QUOTE) return this.#indentedEscape("'", pos + 1)
    const third = text.charCodeAt(pos + 2)
    if (third === DOLLAR) return this.#indentedEscape("$", pos + 3)
    if (third === SINGLE_QUOTE) return this.#indentedEscape("''", pos + 3)
    if (third === BACKSLASH && pos + 3 < length) {
      return this.#indentedEscape(escapedCharacter(text.charAt(pos + 3)), pos + 4)
    }
    this.#leave()
    return this.#token(INDENTED_CLOSE, pos + 2)
  }

  #indentedEscape(value: string, to: number): number {
    this.value = value
    return this.#token(IND_STR, to)
  }
}

function isDigit(c: number): boolean {
  return c >= ZERO && c <= 0x39
}
