/** Everything that can go wrong in a castore, as data: what a caller can do about it decides the code. */
export type CastoreProblem =
  /** The caller's data breaks a rule: `field` says which part, as in `directories[2].name`. */
  | { readonly code: "invalid"; readonly field: string; readonly reason: string }
  /** Something that is referred to is not there. `what` names it: "directory b3:…". */
  | { readonly code: "missing"; readonly what: string }
  /** What is stored, or what a peer sent, is not what its digest says. Not to be retried. */
  | { readonly code: "corrupt"; readonly what: string; readonly reason: string }
  /** There is no room: the disk is full, or a limit is reached. Nothing was stored. */
  | { readonly code: "full"; readonly reason: string }
  /** The back end cannot be reached, or not now. */
  | { readonly code: "unavailable"; readonly reason: string }

/** Absence is not an error where it is what was asked: look-ups give `undefined`. */
export class CastoreError extends Error {
  override readonly name = "CastoreError"
  readonly problem: CastoreProblem

  constructor(problem: CastoreProblem, options?: ErrorOptions) {
    super(describe(problem), options)
    this.problem = problem
  }
}

export function invalid(field: string, reason: string): CastoreError {
  return new CastoreError({ code: "invalid", field, reason })
}

function describe(problem: CastoreProblem): string {
  switch (problem.code) {
    case "invalid":
      return `${problem.field}: ${problem.reason}`
    case "missing":
      return `${problem.what} is not in the store`
    case "corrupt":
      return `${problem.what} is damaged: ${problem.reason}`
    case "full":
    case "unavailable":
      return problem.reason
  }
}
