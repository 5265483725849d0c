/** Operations that do nothing, or nothing that depends on anything: what can be told from an expression by itself. */
import type { BinaryExpr, Expr, IfExpr, NotExpr } from "@tvix-ts/syntax"
import { replace } from "./edits.ts"
import type { Edit } from "./finding.ts"
import type { WarningCode } from "./rules.ts"
import { mayHoldComment, skipTrivia } from "./trivia.ts"

export type Report = (code: WarningCode, from: number, to: number, message: string, fix?: readonly Edit[]) => void

export interface Surroundings {
  readonly text: string
  readonly report: Report
  /** `true` or `false`, if `expr` is that and nobody has given the name another meaning. */
  readonly booleanOf: (expr: Expr) => boolean | undefined
  /** Whether the expression stands where any expression may, needing no parentheses. */
  readonly full: boolean
}

/** The texts of the operands with their parentheses; undefined if there may be comments between them. */
function operands({ leftAt, at, rightAt, to, operator }: BinaryExpr, text: string): [string, string] | undefined {
  if (mayHoldComment(text, leftAt, at) || mayHoldComment(text, at + operator.length, to)) return undefined
  return [text.slice(leftAt, at).trimEnd(), text.slice(rightAt, to)]
}

export function checkBinary(expr: BinaryExpr, s: Surroundings): void {
  const { left, right, operator, from, to } = expr
  const becomes = (text: string | undefined): readonly Edit[] | undefined =>
    text === undefined ? undefined : replace(from, to, text)
  const a = s.booleanOf(left)
  const b = s.booleanOf(right)
  // Not before something is found: the texts of a chain of operators together are as long as its square.
  const texts = (): [string, string] | undefined => operands(expr, s.text)
  switch (operator) {
    case "//":
      if (isEmptySet(right)) s.report("useless-update", from, to, "`// { }` does nothing", becomes(texts()?.[0]))
      else if (isEmptySet(left)) s.report("useless-update", from, to, "`{ } //` does nothing", becomes(texts()?.[1]))
      return
    case "++":
      if (isEmptyList(right)) s.report("useless-concat", from, to, "`++ [ ]` does nothing", becomes(texts()?.[0]))
      else if (isEmptyList(left)) s.report("useless-concat", from, to, "`[ ] ++` does nothing", becomes(texts()?.[1]))
      return
    case "&&":
    case "||":
    case "->": {
      if (a === undefined && b === undefined) return
      const result = logical(operator, a, b, texts())
      s.report("constant-operand", from, to, `one side of \`${operator}\` is always ${a ?? b}`, becomes(result))
      return
    }
    case "==":
    case "!=": {
      const constant = b ?? a
      const operand = b === undefined ? right : left
      if (constant === undefined || mayBeOther(operand, s.text)) return
      const text = texts()?.[b === undefined ? 1 : 0]
      const same = constant === (operator === "==")
      const sure = isBoolean(operand)
      const message = `\`${operator} ${constant}\` can be left out${sure ? "" : ", if this is a Boolean"}`
      s.report(
        "bool-comparison",
        from,
        to,
        message,
        becomes(sure ? text && (same ? text : negation(text, operand)) : undefined),
      )
      return
    }
    default:
  }
}

/** What is left of a logical operation; undefined if that depends on more than its value. */
function logical(
  operator: "&&" | "||" | "->",
  a: boolean | undefined,
  b: boolean | undefined,
  texts: [string, string] | undefined,
): string | undefined {
  const [left, right] = texts ?? []
  if (operator === "->") return a === true ? right : a === false ? "true" : undefined
  const neutral = operator === "&&"
  if (a !== undefined) return a === neutral ? right : String(a)
  return b === neutral ? left : undefined
}

/** Whether `expr` is a Boolean whatever happens. */
function isBoolean(expr: Expr): boolean {
  switch (expr.kind) {
    case "not":
    case "has-attr":
      return true
    case "binary":
      return /^(?:[<>]=?|[!=]=|&&|\|\||->)$/.test(expr.operator)
    default:
      return false
  }
}

