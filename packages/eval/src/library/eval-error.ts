import { textOf } from "@tvix-ts/bytes"
import type { Position } from "../positions.ts"
import { describe, type EvalProblem, type Failure, type ProblemCode, type Trace } from "../problem.ts"
import type { PositionTable } from "../positions.ts"

/** Where something is. Lines and columns count from 1, offsets from 0; columns and offsets count bytes. */
export interface SourcePlace {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly offset: number
}

/** One line of the story of an error: "while evaluating …". */
export interface TraceLine {
  readonly message: string
  readonly place: SourcePlace | undefined
  /** `detail` lines are those that C++ Nix keeps for `--show-trace`; `always` ones come from `addErrorContext`. */
  readonly kind: Trace["kind"]
}

/** Why an evaluation failed. `message` is C++ Nix's sentence; match on `code`, or on `problem` for the details. */
export class EvalError extends Error {
  override readonly name = "EvalError"
  readonly problem: EvalProblem
  /** What the error is about, as far as known. */
  readonly place: SourcePlace | undefined
  /** What the evaluator passes around inside; a function of the host that throws this error again continues it. */
  readonly failure: Failure
  readonly #positions: PositionTable
  #traces: readonly TraceLine[] | undefined

  constructor(failure: Failure, positions: PositionTable) {
    const { problem } = failure
    super(
      textOf(describe(problem, positions)),
      problem.code === "internal" || problem.code === "host-error" ? { cause: problem.cause } : undefined,
    )
    this.problem = problem
    this.failure = failure
    this.place = placeOf(failure.at, positions)
    this.#positions = positions
  }

  /** How the evaluation got there, outermost line first. Made on first use: an endless recursion's has millions. */
  get traces(): readonly TraceLine[] {
    return (this.#traces ??= [...linesOf(this.failure.trace, this.#positions)])
  }

  get code(): ProblemCode {
    return this.problem.code
  }

  /** `file:line:column: message`, the form that terminals and editors make clickable. */
  override toString(): string {
    const { place } = this
    return place === undefined ? this.message : `${place.file}:${place.line}:${place.column}: ${this.message}`
  }
}

function placeOf(position: Position, positions: PositionTable): SourcePlace | undefined {
  const place = positions.place(position)
  if (place === undefined) return undefined
  const { source, offset } = place
  return { file: textOf(source.path), ...source.position(offset), offset }
}

function* linesOf(trace: Trace | undefined, positions: PositionTable): Generator<TraceLine> {
  for (let line = trace; line !== undefined; line = line.inner) {
    yield { message: textOf(line.message), place: placeOf(line.at, positions), kind: line.kind }
  }
}
