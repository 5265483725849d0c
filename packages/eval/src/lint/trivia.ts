/** Space and comments, which the syntax tree does not have. */

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

/** The offset of the parenthesis that opens right before `at`, space apart; -1 if there is none. */
export function openingBefore(text: string, at: number): number {
  let i = at - 1
  while (i >= 0 && isSpace(text, i)) i--
  if (text[i] !== "(") return -1
  // It could be the last character of a comment: then a `#` comes before it in its line.
  const line = text.slice(Math.max(text.lastIndexOf("\n", i), text.lastIndexOf("\r", i)) + 1, i)
  return line.includes("#") || line.includes("/*") ? -1 : i
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
