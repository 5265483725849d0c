/** Why there is nothing of a build. */
export type BuildProblem =
  /** The request makes no sense. */
  | { readonly code: "invalid"; readonly field: string; readonly reason: string }
  /** This back end, or this machine, cannot do it. */
  | { readonly code: "unsupported"; readonly reason: string }
  /** The command could not be started. */
  | { readonly code: "start"; readonly reason: string }
  | { readonly code: "exit"; readonly status: number }
  | { readonly code: "signal"; readonly signal: string }
  | { readonly code: "timeout"; readonly limitMs: number }
  | { readonly code: "silence"; readonly limitMs: number }
  | { readonly code: "log-limit"; readonly limit: number }
  | { readonly code: "memory"; readonly limit: number }
  | { readonly code: "output-missing"; readonly path: string }
  /** An output has something in it that no tree can hold: a socket, a device. */
  | { readonly code: "output-invalid"; readonly path: string; readonly reason: string }
  | { readonly code: "disk-full"; readonly reason: string }
  /** Another machine says so, in its own words. */
  | { readonly code: "failed"; readonly reason: string }

export class BuildError extends Error {
  override readonly name = "BuildError"
  readonly problem: BuildProblem
  constructor(problem: BuildProblem, options?: ErrorOptions) {
    super(describe(problem), options)
    this.problem = problem
  }
}

export function unsupported(reason: string): BuildError {
  return new BuildError({ code: "unsupported", reason })
}

function describe(problem: BuildProblem): string {
  switch (problem.code) {
    case "invalid":
      return `the build request is not valid: ${problem.field} ${problem.reason}`
    case "unsupported":
    case "start":
    case "failed":
      return problem.reason
    case "exit":
      return `builder failed with exit code ${problem.status}`
    case "signal":
      return `builder failed due to signal ${problem.signal}`
    case "timeout":
      return `timed out after ${problem.limitMs / 1000} seconds`
    case "silence":
      return `timed out after ${problem.limitMs / 1000} seconds of silence`
    case "log-limit":
      return `killed after writing more than ${problem.limit} bytes of log output`
    case "memory":
      return `killed for using more than ${problem.limit} bytes of memory`
    case "output-missing":
      return `builder failed to produce output path '/${problem.path}'`
    case "output-invalid":
      return `output '${problem.path}' ${problem.reason}`
    case "disk-full":
      return `the disk is full: ${problem.reason}`
  }
}
