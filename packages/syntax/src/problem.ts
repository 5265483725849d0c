import { TOKENS } from "./grammar/tokens.ts"
import type { SourceFile } from "./source.ts"

/**
 * Everything that can be wrong with a source text. Data, not prose: callers match on `code`, and {@link describe} is the
 * only place that makes a sentence of it.
 */
export type SyntaxProblem = ProblemPlace & ProblemDetail

export interface ProblemPlace {
  /** `[from, to)` is what to underline. */
  readonly from: number
  readonly to: number
  /** The offset that C++ Nix reports, which is `from` more often than not. */
  readonly at: number
}

export type ProblemDetail =
  /** Token names are those messages use. `expected` is empty where C++ Nix names none: when there are more than four. */
  | { readonly code: "unexpected-token"; readonly unexpected: string; readonly expected: readonly string[] }
  | { readonly code: "invalid-integer"; readonly text: string }
  | { readonly code: "invalid-float"; readonly text: string }
  | { readonly code: "null-byte"; readonly text: string }
  | { readonly code: "path-trailing-slash" }
  | { readonly code: "pipe-operators-disabled" }
  /** `name` is the whole attribute path, as Nix prints it; `previous` the offset of the earlier definition. */
  | { readonly code: "attribute-already-defined"; readonly name: string; readonly previous: number }
  | { readonly code: "duplicate-formal"; readonly name: string }
  | { readonly code: "dynamic-attribute-in-let" }
  | { readonly code: "dynamic-attribute-in-inherit" }

/** What is legal and questionable. */
export interface SyntaxWarning {
  readonly code: "cursed-or"
  readonly from: number
  readonly to: number
}

/** The text C++ Nix 2.34 prints for `problem`, as a byte string. */
export function describe(problem: SyntaxProblem, file: SourceFile): string {
  switch (problem.code) {
    case "unexpected-token": {
      const expected = problem.expected.length === 0 ? "" : `, expecting ${problem.expected.join(" or ")}`
      return `syntax error, unexpected ${problem.unexpected}${expected}`
    }
    case "invalid-integer":
      return `invalid integer '${problem.text}'`
    case "invalid-float":
      return `invalid float '${problem.text}'`
    case "null-byte": {
      // U+2400, as UTF-8
      const shown = problem.text.replaceAll("\0", "\xe2\x90\x80")
      return `input string '${shown}' cannot be represented as Nix string because it contains null bytes`
    }
    case "path-trailing-slash":
      return "path has a trailing slash"
    case "pipe-operators-disabled":
      return "experimental Nix feature 'pipe-operators' is disabled; add '--extra-experimental-features pipe-operators' to enable it"
    case "attribute-already-defined": {
      const { line, column } = file.position(problem.previous)
      return `attribute '${problem.name}' already defined at ${file.path}:${line}:${column}`
    }
    case "duplicate-formal":
      return `duplicate formal function argument '${problem.name}'`
    case "dynamic-attribute-in-let":
      return "dynamic attributes not allowed in let"
    case "dynamic-attribute-in-inherit":
      return "dynamic attributes not allowed in inherit"
  }
}

/** The text C++ Nix 2.34 prints for `warning`, as a byte string, without the leading "warning: ". */
export function describeWarning(warning: SyntaxWarning, file: SourceFile): string {
  const { line, column } = file.position(warning.from)
  const snippet = file.text.slice(warning.from, warning.to).replaceAll(/\r\n?/g, "\n")
  return `at ${file.path}:${line}:${column}: This expression uses \`or\` as an identifier in a way that will change in a future Nix release.
Wrap this entire expression in parentheses to preserve its current meaning:
    (${snippet})
Give feedback at https://github.com/NixOS/nix/pull/11121`
}

/** Whether more text could turn `problem` into none: what a REPL asks before it offers a continuation line. */
export function isIncomplete(problem: SyntaxProblem): boolean {
  return problem.code === "unexpected-token" && problem.unexpected === TOKENS[0]![1]
}
