/**
 * What can be wrong with a TOML text. Titles and notes are those of toml11, which C++ Nix reads TOML with; only the first
 * error is reported, where toml11 sometimes goes on and lists more. Strings in them are byte strings, and so are messages.
 */
export type TomlProblem =
  | {
      readonly code: "toml-syntax"
      readonly title: string
      readonly marks: readonly TomlMark[]
      readonly hint?: string
    }
  | { readonly code: "toml-timestamp" }
  | { readonly code: "toml-null-byte"; readonly string: string }

/** A place in the text and what is the matter with it. */
export interface TomlMark {
  /** From 1. */
  readonly line: number
  /** Bytes before it on the line. */
  readonly column: number
  /** At least 1, and at most to the end of the line. */
  readonly length: number
  /** The whole line. */
  readonly source: string
  readonly note: string
}

export class TomlError extends Error {
  override readonly name = "TomlError"
  readonly problem: TomlProblem
  constructor(problem: TomlProblem) {
    super(describe(problem))
    this.problem = problem
  }
}

/** U+2400, SYMBOL FOR NULL, in UTF-8. */
const VISIBLE_NULL = "\xe2\x90\x80"

function describe(problem: TomlProblem): string {
  switch (problem.code) {
    case "toml-syntax":
      return `[error] ${problem.title}\n --> fromTOML\n${excerpts(problem.marks)}${problem.hint ?? ""}`
    case "toml-timestamp":
      return "Dates and times are not supported"
    case "toml-null-byte": {
      const shown = problem.string.replaceAll("\0", VISIBLE_NULL)
      return `error: input string '${shown}' cannot be represented as Nix string because it contains null bytes`
    }
  }
}

/** What toml11 does not take for printable it shows as numbers, without moving the mark below. */
function visible(source: string): string {
  return source.replace(/[^ -~]/g, (c) => {
    return `0x${c.charCodeAt(0).toString(16).padStart(2, "0")}${CONTROL_NAMES[c] ?? ""}`
  })
}
const CONTROL_NAMES: Readonly<Record<string, string>> = {
  "\t": "(TAB)",
  "\v": "(VERTICAL TAB)",
  "\f": "(FORM FEED)",
  "\r": "(CARRIAGE RETURN)",
  "\x1b": "(ESCAPE)",
}

function excerpts(marks: readonly TomlMark[]): string {
  const width = Math.max(...marks.map(({ line }) => String(line).length))
  const margin = `${" ".repeat(width + 2)}|`
  return marks
    .map(({ line, column, length, source, note }) => {
      const pointer = `${" ".repeat(column)}${"^".repeat(length)}-- ${note}`
      return `${margin}\n ${String(line).padStart(width)} | ${visible(source)}\n${margin} ${pointer}\n`
    })
    .join(`${margin} ...\n`)
}
