/** Space, comments and parentheses, which the syntax tree does not have. */
import type { SourceFile } from "@tvix-ts/syntax"

/** The offset of the first byte at or after `at` that is neither space nor part of a comment. */
export function skipTrivia(text: string, at: number): number {
  for (;;) {
    while (isSpace(text, at)) at++
    if (text[at] === "#") {
      while (at < text.length && text[at] !== "\n" && text[at] !== "\r") at++
    } else if (text.startsWith("/*", at)) {
      const end = text.indexOf("*/", at + 2)
      at = end < 0 ? text.length : end + 2
    } else return at
  }
}

export function isSpace(text: string, at: number): boolean {
  const c = text.charCodeAt(at)
  return c === 0x20 || (c >= 0x09 && c <= 0x0d)
}

/** The parentheses of a text; knows in which lines what looks like one may be part of a comment. */
export class Parentheses {
  readonly #source: SourceFile
  /** Offset of the first sign of a comment, by line: asked again and again where many nest on one line. */
  readonly #marks = new Map<number, number>()

  constructor(source: SourceFile) {
    this.#source = source
  }

  /** The offset of the one that opens right before `at`, space apart; -1 if there is none. */
  openingBefore(at: number): number {
    const { text } = this.#source
    let i = at - 1
    while (i >= 0 && isSpace(text, i)) i--
    if (text[i] !== "(") return -1
    const { line, column } = this.#source.position(i)
    let mark = this.#marks.get(line)
    if (mark === undefined) {
      mark = (this.#source.line(line) ?? "").search(/#|\/\*/)
      this.#marks.set(line, mark)
    }
    return mark >= 0 && mark < column - 1 ? -1 : i
  }
}

/** The offset of the parenthesis that closes right after `at`, space and comments apart; -1 if there is none. */
export function closingAfter(text: string, at: number): number {
  const i = skipTrivia(text, at)
  return text[i] === ")" ? i : -1
}

/** Whether there is a comment in `[from, to)`, or anything that looks like one: then nothing must be thrown away. */
export function mayHoldComment(text: string, from: number, to: number): boolean {
  return /#|\/\*/.test(text.slice(from, to))
}
