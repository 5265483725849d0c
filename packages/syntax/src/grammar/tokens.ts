/**
 * The terminals of the grammar. This table is the only place where a token is declared: the lexer uses the numbers, the
 * rules the names, and messages the display texts.
 *
 * Numbers and display texts are those of C++ Nix, because messages list the expected tokens in the order of their
 * numbers: declaration order in its parser.y, then the order in which a character first appears in a rule.
 */

/** `[name in rules.ts, as messages call it]`; the index is the number. Byte strings, like all text of this package. */
export const TOKENS: readonly (readonly [name: string, display: string])[] = [
  ["END", "end of file"],
  ["error", "error"], // bison reserves it; no rule uses it
  ["INVALID", "invalid token"],
  ["ID", "identifier"],
  ["STR", "string"],
  ["IND_STR", "indented string"],
  ["INT", "integer"],
  ["FLOAT", "floating-point literal"],
  ["PATH", "path"],
  ["HPATH", "'~/\xe2\x80\xa6' path"],
  ["SPATH", "'<\xe2\x80\xa6>' path"],
  ["PATH_END", "end of path"],
  ["URI", "URI"],
  ["if", "'if'"],
  ["then", "'then'"],
  ["else", "'else'"],
  ["assert", "'assert'"],
  ["with", "'with'"],
  ["let", "'let'"],
  ["in", "'in'"],
  ["rec", "'rec'"],
  ["inherit", "'inherit'"],
  ["==", "'=='"],
  ["!=", "'!='"],
  ["<=", "'<='"],
  [">=", "'>='"],
  ["//", "'//'"],
  ["++", "'++'"],
  ["&&", "'&&'"],
  ["||", "'||'"],
  ["->", "'->'"],
  ["or", "'or'"],
  ["<|", "'<|'"],
  ["|>", "'|>'"],
  ["${", "'${'"],
  ["''(", "start of an indented string"],
  [")''", "end of an indented string"],
  ["...", "'...'"],
  ["REPL", "start of REPL bindings"],
  ["<", "'<'"],
  [">", "'>'"],
  ["NOT", "NOT"], // exists only to name a precedence
  ["+", "'+'"],
  ["-", "'-'"],
  ["*", "'*'"],
  ["/", "'/'"],
  ["?", "'?'"],
  ["NEGATE", "NEGATE"], // exists only to name a precedence
  [":", "':'"],
  ["@", "'@'"],
  [";", "';'"],
  ["!", "'!'"],
  [".", "'.'"],
  ['"', "'\"'"],
  ["(", "'('"],
  [")", "')'"],
  ["{", "'{'"],
  ["}", "'}'"],
  ["[", "'['"],
  ["]", "']'"],
  ["=", "'='"],
  [",", "','"],
]

export const TOKEN_COUNT: number = TOKENS.length

/** Number of the token that rules.ts calls `name`. */
export function tokenNumber(name: string): number {
  const number = TOKENS.findIndex((token) => token[0] === name)
  if (number < 0) throw new RangeError(`no token is called ${name}`)
  return number
}

export const END = tokenNumber("END")
export const INVALID = tokenNumber("INVALID")
export const ID = tokenNumber("ID")
export const STR = tokenNumber("STR")
export const IND_STR = tokenNumber("IND_STR")
export const INT = tokenNumber("INT")
export const FLOAT = tokenNumber("FLOAT")
export const PATH = tokenNumber("PATH")
export const HPATH = tokenNumber("HPATH")
export const SPATH = tokenNumber("SPATH")
export const PATH_END = tokenNumber("PATH_END")
export const URI = tokenNumber("URI")
export const QUOTE = tokenNumber('"')
export const INTERPOLATION_OPEN = tokenNumber("${")
export const INDENTED_OPEN = tokenNumber("''(")
export const INDENTED_CLOSE = tokenNumber(")''")
export const BRACE_OPEN = tokenNumber("{")
export const BRACE_CLOSE = tokenNumber("}")
export const PIPE_FROM = tokenNumber("<|")
export const PIPE_INTO = tokenNumber("|>")
export const REPL = tokenNumber("REPL")
