/** What can be wrong with a reference to a flake. The texts are C++ Nix 2.34's (libflake/flakeref.cc, libfetchers). */
export type FlakeRefProblem =
  /** `reason` goes on after the URL in quotes. */
  | { readonly code: "url"; readonly url: string; readonly reason: string }
  | { readonly code: "url-authority"; readonly authority: string }
  | { readonly code: "url-parameter"; readonly parameter: string }
  | { readonly code: "url-query"; readonly query: string }
  | { readonly code: "url-segment"; readonly segment: string }
  /** Written correctly, with parts that do not go together. `message` says which. */
  | { readonly code: "reference"; readonly message: string }
  /** `message` is the one of the hash. */
  | { readonly code: "hash"; readonly message: string }
  /** A URL of a kind that admits no such thing. `message` says what. */
  | { readonly code: "unsupported-url"; readonly message: string }
  /** One that no kind of input understands. */
  | { readonly code: "unsupported"; readonly url: string; readonly hint: string }
  | { readonly code: "attribute-missing"; readonly attribute: string }
  | { readonly code: "attribute-type"; readonly attribute: string; readonly wanted: string }
  | { readonly code: "attribute-unknown"; readonly attribute: string; readonly type: string }

/** Problems after which the text may still be a path. */
const OF_URL: ReadonlySet<FlakeRefProblem["code"]> = new Set([
  "url",
  "url-authority",
  "url-parameter",
  "url-segment",
  "reference",
])

export class FlakeRefError extends Error {
  override readonly name = "FlakeRefError"
  readonly problem: FlakeRefProblem

  constructor(problem: FlakeRefProblem) {
    super(describe(problem))
    this.problem = problem
  }

  get isOfUrl(): boolean {
    return OF_URL.has(this.problem.code)
  }
}

function describe(problem: FlakeRefProblem): string {
  switch (problem.code) {
    case "url":
      return `'${problem.url}' ${problem.reason}`
    case "url-authority":
      return `invalid URL authority: '${problem.authority}'`
    case "url-parameter":
      return `invalid URI parameter '${problem.parameter}': bad hexdig in pct-encoding`
    case "url-query":
      return `invalid URI query '${problem.query}': leftover`
    case "url-segment":
      return `URL path component '${problem.segment}' contains '/', which is not allowed in file names`
    case "reference":
    case "hash":
    case "unsupported-url":
      return problem.message
    case "unsupported":
      return `input '${problem.url}' is unsupported${problem.hint}`
    case "attribute-missing":
      return problem.attribute === "type"
        ? "'type' attribute to specify input scheme is required but not provided"
        : `input attribute '${problem.attribute}' is missing`
    case "attribute-type":
      return `input attribute '${problem.attribute}' is not ${problem.wanted}`
    case "attribute-unknown":
      return `input attribute '${problem.attribute}' not supported by scheme '${problem.type}'`
  }
}
