/** Everything that can go wrong while fetching. Texts are byte strings; a URL is one that may be shown. */
export type FetchProblem =
  /** What was given is no address of the right kind. */
  | { readonly code: "invalid-url"; readonly message: string }
  /** The server answered, but not with what was asked for. */
  | { readonly code: "http-status"; readonly url: string; readonly status: number }
  /** There was no answer, or not all of it. `curl`: the number by which C++ Nix tells of it. */
  | {
      readonly code: "transfer"
      readonly url: string
      readonly summary: string
      readonly curl: number
      readonly detail: string
    }
  | { readonly code: "redirect"; readonly url: string; readonly reason: string }
  /** A bound of ours; none of C++ Nix's. */
  | { readonly code: "too-large"; readonly url: string; readonly bytesMax: number }
  | { readonly code: "archive-missing"; readonly path: string }
  | { readonly code: "archive-is-directory"; readonly path: string; readonly repository: boolean }
  /** It is no archive, a damaged one, or one that nobody should unpack. */
  | { readonly code: "archive"; readonly reason: string }
  | { readonly code: "git"; readonly message: string }
  /** The cache, or a temporary file. */
  | { readonly code: "storage"; readonly message: string }

export class FetchError extends Error {
  override readonly name = "FetchError"
  readonly problem: FetchProblem
  /** What was being done, from the inside out: for the trace. */
  readonly doing: readonly string[]

  constructor(problem: FetchProblem, options: ErrorOptions & { readonly doing?: readonly string[] } = {}) {
    super(describe(problem), options)
    this.problem = problem
    this.doing = options.doing ?? []
  }

  /** The same, further out. */
  while(doing: string): FetchError {
    return new FetchError(this.problem, { cause: this.cause, doing: [...this.doing, doing] })
  }
}

export function archiveProblem(reason: string, cause?: unknown): FetchError {
  return new FetchError({ code: "archive", reason }, { cause })
}

/** Words that C++ Nix has for the same are its own (libstore/filetransfer.cc, libfetchers/tarball.cc). */
function describe(problem: FetchProblem): string {
  switch (problem.code) {
    case "invalid-url":
    case "git":
    case "storage":
      return problem.message
    case "http-status":
      return `unable to download '${problem.url}': HTTP error ${problem.status}`
    case "transfer": {
      const { url, summary, curl, detail } = problem
      return `unable to download '${url}': ${summary} (${curl}) ${detail}`
    }
    case "redirect":
      return `unable to download '${problem.url}': ${problem.reason}`
    case "too-large":
      return `unable to download '${problem.url}': it has more than ${problem.bytesMax} bytes`
    case "archive-missing":
      return `tarball "${problem.path}" does not exist.`
    case "archive-is-directory":
      return problem.repository
        ? `tarball "${problem.path}" is a git repository, not a tarball. Please use \`git+file\` as the scheme.`
        : `tarball "${problem.path}" is a directory, not a file.`
    case "archive":
      return `Failed to open archive (${problem.reason})`
  }
}
