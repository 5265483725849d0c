/** Roughly the tokens of the language: enough to underline one. */
const TOKEN =
  /[a-zA-Z_][a-zA-Z0-9_'-]*|[0-9]+(?:\.[0-9]*)?|(?:\.{1,2}|~|[a-zA-Z0-9_.+-]*)?(?:\/[a-zA-Z0-9_.+-]+)+|<[a-zA-Z0-9_./+-]+>|"(?:[^"\\\n]|\\.)*"|''|->|\/\/|\+\+|&&|\|\||[=!<>]=|\.\.\.|\$\{|\|>|<\|/y

/** Bytes of the token that begins at `offset`; 1 where none does. */
export function tokenLength(text: string, offset: number): number {
  TOKEN.lastIndex = offset
  return TOKEN.exec(text)?.[0].length ?? 1
}
