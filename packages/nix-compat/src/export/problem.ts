import { textOf } from "@tvix-ts/bytes"

/** What can be wrong with what `nix-store --export` would have written. */
export type ExportProblem =
  /** Where a path begins, or all of it ends, is something else. */
  | { readonly code: "mark" }
  /** After an archive there is no description of it. */
  | { readonly code: "magic" }
  | { readonly code: "truncated" }
  | { readonly code: "padding" }
  /** Bytes. */
  | { readonly code: "text-too-long"; readonly length: number; readonly lengthMax: number }
  | { readonly code: "too-many-references"; readonly countMax: number }
  | { readonly code: "not-a-path"; readonly text: string; readonly reason: string }

/** Texts of the problem are byte strings. */
export class ExportError extends Error {
  override readonly name = "ExportError"
  readonly problem: ExportProblem
  constructor(problem: ExportProblem, options?: ErrorOptions) {
    super(textOf(describe(problem)), options)
    this.problem = problem
  }
}

function describe(problem: ExportProblem): string {
  switch (problem.code) {
    case "mark":
      return "input doesn't look like something created by 'nix-store --export'"
    case "magic":
      return "Nix archive cannot be imported; wrong format"
    case "truncated":
      return "the end of the exported paths is missing"
    case "padding":
      return "padding of the exported paths is not zero"
    case "text-too-long":
      return `a store path of ${problem.length} bytes, more than ${problem.lengthMax}`
    case "too-many-references":
      return `more than ${problem.countMax} references of a path`
    case "not-a-path":
      return `'${problem.text}' among the exported paths is none: ${problem.reason}`
  }
}
