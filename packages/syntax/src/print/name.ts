/** How C++ Nix prints the atoms of a program: names and strings. All byte strings. */

/** Words that are no identifiers. `or` is not among them: it may be a name. */
const RESERVED: ReadonlySet<string> = new Set(["if", "then", "else", "assert", "with", "let", "in", "rec", "inherit"])

/** `name` as an identifier where it can be one, else as a string. */
export function printName(name: string): string {
  if (RESERVED.has(name)) return `"${name}"`
  return /^[a-zA-Z_][a-zA-Z0-9_'-]*$/.test(name) ? name : printString(name)
}

const ESCAPES: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }

/** `value` as a `"…"` literal. */
export function printString(value: string): string {
  return `"${value.replaceAll(/["\\\n\r\t]|\$(?=\{)/g, (c) => ESCAPES[c] ?? `\\${c}`)}"`
}