/** Whether `expr` is evidently something else than a Boolean at times, going by the rest of the file. */
function mayBeOther(expr: Expr, text: string): boolean {
  if (expr.kind === "select" && expr.fallback !== undefined) {
    const { fallback } = expr
    return !(fallback.kind === "variable" && /^(?:true|false)$/.test(fallback.name))
  }
  if (expr.kind === "if" || expr.kind === "string" || expr.kind === "int") return true
  if (expr.kind !== "variable" && expr.kind !== "select") return false
  const name = text.slice(expr.from, expr.to).replace(/[^A-Za-z0-9_]/g, "\\$&")
  const word = `(?<![\\w'-])${name}(?![\\w'-])`
  const compared = (other: string): boolean =>
    new RegExp(`${word}\\s*[!=]=\\s*(?:${other})|(?:${other})\\s*[!=]=\\s*${word}`).test(text)
  // It is compared with something of another type, with both Booleans, or asked for its type.
  if (compared('null|"|\\[|\\]|[0-9]') || (compared("true") && compared("false"))) return true
  return new RegExp(`\\b(?:is[A-Z]\\w*|typeOf)\\s+${word}`).test(text)
}

function negation(text: string, expr: Expr): string {
  const tight = text.startsWith("(") || ["variable", "select", "call", "has-attr", "not"].includes(expr.kind)
  return tight ? `!${text}` : `!(${text})`
}

export function checkIf({ condition, consequence, alternative, from, to }: IfExpr, s: Surroundings): void {
  const { text } = s
  const comments = mayHoldComment(text, from, to)
  const becomes = (result: string): readonly Edit[] | undefined => (comments ? undefined : replace(from, to, result))
  const always = s.booleanOf(condition)
  if (always !== undefined) {
    const dead = always ? alternative : consequence
    const alive = always ? consequence : alternative
    s.report(
      "unreachable-branch",
      dead.from,
      dead.to,
      "this branch is never taken",
      becomes(text.slice(alive.from, alive.to)),
    )
    return
  }
  const a = s.booleanOf(consequence)
  const b = s.booleanOf(alternative)
  const written = text.slice(condition.from, condition.to)
  if (a !== undefined && b === !a) {
    const instead = a ? "the condition itself" : "the negation of the condition"
    s.report("bool-if", from, to, `this is ${instead}`, becomes(a ? written : negation(written, condition)))
  } else if (sameText(consequence, alternative, text)) {
    s.report("identical-branches", from, to, "both branches are the same")
  }
}
function sameText(a: Expr, b: Expr, text: string): boolean {
  return a.to - a.from === b.to - b.from && text.slice(a.from, a.to) === text.slice(b.from, b.to)
}

export function checkNot({ operand, from, to }: NotExpr, s: Surroundings): void {
  const { text } = s
  if (operand.kind === "not") {
    const inner = text.slice(skipTrivia(text, operand.from + 1), operand.to)
    s.report(
      "double-negation",
      from,
      to,
      "two negations do nothing",
      mayHoldComment(text, from, to) ? undefined : replace(from, to, inner),
    )
  } else if (operand.kind === "binary" && (operand.operator === "==" || operand.operator === "!=")) {
    const operator = operand.operator === "==" ? "!=" : "=="
    const texts = operands(operand, text)
    const flipped = texts && `${texts[0]} ${operator} ${texts[1]}`
    const fix =
      flipped === undefined || mayHoldComment(text, from, operand.from)
        ? undefined
        : replace(from, to, s.full ? flipped : `(${flipped})`)
    s.report("negated-equality", from, to, `\`${operator}\` says this directly`, fix)
  }
}

function isEmptySet(expr: Expr): boolean {
  if (expr.kind !== "attrs") return false
  const { statics, dynamics, inheritFrom } = expr.bindings
  return statics.length + dynamics.length + inheritFrom.length === 0
}
function isEmptyList(expr: Expr): boolean {
  return expr.kind === "list" && expr.items.length === 0
}
