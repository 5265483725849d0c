/**
 * Everything that can go wrong while evaluating. Data, not prose: tests and callers match on `code`; {@link describe} is
 * the only place that makes a sentence of it, and the sentence is C++ Nix's.
 */
import { byteStringOf } from "@tvix-ts/bytes"
import type { SyntaxProblem } from "@tvix-ts/syntax"
import { printShort } from "./print/short.ts"
import { printAttributeName } from "./text/escape.ts"
import type { Forced, Thunk } from "./value.ts"
import { typeName, typeOf } from "./type-name.ts"
import type { Position } from "./positions.ts"
import type { PositionTable } from "./positions.ts"

export type EvalProblem =
  | { readonly code: "type-error"; readonly expected: string; readonly found: Forced }
  | { readonly code: "not-a-function"; readonly found: Forced }
  | { readonly code: "cannot-coerce"; readonly found: Forced }
  | { readonly code: "cannot-add"; readonly found: Forced; readonly to: "an integer" | "a float" }
  | { readonly code: "cannot-compare"; readonly left: Forced; readonly right: Forced }
  | { readonly code: "attribute-missing"; readonly name: string; readonly known: readonly string[] }
  | { readonly code: "undefined-variable"; readonly name: string }
  | { readonly code: "missing-argument"; readonly fn: string | undefined; readonly name: string }
  | {
      readonly code: "unexpected-argument"
      readonly fn: string | undefined
      readonly name: string
      readonly known: readonly string[]
    }
  | { readonly code: "attribute-defined-twice"; readonly name: string; readonly first: Position }
  | { readonly code: "integer-overflow"; readonly doing: string; readonly left: bigint; readonly right: bigint }
  | { readonly code: "division-by-zero" }
  /** `thunk` needs itself; `first`, known once the failure has come that far, is where it was asked for to begin with. */
  | { readonly code: "infinite-recursion"; readonly thunk: Thunk; readonly first: Position }
  | { readonly code: "stack-overflow" }
  | { readonly code: "throw"; readonly message: string }
  | { readonly code: "abort"; readonly message: string }
  | { readonly code: "assertion-failed"; readonly expression: string }
  | { readonly code: "assertion-unequal"; readonly message: string }
  | { readonly code: "string-refers-to-store"; readonly string: string; readonly context: string }
  | { readonly code: "path-append-context" }
  | { readonly code: "search-path-missing"; readonly name: string; readonly pure: boolean }
  | { readonly code: "file-not-found"; readonly path: string }
  | { readonly code: "io"; readonly message: string }
  /** A file out of the bounds set for this evaluation. */
  | { readonly code: "access-forbidden"; readonly message: string }
  /** The first problem of a source text; `syntax` says which. */
  | { readonly code: "syntax"; readonly syntax: SyntaxProblem["code"]; readonly message: string }
  /** A limit that whoever started the evaluation set: steps, memory, depth. */
  | { readonly code: "limit"; readonly limit: "steps" | "memory" | "time" | "string-length" | "list-length" }
  | { readonly code: "interrupted" }
  | { readonly code: "needs-store"; readonly what: string }
  /** A builtin refused its input; `message` is C++ Nix's. */
  | { readonly code: "invalid-argument"; readonly message: string; readonly suggestions?: readonly string[] }
  /** `-A` names an attribute that is not there. */
  | {
      readonly code: "selection-missing"
      readonly name: string
      readonly path: string
      readonly known: readonly string[]
    }
  | { readonly code: "not-synchronous" }
  /** A value that has no counterpart in plain JavaScript was to become one. */
  | { readonly code: "not-plain"; readonly found: Forced; readonly why: "function" | "cycle" }
  /** A function of the host threw `cause`, or gave back something that is not a Nix value. */
  | { readonly code: "host-error"; readonly cause: unknown }
  /** A bug of ours, never of the program. */
  | { readonly code: "internal"; readonly cause: unknown }

export type ProblemCode = EvalProblem["code"]

/**
 * What `builtins.tryEval` turns into `{ success = false; }`; every other problem ends the evaluation. C++ Nix catches
 * AssertionError and its subclass ThrownError and nothing else; a missing `<path>` is a ThrownError.
 */
const CATCHABLE: ReadonlySet<ProblemCode> = new Set([
  "throw",
  "assertion-failed",
  "assertion-unequal",
  "search-path-missing",
])

/** Problems of this run and not of the program: the thunks they pass through stay as they were and may be forced again. */
const TRANSIENT: ReadonlySet<ProblemCode> = new Set(["limit", "interrupted", "not-synchronous", "internal"])

/** One line of the chain "while evaluating …", innermost first. */
export interface Trace {
  readonly at: Position
  readonly message: string
  /**
   * `detail`: shown with --show-trace only; `always`: never truncated (`addErrorContext`, `warn`).
   */
  readonly kind: "normal" | "detail" | "always"
  /** The place that its last line tells in words; 0 if there is none. */
  readonly told: Position
  readonly inner: Trace | undefined
}

/**
 * A problem on its way out. Immutable, since a thunk that failed keeps its failure and raises it again at every use;
 * not an `Error`, since capturing a JavaScript stack costs more than the evaluation it would describe.
 */
export class Failure {
  readonly problem: EvalProblem
  /** The place the problem is about, not the builtin's own code; 0 if unknown. */
  readonly at: Position
  readonly trace: Trace | undefined
  /** The argument of a call did not match: the frame of the call, next on the stack, is not part of the story. */
  readonly beforeBody: boolean

