/** Why a pattern is refused. `pattern` is a byte string, and so is the message made of it. */
export type RegexProblem =
  | { readonly code: "regex-invalid"; readonly pattern: string }
  /** More than 100,000 automaton states: libstdc++'s limit, reached by large or nested repeat counts. */
  | { readonly code: "regex-too-large"; readonly pattern: string }

export class RegexError extends Error {
  override readonly name = "RegexError"
  readonly problem: RegexProblem
  constructor(problem: RegexProblem) {
    super(describe(problem))
    this.problem = problem
  }
}

function describe(problem: RegexProblem): string {
  switch (problem.code) {
    case "regex-invalid":
      return `invalid regular expression '${problem.pattern}'`
    case "regex-too-large":
      return `memory limit exceeded by regular expression '${problem.pattern}'`
  }
}
