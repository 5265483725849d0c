/** How values are written so that they can be read again. Everything takes and gives byte strings. */

/** UTF-8 of the guillemets that C++ Nix puts around whatever is not Nix syntax. */
const OPEN = "\xc2\xab"
const CLOSE = "\xc2\xbb"

const ESCAPES: Readonly<Record<string, string>> = { '"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" }
const NEEDS_ESCAPE = /["\\\n\r\t]|\$(?=\{)/
const ALL_ESCAPES = /["\\\n\r\t]|\$(?=\{)/g

/**
 * A string literal, as `nix-instantiate --eval` prints one.
 *
 * @param bytesMax bytes of the value to show; what is cut off is counted behind the closing quote.
 */
export function printString(value: string, bytesMax: number = Infinity): string {
  const shown = value.length > bytesMax ? value.slice(0, bytesMax) : value
  // The cut may fall between `$` and `{`; the dollar is still escaped, because the whole value decides.
  const cutDollar = shown.length < value.length && shown.endsWith("$") && value[shown.length] === "{"
  const body = NEEDS_ESCAPE.test(shown) ? shown.replace(ALL_ESCAPES, (c) => ESCAPES[c] ?? "\\$") : shown
  const quoted = cutDollar ? `"${body.slice(0, -1)}\\$"` : `"${body}"`
  return shown.length < value.length ? `${quoted} ${elided(value.length - shown.length, "byte")}` : quoted
}

/** `«3 bytes elided»`. */
export function elided(count: number, singular: string): string {
  return `${OPEN}${count} ${singular}${count === 1 ? "" : "s"} elided${CLOSE}`
}

/**
 * Words that cannot name an attribute unquoted. `or` can: it is a keyword only after a selection, and C++ Nix prints it
 * bare.
 */
const RESERVED: ReadonlySet<string> = new Set([
  "if", "then", "else", "assert", "with", "let", "in", "rec", "inherit",
]) // prettier-ignore
const IDENTIFIER = /^[a-zA-Z_][a-zA-Z0-9_'-]*$/

/** Whether `name` may stand unquoted before `=` in a set. */
export function isVariableName(name: string): boolean {
  return IDENTIFIER.test(name) && !RESERVED.has(name)
}

/** An attribute's name, quoted only if it has to be. */
export function printAttributeName(name: string): string {
  return isVariableName(name) ? name : printString(name)
}

const XML_ESCAPES: Readonly<Record<string, string>> = {
  '"': "&quot;",
  "<": "&lt;",
  ">": "&gt;",
  "&": "&amp;",
  // A reader would turn a bare newline in an attribute into a space (XML 1.0, section 3.3.3).
  "\n": "&#xA;",
}

/** The text between the quotes of an XML attribute. Control characters pass through, as in C++ Nix. */
export function escapeXml(value: string): string {
  return /["<>&\n]/.test(value) ? value.replace(/["<>&\n]/g, (c) => XML_ESCAPES[c]!) : value
}