  constructor(problem: EvalProblem, at: Position = 0, trace?: Trace, beforeBody = false) {
    this.problem = problem
    this.at = at
    this.trace = trace
    this.beforeBody = beforeBody
  }

  traced(at: Position, message: string, kind: Trace["kind"] = "normal", told: Position = 0): Failure {
    return new Failure(this.problem, this.at, { at, message, kind, told, inner: this.trace })
  }
  placed(at: Position): Failure {
    return this.at === 0 ? new Failure(this.problem, at, this.trace) : this
  }
  about(problem: EvalProblem): Failure {
    return new Failure(problem, this.at, this.trace, this.beforeBody)
  }
  /** See {@link beforeBody}. */
  marked(beforeBody: boolean): Failure {
    return new Failure(this.problem, this.at, this.trace, beforeBody)
  }
  get catchable(): boolean {
    return CATCHABLE.has(this.problem.code)
  }
  get transient(): boolean {
    return TRANSIENT.has(this.problem.code)
  }
}

/** For builtins: ends the evaluation with `problem`. */
export function fail(problem: EvalProblem, at: Position = 0): never {
  // oxlint-disable-next-line no-throw-literal -- see Failure: not an Error on purpose
  throw new Failure(problem, at)
}

/** The sentence for `problem`, a byte string. With `positions`, functions in it come with their places. */
/** Places besides its own that a problem is about, and what they are. */
export function relatedPlaces(problem: EvalProblem): readonly { readonly at: Position; readonly message: string }[] {
  if (problem.code === "infinite-recursion" && problem.first !== 0) {
    return [{ at: problem.first, message: "it was already being computed, because it is needed here" }]
  }
  if (problem.code === "attribute-defined-twice" && problem.first !== 0) {
    return [{ at: problem.first, message: "it is defined here, too" }]
  }
  return []
}

export function describe(problem: EvalProblem, positions?: PositionTable): string {
  switch (problem.code) {
    case "type-error":
      return `expected ${problem.expected} but found ${typeName(problem.found)}: ${printShort(problem.found, positions)}`
    case "not-a-function":
      return `attempt to call something which is not a function but ${typeName(problem.found)}: ${printShort(problem.found, positions)}`
    case "cannot-coerce":
      return `cannot coerce ${typeName(problem.found)} to a string: ${printShort(problem.found, positions)}`
    case "cannot-add":
      return `cannot add ${typeName(problem.found)} to ${problem.to}`
    case "cannot-compare": {
      const { left, right } = problem
      const values = `values are ${printShort(left, positions)} and ${printShort(right, positions)}`
      const detail = typeOf(left) === typeOf(right) ? `values of that type are incomparable (${values})` : values
      return `cannot compare ${typeName(left)} with ${typeName(right)}; ${detail}`
    }
    case "attribute-missing":
      return `attribute '${printAttributeName(problem.name)}' missing`
    case "undefined-variable":
      return `undefined variable '${problem.name}'`
    case "missing-argument":
      return `function '${problem.fn ?? "anonymous lambda"}' called without required argument '${problem.name}'`
    case "unexpected-argument":
      return `function '${problem.fn ?? "anonymous lambda"}' called with unexpected argument '${printAttributeName(problem.name)}'`
    case "attribute-defined-twice":
      return `dynamic attribute '${printAttributeName(problem.name)}' already defined${positions === undefined ? "" : ` at ${positions.show(problem.first)}`}`
    case "integer-overflow":
      return `integer overflow in ${problem.doing} ${problem.left} ${OPERATOR[problem.doing] ?? ","} ${problem.right}`
    case "division-by-zero":
      return "division by zero"
    case "infinite-recursion":
      return "infinite recursion encountered"
    case "stack-overflow":
      return "stack overflow; max-call-depth exceeded"
    case "throw":
      return problem.message
    case "abort":
      return `evaluation aborted with the following error message: '${problem.message}'`
    case "assertion-failed":
      return `assertion '${problem.expression}' failed`
    case "assertion-unequal":
      return problem.message
    case "string-refers-to-store":
      return `the string '${problem.string}' is not allowed to refer to a store path (such as '${problem.context}')`
    case "path-append-context":
      return "a string that refers to a store path cannot be appended to a path"
    case "search-path-missing":
      return problem.pure
        ? `cannot look up '<${problem.name}>' in pure evaluation mode (use '--impure' to override)`
        : `file '${problem.name}' was not found in the Nix search path (add it using $NIX_PATH or -I)`
    case "file-not-found":
      return `path '${problem.path}' does not exist`
    case "io":
    case "access-forbidden":
    case "syntax":
    case "invalid-argument":
      return problem.message
    case "selection-missing":
      return `attribute '${problem.name}' in selection path '${problem.path}' not found`
    case "limit":
      return `the evaluation reached its limit of ${problem.limit}`
    case "interrupted":
      return "interrupted by the user"
    case "needs-store":
      return `${problem.what} needs a store, and this evaluation has none`
    case "not-synchronous":
      return "the evaluation has to wait for I/O, but was started synchronously"
    case "not-plain":
      return problem.why === "cycle"
        ? `cannot convert ${typeName(problem.found)} that contains itself to plain data`
        : `cannot convert ${typeName(problem.found)} to plain data`
    case "host-error":
      return `error in a function of the host: ${byteStringOf(messageOf(problem.cause))}`
    case "internal":
      return `internal error: ${String(problem.cause)}. This is a bug of Tvix; please report it`
  }
}

const OPERATOR: Readonly<Record<string, string>> = { adding: "+", subtracting: "-", multiplying: "*", dividing: "/" }

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
