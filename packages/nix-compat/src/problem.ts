import type { HashAlgorithm, HashError } from "@tvix-ts/hash"

/** What can be wrong with a store path. The texts are C++ Nix 2.34's (libstore/path.cc, store-dir-config.cc). */
export type StorePathProblem =
  | { readonly code: "name-empty" }
  | { readonly code: "name-too-long"; readonly name: string }
  /** The name is `.` or `..`. */
  | { readonly code: "name-dots"; readonly name: string }
  /** The name is `.` or `..`, a dash, and more. */
  | { readonly code: "name-dots-dash"; readonly name: string; readonly dots: string }
  | { readonly code: "name-character"; readonly name: string; readonly character: string }
  /** A path with such a name; `path` is its last component, digest included. */
  | { readonly code: "path-name"; readonly path: string; readonly cause: StorePathProblem }
  | { readonly code: "path-too-short"; readonly path: string }
  | { readonly code: "path-digit"; readonly path: string; readonly character: string }
  | { readonly code: "path-elsewhere"; readonly path: string }
  | { readonly code: "git-hash"; readonly algorithm: HashAlgorithm }
  | { readonly code: "fixed-output-references"; readonly name: string }
  | { readonly code: "text-self-reference"; readonly name: string }
  /** A text by another hash than SHA-256. */
  | { readonly code: "text-hash"; readonly algorithm: HashAlgorithm }
  /** A digest of so many bytes. */
  | { readonly code: "digest-length"; readonly length: number }

/** Bytes in a name at most, without the digest. */
export const NAME_LENGTH_MAX = 211

export class StorePathError extends Error {
  override readonly name = "StorePathError"
  readonly problem: StorePathProblem
  constructor(problem: StorePathProblem) {
    super(describePath(problem))
    this.problem = problem
  }
}

function describePath(problem: StorePathProblem): string {
  switch (problem.code) {
    case "name-empty":
      return "name must not be empty"
    case "name-too-long":
      return `name '${problem.name}' must be no longer than ${NAME_LENGTH_MAX} characters`
    case "name-dots":
      return `name '${problem.name}' is not valid`
    case "name-dots-dash":
      return `name '${problem.name}' is not valid: first dash-separated component must not be '${problem.dots}'`
    case "name-character":
      return `name '${problem.name}' contains illegal character '${problem.character}'`
    case "path-name":
      return `path '${problem.path}' is not a valid store path: ${describePath(problem.cause)}`
    case "path-too-short":
      return `'${problem.path}' is too short to be a valid store path`
    case "path-digit":
      return `store path '${problem.path}' contains illegal base-32 character '${problem.character}'`
    case "path-elsewhere":
      return `path '${problem.path}' is not in the Nix store`
    case "git-hash":
      return `Git file ingestion must use SHA-1 or SHA-256 hash, but instead using: ${problem.algorithm}`
    case "fixed-output-references":
      return (
        `fixed output derivation '${problem.name}' is not allowed to refer to other store paths.\n` +
        "You may need to use the 'unsafeDiscardReferences' derivation attribute, see the manual for more details."
      )
    case "text-self-reference":
      return `text '${problem.name}' is not allowed to refer to itself`
    case "text-hash":
      return `texts are addressed by SHA-256, not by ${problem.algorithm}`
    case "digest-length":
      return `the digest of a store path has 20 bytes, not ${problem.length}`
  }
}

/** What can be wrong with a derivation. The texts are C++ Nix 2.34's (libstore/derivations.cc). */
export type DerivationProblem =
  | { readonly code: "no-output-hash"; readonly output: string; readonly derivation: string }
  | { readonly code: "outputs-missing" }
  | { readonly code: "outputs-mixed" }
  | { readonly code: "fixed-outputs-many" }
  | { readonly code: "fixed-output-name" }
  | { readonly code: "floating-algorithms" }
  /** `__json` is where structured attributes go. */
  | { readonly code: "json-variable" }
  /** What JSON cannot say. */
  | { readonly code: "json-utf8"; readonly part: string }
  /** A name or path that cannot be one. `part` is in words: `output 'out'`. */
  | { readonly code: "part-path"; readonly part: string; readonly cause: StorePathProblem }
  | { readonly code: "part-empty"; readonly part: string }
  | { readonly code: "input-not-derivation"; readonly path: string }
  /** Not the path that follows from the rest. */
  | { readonly code: "output-path-wrong"; readonly output: string; readonly path: string; readonly expected: string }
  /** A path that cannot be known before an input is built. */
  | { readonly code: "output-path-unknowable"; readonly output: string; readonly path: string }
  | { readonly code: "output-path-missing"; readonly output: string; readonly expected: string }
  | { readonly code: "output-variable-missing"; readonly output: string; readonly expected: string }
  | {
      readonly code: "output-variable-wrong"
      readonly output: string
      readonly value: string
      readonly expected: string
    }
  | { readonly code: "derivation-path-wrong"; readonly path: string; readonly expected: string }
  /** Of derivationOptions: a value of the wrong form. */
  | { readonly code: "option"; readonly option: string; readonly reason: string }
  | (AtermProblem & AtermPlace)

/** Where in the file of a derivation something is wrong. */
export interface AtermPlace {
  /** A byte offset. */
  readonly at: number
  /** What is there: `the outputs`, `variable 'x'`. */
  readonly part: string
}

