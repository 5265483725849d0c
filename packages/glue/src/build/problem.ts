/** What goes wrong with building derivations, the builder's own problems apart. All texts are byte strings. */
import { textOf } from "@tvix-ts/bytes"
import type { TreeDifference } from "@tvix-ts/castore"
import { formatHash, type Hash } from "@tvix-ts/hash"

/** The last lines of what a builder said, and how many there were before these. */
export interface LogEnd {
  readonly lines: readonly string[]
  readonly omitted: number
}

export type RealiseProblem =
  | { readonly code: "derivation-missing"; readonly path: string }
  | { readonly code: "output-unknown"; readonly derivation: string; readonly output: string; readonly known: string[] }
  /** A source that nobody has. */
  | { readonly code: "path-missing"; readonly path: string }
  /** Nothing here can build it. */
  | {
      readonly code: "platform"
      readonly derivation: string
      readonly system: string
      readonly features: readonly string[]
      readonly own: { readonly systems: readonly string[]; readonly features: readonly string[] }
    }
  /** Not all of its outputs are there, so that nothing can be compared. */
  | { readonly code: "check-missing"; readonly derivation: string }
  /** Built again, it became something else. */
  | {
      readonly code: "not-deterministic"
      readonly derivation: string
      readonly differing: readonly { readonly path: string; readonly differences: readonly TreeDifference[] }[]
    }
  /** None may be started. */
  | { readonly code: "no-jobs"; readonly derivation: string }
  | { readonly code: "unsupported"; readonly derivation: string; readonly reason: string }
  | { readonly code: "hash-mismatch"; readonly derivation: string; readonly specified: Hash; readonly got: Hash }
  | { readonly code: "not-flat"; readonly path: string }
  | { readonly code: "fixed-references"; readonly derivation: string; readonly references: readonly string[] }
  | { readonly code: "cycle"; readonly derivation: string; readonly output: string; readonly from: string }
  /** An output is not what the derivation says it may be. */
  | { readonly code: "output-rejected"; readonly reason: string }
  | { readonly code: "graph"; readonly path: string }
  /** What failed was built before in this run, for somebody else. */
  | { readonly code: "dependencies-failed"; readonly derivation: string; readonly count: number }
  | {
      readonly code: "build-failed"
      readonly derivation: string
      readonly reason: string
      /** Whether it promises what comes out, and so may do what others, at other times, do otherwise. */
      readonly isFixed: boolean
      readonly log: LogEnd
    }

export class RealiseError extends Error {
  override readonly name = "RealiseError"
  readonly problem: RealiseProblem
  /** Of `dependencies-failed`: what became of these. */
  readonly causes: readonly unknown[]
  constructor(problem: RealiseProblem, options?: ErrorOptions & { readonly causes?: readonly unknown[] }) {
    super(textOf(describe(problem)), options)
    this.problem = problem
    this.causes = options?.causes ?? []
  }
}

function lineOf({ path, before, after }: TreeDifference): string {
  const place = path === "" ? "the whole of it" : path
  if (after === undefined) return `\n  only before: ${place}`
  return before === undefined ? `\n  only now: ${place}` : `\n  not the same: ${place}`
}

/** A byte string: what builders say is in any encoding. */
function describe(problem: RealiseProblem): string {
  switch (problem.code) {
    case "derivation-missing":
      return `derivation '${problem.path}' is not in the store`
    case "output-unknown": {
      const { derivation, output, known } = problem
      return `derivation '${derivation}' does not have output '${output}'; it has ${known.join(", ")}`
    }
    case "path-missing":
      return `path '${problem.path}' is required, but it is not in the store, and nothing is known that builds it`
    case "platform": {
      const { derivation, system, features, own } = problem
      const needs = features.length === 0 ? `a '${system}'` : `a '${system}' with features {${features.join(", ")}}`
      return `${needs} is required to build '${derivation}', but this is a '${own.systems.join("', '")}' with features {${own.features.join(", ")}}`
    }
    case "check-missing":
      return `some outputs of '${problem.derivation}' are not there, so it cannot be checked that they are built again`
    case "not-deterministic": {
      const { derivation, differing } = problem
      const lines = differing.map(
        ({ path, differences }) => `output '${path}' differs${differences.map(lineOf).join("")}`,
      )
      return `derivation '${derivation}' may not be deterministic: ${lines.join("\n")}`
    }
    case "no-jobs":
      return `cannot build '${problem.derivation}': no builds may be started; allow some with --max-jobs, or name a machine with --builder`
    case "unsupported":
      return `cannot build '${problem.derivation}': ${problem.reason}`
    case "hash-mismatch": {
      const { derivation, specified, got } = problem
      return `hash mismatch in fixed-output derivation '${derivation}':\n  specified: ${formatHash(specified, "sri")}\n     got:    ${formatHash(got, "sri")}`
    }
    case "not-flat":
      return `output path '${problem.path}' should be a non-executable regular file since recursive hashing is not enabled`
    case "fixed-references": {
      const { derivation, references } = problem
      return `fixed-output derivations must not reference store paths: '${derivation}' references ${references.length} distinct paths, e.g. '${references[0]}'`
    }
    case "cycle":
      return `cycle detected in build of '${problem.derivation}' in the references of output '${problem.output}' from output '${problem.from}'`
    case "output-rejected":
      return problem.reason
    case "graph":
      return `cannot export references of path '${problem.path}' because it is not in the input closure of the derivation`
    case "dependencies-failed": {
      const { derivation, count } = problem
      return `cannot build '${derivation}': ${count} ${count === 1 ? "dependency" : "dependencies"} failed`
    }
    case "build-failed": {
      const { derivation, reason, log } = problem
      const { length } = log.lines
      const count = log.omitted === 0 ? `${length}` : `${length} of ${length + log.omitted}`
      const tail = length === 0 ? "" : `\nlast ${count} log lines:${log.lines.map((line) => `\n> ${line}`).join("")}`
      return `build of '${derivation}' failed: ${reason}${tail}`
    }
  }
}
