import { textOf } from "@tvix-ts/bytes"

/** What is wrong with paths that somebody asked for. All texts are byte strings; sentences are C++ Nix's. */
export type NixStoreProblem =
  | { readonly code: "path-invalid"; readonly path: string }
  | { readonly code: "deriver-unknown"; readonly path: string }
  | { readonly code: "binding-missing"; readonly derivation: string; readonly name: string }
  | { readonly code: "output-unknown"; readonly derivation: string; readonly output: string }
  /** An output whose path is known when it is built. */
  | { readonly code: "output-not-known-yet"; readonly derivation: string; readonly output: string }
  | { readonly code: "log-missing"; readonly path: string }
  | { readonly code: "links"; readonly path: string }
  | { readonly code: "not-a-file"; readonly path: string }
  | { readonly code: "hash-changed"; readonly path: string; readonly expected: string; readonly actual: string }
  /** Nothing that a store of ours can do; `instead` is what can be done. */
  | { readonly code: "unsupported"; readonly option: string; readonly instead: string }

export class NixStoreError extends Error {
  override readonly name = "NixStoreError"
  readonly problem: NixStoreProblem
  constructor(problem: NixStoreProblem) {
    super(textOf(describe(problem)))
    this.problem = problem
  }
}

function describe(problem: NixStoreProblem): string {
  switch (problem.code) {
    case "path-invalid":
      return `path '${problem.path}' is not valid`
    case "deriver-unknown":
      return `deriver of path '${problem.path}' is not known`
    case "binding-missing":
      return `derivation '${problem.derivation}' has no environment binding named '${problem.name}'`
    case "output-unknown":
      return `derivation '${problem.derivation}' does not have an output named '${problem.output}'`
    case "output-not-known-yet":
      return `the path of output '${problem.output}' of '${problem.derivation}' is not known until it is built`
    case "log-missing":
      return `build log of derivation '${problem.path}' is not available`
    case "links":
      return `too many symbolic links encountered while resolving '${problem.path}'`
    case "not-a-file":
      return `'${problem.path}' is not a regular file; --recursive adds anything`
    case "hash-changed": {
      const { path, expected, actual } = problem
      return `path '${path}' was modified! expected hash '${expected}', got '${actual}'`
    }
    case "unsupported":
      return `${problem.option} is not supported: ${problem.instead}`
  }
}
