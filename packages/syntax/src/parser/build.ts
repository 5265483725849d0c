import type { Expr } from "../ast.ts"
import type { DocComment } from "../lexer/lexer.ts"
import type { ProblemDetail, SyntaxWarning } from "../problem.ts"

/**
 * What the actions of the grammar's rules see of a parse. `values`, `froms` and `tos` are parallel stacks with one entry
 * for each symbol recognised so far and not yet part of a larger one.
 */
export interface Build {
  readonly text: string
  readonly values: unknown[]
  readonly froms: number[]
  readonly tos: number[]
  readonly docs: ReadonlyMap<number, DocComment>
  readonly warnings: SyntaxWarning[]
  report(detail: ProblemDetail, from: number, to: number, at: number): void
}

/**
 * Makes the value of a rule's left side. The values of the right side stand in the stacks from index `i` on, and
 * `[from, to)` is where they stand in the text, parentheses included.
 */
export type Action = (build: Build, i: number, from: number, to: number) => unknown

/** A node under construction. */
export type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** The text of the doc comment in front of the token at `offset`, without its delimiters. */
export function docAt(build: Build, offset: number): string | undefined {
  if (build.docs.size === 0) return undefined
  const doc = build.docs.get(offset)
  return doc && build.text.slice(doc.from + "/**".length, doc.to - "*/".length)
}

/** Documents `expr` if it is a function, and with it the functions it returns at once; the innermost comment wins. */
export function documentLambda(expr: Expr, doc: string): void {
  for (let at: Expr = expr; at.kind === "lambda" && at.doc === undefined; at = at.body) {
    ;(at as Mutable<typeof at>).doc = doc
  }
}