/** What can be wrong with the file of a derivation. */
export type AtermProblem =
  | { readonly code: "aterm-start" }
  | { readonly code: "aterm-version"; readonly version: string }
  | { readonly code: "aterm-expected"; readonly expected: string }
  | { readonly code: "aterm-unterminated" }
  | { readonly code: "aterm-trailing" }
  /** A name that was there already. */
  | { readonly code: "aterm-repeated" }
  | { readonly code: "aterm-path"; readonly path: string; readonly cause: StorePathProblem }
  | { readonly code: "aterm-output-hash"; readonly reason: string }
  /** An output with a path that cannot be known. */
  | { readonly code: "aterm-output-path"; readonly kind: "floating" | "impure" }
  | { readonly code: "aterm-json"; readonly reason: string }
  | { readonly code: "aterm-depth"; readonly depthMax: number }

export class DerivationError extends Error {
  override readonly name = "DerivationError"
  readonly problem: DerivationProblem
  constructor(problem: DerivationProblem) {
    super(describeDerivation(problem))
    this.problem = problem
  }
}

/** What is wrong, in a sentence. */
export function describeDerivation(problem: DerivationProblem): string {
  if ("at" in problem) return `${describeAterm(problem)}, at byte ${problem.at}, in ${problem.part}`
  switch (problem.code) {
    case "no-output-hash":
      return `no hash for output '${problem.output}' of derivation '${problem.derivation}'`
    case "outputs-missing":
      return "must have at least one output"
    case "outputs-mixed":
      return "can't mix derivation output types"
    case "fixed-outputs-many":
      return "only one fixed output is allowed for now"
    case "fixed-output-name":
      return 'single fixed output must be named "out"'
    case "floating-algorithms":
      return "all floating outputs must use the same hash algorithm"
    case "json-variable":
      return "Cannot have an environment variable named '__json'. This key is reserved for encoding structured attrs"
    case "json-utf8":
      return `${problem.part} is not UTF-8, as JSON has to be`
    case "part-path":
      return `${problem.part}: ${describePath(problem.cause)}`
    case "part-empty":
      return `${problem.part} must not be empty`
    case "input-not-derivation":
      return `input derivation '${problem.path}' is not a derivation`
    case "output-path-wrong":
      return `derivation has incorrect output '${problem.path}', should be '${problem.expected}'`
    case "output-path-unknowable":
      return `derivation has incorrect output '${problem.path}', should be deferred`
    case "output-path-missing":
      return `derivation has incorrect deferred output, should be '${problem.expected}'.`
    case "output-variable-missing":
      return `derivation has missing environment variable '${problem.output}', should be '${problem.expected}' but is not present`
    case "output-variable-wrong":
      return `derivation has incorrect environment variable '${problem.output}', should be '${problem.expected}' but is actually '${problem.value}'`
    case "derivation-path-wrong":
      return `the path of the derivation is '${problem.path}', should be '${problem.expected}'`
    case "option":
      return `while parsing attribute '${problem.option}': ${problem.reason}`
  }
}

function describeAterm(problem: AtermProblem): string {
  switch (problem.code) {
    case "aterm-start":
      return "derivation does not start with 'Derive' or 'DrvWithVersion'"
    case "aterm-version":
      return `Unknown derivation ATerm format version '${problem.version}'`
    case "aterm-expected":
      return `expected string '${problem.expected}'`
    case "aterm-unterminated":
      return "unterminated string in derivation"
    case "aterm-trailing":
      return "expected the end of the derivation"
    case "aterm-repeated":
      return "repeated in derivation"
    case "aterm-path":
      return problem.path.startsWith("/") ? describePath(problem.cause) : `bad path '${problem.path}' in derivation`
    case "aterm-output-hash":
      return problem.reason
    case "aterm-output-path":
      return problem.kind === "impure"
        ? "impure derivation output should not specify output path"
        : "content-addressing derivation output should not specify output path"
    case "aterm-json":
      return `cannot process __json attribute: ${problem.reason}`
    case "aterm-depth":
      return `more than ${problem.depthMax} outputs of outputs in derivation`
  }
}

/** What can be wrong with a written content address. The texts are C++ Nix 2.34's (libstore/content-address.cc). */
export type ContentAddressProblem =
  | { readonly code: "form"; readonly text: string }
  | { readonly code: "hash-form"; readonly text: string }
  | { readonly code: "prefix"; readonly prefix: string }
  /** A text by another hash than SHA-256. */
  | { readonly code: "text-hash"; readonly algorithm: HashAlgorithm }
  | { readonly code: "hash"; readonly cause: HashError }

export class ContentAddressError extends Error {
  override readonly name = "ContentAddressError"
  readonly problem: ContentAddressProblem
  constructor(problem: ContentAddressProblem) {
    super(describeContentAddress(problem), problem.code === "hash" ? { cause: problem.cause } : undefined)
    this.problem = problem
  }
}

function describeContentAddress(problem: ContentAddressProblem): string {
  switch (problem.code) {
    case "form":
      return `not a content address because it is not in the form '<prefix>:<rest>': ${problem.text}`
    case "hash-form":
      return `content address hash must be in form '<algo>:<hash>', but found: ${problem.text}`
    case "prefix":
      return `content address prefix '${problem.prefix}' is unrecognized. Recogonized prefixes are 'text' or 'fixed'`
    case "text-hash":
      return `texts are addressed by SHA-256, not by ${problem.algorithm}`
    case "hash":
      return problem.cause.message
  }
}
