/**
 * Syntax tree to text, exactly as `nix-instantiate --parse` prints it: everything parenthesised, attributes sorted, paths
 * absolute, and most operators as the builtins they stand for. Uses a stack of its own: trees nest deeply.
 */
import type { AttrName, BinaryExpr, BinaryOperator, Bindings, Expr, LambdaExpr } from "../ast.ts"
import { printFloat } from "./float.ts"
import { printName, printString } from "./name.ts"
import { type PathContext, resolvePath } from "./path.ts"

/** Text and what is yet to be printed, in order. */
type Pieces = (string | Expr)[]

/** The text of `expr` as a byte string. */
export function printParsed(expr: Expr, context: PathContext): string {
  let out = ""
  const work: Pieces = [expr]
  for (let piece = work.pop(); piece !== undefined; piece = work.pop()) {
    if (typeof piece === "string") out += piece
    else {
      const pieces = piecesOf(piece, context)
      for (let i = pieces.length - 1; i >= 0; i--) work.push(pieces[i]!)
    }
  }
  return out
}

function piecesOf(expr: Expr, context: PathContext): Pieces {
  switch (expr.kind) {
    case "int":
      return [expr.value.toString()]
    case "float":
      return [printFloat(expr.value)]
    case "string":
      return [printString(expr.value)]
    case "interpolated":
      return ["(", ...joined(expr.parts, " + "), ")"]
    case "path":
      return [resolvePath(expr.text, context)]
    case "variable":
      return [printName(expr.name)]
    case "cur-pos":
      return ["__curPos"]
    case "select": {
      const fallback: Pieces = expr.fallback === undefined ? [] : [" or (", expr.fallback, ")"]
      return ["(", expr.subject, ").", ...attrPath(expr.path), ...fallback]
    }
    case "has-attr":
      return ["((", expr.subject, ") ? ", ...attrPath(expr.path), ")"]
    case "list":
      return ["[ ", ...expr.items.flatMap((item): Pieces => ["(", item, ") "]), "]"]
    case "attrs":
      return [expr.recursive ? "rec { " : "{ ", ...bindings(expr.bindings), "}"]
    case "let":
      return ["(let ", ...bindings(expr.bindings), "in ", expr.body, ")"]
    case "legacy-let":
      return ["(", expr.attrs, ").body"]
    case "with":
      return ["(with ", expr.subject, "; ", expr.body, ")"]
    case "assert":
      return ["assert ", expr.condition, "; ", expr.body]
    case "if":
      return ["(if ", expr.condition, " then ", expr.consequence, " else ", expr.alternative, ")"]
    case "lambda":
      return ["(", ...parameter(expr), ": ", expr.body, ")"]
    case "not":
      return ["(! ", expr.operand, ")"]
    case "binary":
      if (expr.operator === "+") return ["(", expr.left, " + ", expr.right, ")"]
      if (expr.operator === "<=") return ["(! (__lessThan ", expr.right, " ", expr.left, "))"]
      if (expr.operator === ">=") return ["(! (__lessThan ", expr.left, " ", expr.right, "))"]
      return ["(", ...(asCall(expr) ?? [expr.left, ` ${expr.operator} `, expr.right]), ")"]
    case "call":
      return ["(", ...(asCall(expr.fn) ?? [expr.fn]), ...expr.args.flatMap((arg): Pieces => [" ", arg]), ")"]
    case "negate":
    case "search-path":
      return ["(", ...(asCall(expr) ?? []), ")"]
    case "error":
      return ["<error>"]
  }
}

/**
 * What stands for `expr` where C++ Nix makes it a call, without the parentheses: as the callee of another call it is
 * printed as one call with the arguments of both.
 */
function asCall(expr: Expr): Pieces | undefined {
  switch (expr.kind) {
    case "negate":
      return ["__sub 0 ", expr.operand]
    case "search-path":
      return ["__findFile __nixPath ", printString(expr.text)]
    case "binary":
      return builtinCall(expr)
    default:
      return undefined
  }
}

const BUILTIN_OF: { readonly [O in BinaryOperator]?: string } = {
  "<": "__lessThan",
  ">": "__lessThan",
  "-": "__sub",
  "*": "__mul",
  "/": "__div",
}

function builtinCall({ operator, left, right }: BinaryExpr): Pieces | undefined {
  const builtin = BUILTIN_OF[operator]
  if (builtin === undefined) return undefined
  return operator === ">" ? [`${builtin} `, right, " ", left] : [`${builtin} `, left, " ", right]
}

function joined(parts: readonly Expr[], separator: string): Pieces {
  return parts.flatMap((part, i): Pieces => (i === 0 ? [part] : [separator, part]))
}

function attrPath(path: readonly AttrName[]): Pieces {
  return path.flatMap((step, i): Pieces => {
    const dot = i === 0 ? "" : "."
    return step.name === undefined ? [`${dot}"\${`, step.expr, `}"`] : [dot + printName(step.name)]
  })
}

function bindings({ statics, dynamics, inheritFrom }: Bindings): Pieces {
  const sorted = statics.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const pieces: Pieces = []
  const inherits: string[] = []
  const inheritsFrom = inheritFrom.map((): string[] => [])
  for (const { name, value } of sorted) {
    if (value.kind === "inherit") inherits.push(` ${printName(name)}`)
    else if (value.kind === "inherit-from") inheritsFrom[value.source]!.push(` ${printName(name)}`)
  }
  if (inherits.length > 0) pieces.push(`inherit${inherits.join("")}; `)
  inheritsFrom.forEach((names, i) => {
    if (names.length > 0) pieces.push("inherit (", inheritFrom[i]!, `)${names.join("")}; `)
  })
  for (const { name, value } of sorted) {
    if (value.kind === "plain") pieces.push(`${printName(name)} = `, value.expr, "; ")
  }
  for (const { name, value } of dynamics) pieces.push(`"\${`, name, `}" = `, value, "; ")
  return pieces
}

function parameter({ param, formals }: LambdaExpr): Pieces {
  if (formals === undefined) return [printName(param ?? "")]
  const pieces: Pieces = ["{ "]
  formals.items
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .forEach(({ name, fallback }, i) => {
      pieces.push((i === 0 ? "" : ", ") + printName(name))
      if (fallback !== undefined) pieces.push(" ? ", fallback)
    })
  if (formals.ellipsis) pieces.push(formals.items.length === 0 ? "..." : ", ...")
  pieces.push(param === undefined ? " }" : ` } @ ${printName(param)}`)
  return pieces
}
