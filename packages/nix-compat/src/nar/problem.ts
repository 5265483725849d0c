/** Everything that can be wrong with a Nix archive, or with the calls that make one. */
export type NarProblem =
  /** The first word is not `nix-archive-1`. */
  | { readonly code: "magic" }
  /** Something else than one of these words. */
  | { readonly code: "word"; readonly expected: readonly string[] }
  /** A byte that only fills up is not zero. */
  | { readonly code: "padding" }
  | { readonly code: "name-empty" }
  /** Bytes. */
  | { readonly code: "name-too-long"; readonly length: number; readonly lengthMax: number }
  /** `.` or `..`. */
  | { readonly code: "name-dots"; readonly name: string }
  | { readonly code: "name-slash"; readonly name: string }
  | { readonly code: "name-nul"; readonly name: string }
  /** Not greater, by its bytes, than the name before it in the same directory. */
  | { readonly code: "name-order"; readonly name: string; readonly previous: string }
  | { readonly code: "target-empty" }
  | { readonly code: "target-too-long"; readonly length: number; readonly lengthMax: number }
  | { readonly code: "target-nul"; readonly target: string }
  /** A file that is larger than there is room for. */
  | { readonly code: "file-too-large"; readonly size: number; readonly sizeMax: number }
  | { readonly code: "archive-too-large"; readonly sizeMax: number }
  /** Bytes after the archive. */
  | { readonly code: "trailing" }
  | { readonly code: "truncated" }
  /** Writing: the call is not what comes next. */
  | { readonly code: "call"; readonly call: string }
  /** Writing: more bytes than the file was said to have. */
  | { readonly code: "contents-too-long"; readonly size: number }

/** A Nix archive that is none, or that cannot become one. */
export class NarError extends Error {
  override readonly name = "NarError"
  readonly problem: NarProblem
  /**
   * Reading: the first byte that no archive has there; of a name or target as a whole, its length or its first byte.
   * Writing: how many bytes were written before.
   */
  readonly offset: number

  constructor(problem: NarProblem, offset: number) {
    super(`${describe(problem)}, at byte ${offset} of the Nix archive`)
    this.problem = problem
    this.offset = offset
  }
}

function describe(problem: NarProblem): string {
  switch (problem.code) {
    case "magic":
      return "this does not look like a Nix archive"
    case "word":
      return `expected ${problem.expected.map((word) => JSON.stringify(word)).join(" or ")}`
    case "padding":
      return "padding is not zero"
    case "name-empty":
      return "a file name is empty"
    case "name-too-long":
      return `a file name of ${problem.length} bytes, more than ${problem.lengthMax}`
    case "name-dots":
    case "name-slash":
    case "name-nul":
      return `invalid file name ${JSON.stringify(problem.name)}`
    case "name-order":
      return `file name ${JSON.stringify(problem.name)} after ${JSON.stringify(problem.previous)}`
    case "target-empty":
      return "the target of a symbolic link is empty"
    case "target-too-long":
      return `the target of a symbolic link has ${problem.length} bytes, more than ${problem.lengthMax}`
    case "target-nul":
      return `invalid target of a symbolic link ${JSON.stringify(problem.target)}`
    case "file-too-large":
      return `a file of ${problem.size} bytes, more than ${problem.sizeMax}`
    case "archive-too-large":
      return `more than ${problem.sizeMax} bytes`
    case "trailing":
      return "bytes after the end"
    case "truncated":
      return "the end is missing"
    case "call":
      return `${problem.call} is not what comes next`
    case "contents-too-long":
      return `more bytes than the ${problem.size} that the file was said to have`
  }
}
