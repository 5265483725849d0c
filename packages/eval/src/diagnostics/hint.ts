import type { EvalProblem } from "../problem.ts"

/** The names that could have been meant where `wanted` stands. */
export function knownNames(
  problem: EvalProblem,
): { readonly names: readonly string[]; readonly wanted: string } | undefined {
  switch (problem.code) {
    case "attribute-missing":
    case "unexpected-argument":
    case "selection-missing":
      return { names: problem.known, wanted: problem.name }
    default:
      return undefined
  }
}
