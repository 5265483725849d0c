import type { HashAlgorithm } from "./algorithm.ts"

/** What can be wrong with a written hash. The texts are C++ Nix 2.34's (libutil/hash.cc). */
export type HashProblem =
  | { readonly code: "hash-algorithm-unknown"; readonly name: string }
  | { readonly code: "hash-format-unknown"; readonly name: string }
  | { readonly code: "hash-type-missing"; readonly text: string; readonly typeCouldBeGiven: boolean }
  | { readonly code: "hash-type-wrong"; readonly text: string; readonly expected: HashAlgorithm }
  | { readonly code: "hash-not-sri"; readonly text: string }
  /** So wrong that the notation cannot be told. */
  | { readonly code: "hash-length-wrong"; readonly text: string; readonly algorithm: HashAlgorithm }
  | {
      readonly code: "hash-malformed"
      readonly notation: string
      readonly text: string
      /** Bytes; 0 if `text` contains a foreign character. */
      readonly length: number
      readonly expected: number
    }

export class HashError extends Error {
  override readonly name = "HashError"
  readonly problem: HashProblem
  constructor(problem: HashProblem) {
    super(describe(problem))
    this.problem = problem
  }
}

function describe(problem: HashProblem): string {
  switch (problem.code) {
    case "hash-algorithm-unknown":
      return `unknown hash algorithm '${problem.name}', expect 'blake3', 'md5', 'sha1', 'sha256', or 'sha512'`
    case "hash-format-unknown":
      return `unknown hash format '${problem.name}', expect 'base16', 'base32', 'base64', or 'sri'`
    case "hash-type-missing":
      return `hash '${problem.text}' does not include a type${
        problem.typeCouldBeGiven ? ", nor is the type otherwise known from context" : ""
      }`
    case "hash-type-wrong":
      return `hash '${problem.text}' should have type '${problem.expected}'`
    case "hash-not-sri":
      return `hash '${problem.text}' is not SRI`
    case "hash-length-wrong":
      return `hash '${problem.text}' has wrong length for hash algorithm '${problem.algorithm}'`
    case "hash-malformed":
      return (
        `invalid ${problem.notation} hash '${problem.text}', ` +
        `length ${problem.length} != expected length ${problem.expected}`
      )
  }
}
