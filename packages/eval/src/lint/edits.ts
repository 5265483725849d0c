/** How the text around a node is changed without touching anything else. Undefined where that is not certain. */
import type { Binding } from "@tvix-ts/syntax"
import type { Edit } from "./finding.ts"
import { isSpace, mayHoldComment, skipTrivia } from "./trivia.ts"

export function replace(from: number, to: number, text: string): readonly Edit[] {
  return [{ from, to, text }]
}

/** Removes `[from, to)`, unless a comment would go with it. */
export function remove(text: string, from: number, to: number): readonly Edit[] | undefined {
  return mayHoldComment(text, from, to) ? undefined : [{ from, to, text: "" }]
}

/** The offset after the `;` that ends what stands before `at`, closing parentheses apart; -1 if it is not there. */
export function afterSemicolon(text: string, at: number): number {
  let i = skipTrivia(text, at)
  while (text[i] === ")") i = skipTrivia(text, i + 1)
  return text[i] === ";" ? i + 1 : -1
}

/** Removes a binding, and its line if there is nothing else on it. */
export function removeBinding(text: string, { name, at, value }: Binding): readonly Edit[] | undefined {
  if (value.kind !== "plain") return removeInherited(text, at, at + name.length)
  // `a.b = …` is part of a set that may have other parts elsewhere.
  if (value.expr.kind === "attrs" && !value.expr.explicit) return undefined
  if (text[skipTrivia(text, at + name.length)] !== "=" || !text.startsWith(name, at)) return undefined
  const end = afterSemicolon(text, value.expr.to)
  return end < 0 ? undefined : removeStatement(text, at, end)
}

function removeStatement(text: string, start: number, end: number): readonly Edit[] {
  let from = start
  let to = end
  while (from > 0 && (text[from - 1] === " " || text[from - 1] === "\t")) from--
  while (text[to] === " " || text[to] === "\t") to++
  const ownLines =
    (from === 0 || text[from - 1] === "\n") && (to === text.length || text[to] === "\n" || text[to] === "\r")
  if (!ownLines) return [{ from: start, to, text: "" }]
  if (text[to] === "\r") to++
  return [{ from, to: Math.min(to + 1, text.length), text: "" }]
}

/** Removes one name of an `inherit`; the whole of it, if there is no other and no parentheses. */
export function removeInherited(text: string, from: number, to: number): readonly Edit[] | undefined {
  let before = from
  while (before > 0 && isSpace(text, before - 1)) before--
  const last = text[skipTrivia(text, to)] === ";"
  const word = text.slice(before - "inherit".length, before)
  if (last && word === "inherit") {
    return removeStatement(text, before - "inherit".length, skipTrivia(text, to) + 1)
  }
  return last && text[before - 1] === ")" ? undefined : remove(text, before, to)
}

/** Removes the name of a whole set pattern with its `@`. */
export function removeAt(text: string, name: string, at: number): readonly Edit[] | undefined {
  const end = at + name.length
  const after = skipTrivia(text, end)
  if (text[after] === "@") return remove(text, at, skipTrivia(text, after + 1))
  let sign = at - 1
  while (isSpace(text, sign)) sign--
  if (text[sign] !== "@") return undefined
  while (isSpace(text, sign - 1)) sign--
  return remove(text, sign, end)
}

/** Removes the parentheses at `open` and `close`, leaving space where something would run into something else. */
export function unwrap(text: string, open: number, close: number): readonly Edit[] {
  const before = /[\s()[{=,;]/.test(text[open - 1] ?? " ") ? "" : " "
  const after = /[\s)\]},;]/.test(text[close + 1] ?? " ") ? "" : " "
  return [
    { from: open, to: open + 1, text: before },
    { from: close, to: close + 1, text: after },
  ]
}
