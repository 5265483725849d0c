/**
 * What can be wrong with a JSON text or with a value to be written as JSON. The texts are those of nlohmann::json, which
 * C++ Nix reads and writes JSON with; strings in them are byte strings, and so are the messages.
 */
export type JsonProblem =
  /** Line counts from 1, column in bytes read on that line, the offending one included. */
  | { readonly code: "json-syntax"; readonly line: number; readonly column: number; readonly detail: string }
  | { readonly code: "json-float-overflow"; readonly token: string }
  | { readonly code: "json-integer-overflow"; readonly token: string }
  | { readonly code: "json-null-byte"; readonly string: string }
  | { readonly code: "json-invalid-utf8"; readonly index: number; readonly byte: number }
  | { readonly code: "json-incomplete-utf8"; readonly lastByte: number }

export class JsonError extends Error {
  override readonly name = "JsonError"
  readonly problem: JsonProblem
  constructor(problem: JsonProblem) {
    super(describe(problem))
    this.problem = problem
  }
}

/** U+2400, SYMBOL FOR NULL, in UTF-8. */
const VISIBLE_NULL = "\xe2\x90\x80"

function describe(problem: JsonProblem): string {
  switch (problem.code) {
    case "json-syntax":
      return (
        `[json.exception.parse_error.101] parse error at line ${problem.line}, column ${problem.column}: ` +
        problem.detail
      )
    case "json-float-overflow":
      return `[json.exception.out_of_range.406] number overflow parsing '${problem.token}'`
    case "json-integer-overflow":
      return `unsigned json number ${problem.token} outside of Nix integer range`
    case "json-null-byte": {
      const shown = problem.string.replaceAll("\0", VISIBLE_NULL)
      return `input string '${shown}' cannot be represented as Nix string because it contains null bytes`
    }
    case "json-invalid-utf8":
      return `[json.exception.type_error.316] invalid UTF-8 byte at index ${problem.index}: 0x${hex(problem.byte)}`
    case "json-incomplete-utf8":
      return `[json.exception.type_error.316] incomplete UTF-8 string; last byte: 0x${hex(problem.lastByte)}`
  }
}

const hex = (byte: number): string => byte.toString(16).toUpperCase().padStart(2, "0")
