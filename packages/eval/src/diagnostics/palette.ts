/** How diagnostics are coloured: functions from text to text, so that no printer knows an escape sequence. */
export interface Palette {
  readonly error: (text: string) => string
  readonly warning: (text: string) => string
  readonly hint: (text: string) => string
  /** The word before a place. */
  readonly at: (text: string) => string
  readonly place: (text: string) => string
  readonly value: (text: string) => string
  readonly faint: (text: string) => string
  readonly bold: (text: string) => string
}

const same = (text: string): string => text
/** No colours. */
export const plain: Palette = {
  error: same,
  warning: same,
  hint: same,
  at: same,
  place: same,
  value: same,
  faint: same,
  bold: same,
}

const style =
  (code: string) =>
  (text: string): string =>
    `\x1b[${code}m${text}\x1b[0m`
/** For terminals: the escape sequences that C++ Nix uses. */
export const colored: Palette = {
  error: style("31;1"),
  warning: style("35;1"),
  hint: style("36;1"),
  at: style("34;1"),
  place: style("35;1"),
  value: style("35;1"),
  faint: style("2"),
  bold: style("1"),
}
