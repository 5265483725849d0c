/** Problems for machines: what `--error-format json` prints. The schema is in the README of @tvix-ts/cli. */
import { textOf } from "@tvix-ts/bytes"
import type { SyntaxProblem } from "@tvix-ts/syntax"
import { describe, relatedPlaces, type Failure, type ProblemCode, type Trace } from "../problem.ts"
import type { AttrSet } from "../attrs.ts"
import type { Position } from "../positions.ts"
import type { PositionTable } from "../positions.ts"
import { hintsFor } from "./hint.ts"
import { innermostFirst, mainPlace } from "./frame.ts"

/** All strings are text here, no longer bytes; what was not UTF-8 has become U+FFFD. */
export interface ProblemRecord {
  readonly code: ProblemCode
  /** With the code `syntax` only: which problem of syntax. */
  readonly syntax?: SyntaxProblem["code"]
  readonly message: string
  readonly place: PlaceRecord | null
  /** Other places that the problem is about: where an infinite recursion began, where a name was defined first. */
  readonly related: readonly { readonly message: string; readonly place: PlaceRecord | null }[]
  /** Innermost first. */
  readonly traces: readonly {
    readonly message: string
    readonly place: PlaceRecord | null
    readonly kind: Trace["kind"]
  }[]
  readonly hints: readonly string[]
}
export interface PlaceRecord {
  /** A path, or `«string»`, `«stdin»`. */
  readonly file: string
  /** Both count from 1; columns count bytes. */
  readonly line: number
  readonly column: number
  /** In bytes from the beginning of the file. */
  readonly offset: number
}

export function problemRecord(failure: Failure, positions: PositionTable, globals?: AttrSet): ProblemRecord {
  const { problem, trace } = failure
  return {
    code: problem.code,
    ...(problem.code === "syntax" ? { syntax: problem.syntax } : {}),
    message: textOf(describe(problem, positions)),
    place: placeRecord(mainPlace(failure, positions), positions),
    related: relatedPlaces(problem).map(({ message, at }) => ({ message, place: placeRecord(at, positions) })),
    traces: innermostFirst(trace, true).map(({ message, at, told, kind }) => ({
      message: textOf(message),
      place: placeRecord(at || told, positions),
      kind,
    })),
    hints: hintsFor(problem, globals).map(textOf),
  }
}

function placeRecord(at: Position, positions: PositionTable): PlaceRecord | null {
  const place = positions.place(at)
  if (place === undefined) return null
  const { line, column } = place.source.position(place.offset)
  return { file: textOf(place.source.path), line, column, offset: place.offset }
}
