/** Everything that keeps a tree from being mounted, or ends it, as data. */
export type FuseProblem =
  /** The kernel says something that is no request. */
  | { readonly code: "protocol"; readonly reason: string }
  /** There is no FUSE on this machine, or not for this user. */
  | { readonly code: "no-device"; readonly reason: string }
  /** `folder` cannot be mounted on. */
  | { readonly code: "mount-failed"; readonly folder: string; readonly reason: string }
  | { readonly code: "unmount-failed"; readonly folder: string; readonly reason: string }

export class FuseError extends Error {
  override readonly name = "FuseError"
  readonly problem: FuseProblem

  constructor(problem: FuseProblem, options?: ErrorOptions) {
    super(describe(problem), options)
    this.problem = problem
  }
}

function describe(problem: FuseProblem): string {
  switch (problem.code) {
    case "protocol":
      return `the kernel's FUSE is not understood: ${problem.reason}`
    case "no-device":
      return problem.reason
    case "mount-failed":
      return `cannot mount on '${problem.folder}': ${problem.reason}`
    case "unmount-failed":
      return `cannot unmount '${problem.folder}': ${problem.reason}`
  }
}
