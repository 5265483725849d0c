/** The actions of the rules in grammar/rules.ts: how the parts of a construct become one node of the tree. */
import type {
  AssertExpr,
  AttrName,
  BinaryExpr,
  BinaryOperator,
  CallExpr,
  Expr,
  Formal,
  Formals,
  HasAttrExpr,
  IfExpr,
  InterpolatedExpr,
  LambdaExpr,
  LegacyLetExpr,
  LetExpr,
  ListExpr,
  NegateExpr,
  NotExpr,
  PathExpr,
  SearchPathExpr,
  SelectExpr,
  StringExpr,
  VariableExpr,
  WithExpr,
} from "../ast.ts"
import { type GrowingAttrs, addBinding, addInherited, newAttrs } from "./bindings.ts"
import { type Action, type Build, type Mutable, docAt, documentLambda } from "./build.ts"
import { type IndentedPiece, stripIndentation } from "./indentation.ts"

const exprAt = (b: Build, i: number): Expr => b.values[i] as Expr
const textAt = (b: Build, i: number): string => b.text.slice(b.froms[i], b.tos[i])

/** The value is that of the second symbol: `( expr )`. */
export const second: Action = (b, i) => b.values[i + 1]
/** The value is that of the first symbol, which is not the only one. */
export const first: Action = (b, i) => b.values[i]

// Literals and names

export const variable: Action = (b, i, from, to) => {
  const name = textAt(b, i)
  return name === "__curPos"
    ? { kind: "cur-pos", from, to }
    : ({ kind: "variable", from, to, name } satisfies VariableExpr)
}
export const int: Action = (b, i, from, to) => ({ kind: "int", from, to, value: b.values[i] })
export const float: Action = (b, i, from, to) => ({ kind: "float", from, to, value: b.values[i] })
export const uri: Action = (b, i, from, to) => ({ kind: "string", from, to, form: "uri", value: textAt(b, i) })
export const pathStart: Action = (b, _, from, to) =>
  ({ kind: "path", from, to, text: b.text.slice(from, to) }) satisfies PathExpr
export const searchPath: Action = (b, _, from, to): SearchPathExpr => ({
  kind: "search-path",
  from,
  to,
  text: b.text.slice(from + 1, to - 1),
})

// Strings

/** What `string_parts` stand for: the contents, if nothing is interpolated. */
type StringParts = string | Mutable<InterpolatedExpr>

interface Pieces {
  readonly parts: Expr[]
  readonly partAt: number[]
}
const quotedPiece = (b: Build, i: number): StringExpr => ({
  kind: "string",
  from: b.froms[i]!,
  to: b.tos[i]!,
  form: "quoted",
  value: b.values[i] as string,
})

export const emptyString: Action = () => ""
export const firstInterpolation: Action = (b, i): Pieces => ({ parts: [exprAt(b, i + 1)], partAt: [b.froms[i]!] })
export const textThenInterpolation: Action = (b, i): Pieces => ({
  parts: [quotedPiece(b, i), exprAt(b, i + 2)],
  partAt: [b.froms[i]!, b.froms[i + 1]!],
})
export const moreInterpolation: Action = (b, i) => {
  const pieces = b.values[i] as Pieces
  pieces.parts.push(exprAt(b, i + 2))
  pieces.partAt.push(b.froms[i + 1]!)
  return pieces
}
export const moreText: Action = (b, i) => {
  const pieces = b.values[i] as Pieces
  pieces.parts.push(quotedPiece(b, i + 1))
  pieces.partAt.push(b.froms[i + 1]!)
  return pieces
}
export const interpolatedParts: Action = (b, i, from, to): StringParts => {
  const { parts, partAt } = b.values[i] as Pieces
  return { kind: "interpolated", from, to, form: "quoted", parts, partAt, at: from }
}
export const quotedString: Action = (b, i, from, to): Expr => {
  const parts = b.values[i + 1] as StringParts
  if (typeof parts === "string") return { kind: "string", from, to, form: "quoted", value: parts }
  parts.from = from
  parts.to = to
  return parts
}
export const interpolatedPath: Action = (b, i, from, to): InterpolatedExpr => {
  const { parts, partAt } = b.values[i + 1] as Pieces
  return {
    kind: "interpolated",
    from,
    to,
    form: "path",
    parts: [exprAt(b, i), ...parts],
    partAt: [from, ...partAt],
    at: from,
  }
}

export const indentedPieces: Action = (): IndentedPiece[] => []
export const indentedText: Action = (b, i) => {
  const pieces = b.values[i] as IndentedPiece[]
  const from = b.froms[i + 1]!
  const to = b.tos[i + 1]!
  // Escapes are tokens of their own: a lone `$` or `'`, or what starts with `''`.
  const first = b.text[from]
  const indentation = !(first === "'" || first === "$") || (to - from > 1 && b.text[from + 1] !== "'")
  pieces.push({ from, to, text: b.values[i + 1] as string, indentation })
  return pieces
}
export const indentedInterpolation: Action = (b, i) => {
  const pieces = b.values[i] as IndentedPiece[]
  pieces.push({ from: b.froms[i + 1]!, to: b.tos[i + 3]!, expr: exprAt(b, i + 2) })
  return pieces
}
export const indentedString: Action = (b, i, from, to): Expr => {
  const pieces = stripIndentation(b.values[i + 1] as IndentedPiece[])
  const parts = pieces.map(
    (piece): Expr =>
      piece.expr ?? { kind: "string", from: piece.from, to: piece.to, form: "indented", value: piece.text },
  )
  const [only] = parts
  if (only === undefined) return { kind: "string", from, to, form: "indented", value: "" }
  // Also `''${"a"}''`: C++ Nix looks at what is left, not at how it was written.
  if (parts.length === 1 && only.kind === "string")
    return { kind: "string", from, to, form: "indented", value: only.value }
  return {
    kind: "interpolated",
    from,
    to,
    form: "indented",
    parts,
    partAt: pieces.map((piece) => piece.from),
    at: from,
  }
}

// Attribute paths

export const attrName: Action = (b, i, from, to): AttrName => ({ from, to, name: textAt(b, i), expr: undefined })
export const quotedName: Action = (b, i, from, to): AttrName => {
  const parts = b.values[i + 1] as StringParts
  if (typeof parts === "string") return { from, to, name: parts, expr: undefined }
  parts.from = from
  parts.to = to
  return { from, to, name: undefined, expr: parts }
}
export const computedName: Action = (b, i, from, to): AttrName => {
  const expr = exprAt(b, i + 1)
  return expr.kind === "string" ? { from, to, name: expr.value, expr: undefined } : { from, to, name: undefined, expr }
}
export const pathOfOne: Action = (b, i): AttrName[] => [b.values[i] as AttrName]
export const longerPath: Action = (b, i) => {
  const path = b.values[i] as AttrName[]
  path.push(b.values[i + 2] as AttrName)
  return path
}
export const noNames: Action = (): AttrName[] => []
export const moreNames: Action = (b, i) => {
  const names = b.values[i] as AttrName[]
  const name = b.values[i + 1] as AttrName
  if (name.name === undefined) b.report({ code: "dynamic-attribute-in-inherit" }, name.from, name.to, name.from)
  names.push(name)
  return names
}

// Sets

export const emptyBindings: Action = (_, __, from, to) => newAttrs(from, to, true)
export const firstBinding: Action = (b, i, from, to) => {
  const attrs = newAttrs(from, to, true)
  addBinding(b, attrs, b.values[i] as AttrName[], exprAt(b, i + 2), from, to)
  return attrs
}
export const moreBindings: Action = (b, i, _, to) => {
  const attrs = b.values[i] as GrowingAttrs
  addBinding(b, attrs, b.values[i + 1] as AttrName[], exprAt(b, i + 3), b.froms[i + 1]!, to)
  return attrs
}
export const inherited: Action = (b, i) => {
  const attrs = b.values[i] as GrowingAttrs
  addInherited(b, attrs, b.values[i + 2] as AttrName[])
  return attrs
}
export const inheritedFrom: Action = (b, i) => {
  const attrs = b.values[i] as GrowingAttrs
  addInherited(b, attrs, b.values[i + 5] as AttrName[], exprAt(b, i + 3))
  return attrs
}
const placed = (attrs: GrowingAttrs, from: number, to: number, recursive: boolean): GrowingAttrs => {
  attrs.from = from
  attrs.to = to
  attrs.recursive = recursive
  return attrs
}
export const plainSet: Action = (b, i, from, to) => placed(b.values[i + 1] as GrowingAttrs, from, to, false)
export const recursiveSet: Action = (b, i, from, to) => placed(b.values[i + 2] as GrowingAttrs, from, to, true)
export const legacyLet: Action = (b, i, from, to): LegacyLetExpr => ({
  kind: "legacy-let",
  from,
  to,
  attrs: placed(b.values[i + 2] as GrowingAttrs, from, to, true),
})

// Functions

const lambda = (
  b: Build,
  from: number,
  to: number,
  param: string | undefined,
  paramAt: number,
  formals: Formals | undefined,
  body: Expr,
): LambdaExpr => {
  const made: LambdaExpr = { kind: "lambda", from, to, param, paramAt, formals, body, doc: undefined }
  const doc = docAt(b, from)
  if (doc !== undefined) documentLambda(made, doc)
  return made
}
export const lambdaOfName: Action = (b, i, from, to) =>
  lambda(b, from, to, textAt(b, i), from, undefined, exprAt(b, i + 2))
export const lambdaOfFormals: Action = (b, i, from, to) => {
  const formals = b.values[i] as Formals
  checkFormals(b, formals)
  return lambda(b, from, to, undefined, from, formals, exprAt(b, i + 2))
}
const lambdaOfBoth = (b: Build, i: number, from: number, to: number, nameAt: number, formalsAt: number): LambdaExpr => {
  const formals = b.values[formalsAt] as Formals
  const name = textAt(b, nameAt)
  checkFormals(b, formals)
  if (formals.items.some((formal) => formal.name === name)) {
    b.report({ code: "duplicate-formal", name }, b.froms[nameAt]!, b.tos[nameAt]!, from)
  }
  return lambda(b, from, to, name, b.froms[nameAt]!, formals, exprAt(b, i + 4))
}
export const lambdaOfFormalsAndName: Action = (b, i, from, to) => lambdaOfBoth(b, i, from, to, i + 2, i)
export const lambdaOfNameAndFormals: Action = (b, i, from, to) => lambdaOfBoth(b, i, from, to, i, i + 2)
export const formal: Action = (b, i, from): Formal => ({ name: textAt(b, i), at: from, fallback: undefined })
export const formalWithFallback: Action = (b, i, from): Formal => ({
  name: textAt(b, i),
  at: from,
  fallback: exprAt(b, i + 2),
})
export const firstFormal: Action = (b, i): Formal[] => [b.values[i] as Formal]
export const moreFormals: Action = (b, i) => {
  const formals = b.values[i] as Formal[]
  formals.push(b.values[i + 2] as Formal)
  return formals
}
export const formals: Action = (b, i): Formals => ({ items: b.values[i + 1] as Formal[], ellipsis: false })
export const openFormals: Action = (b, i): Formals => ({ items: b.values[i + 1] as Formal[], ellipsis: true })
export const noFormals: Action = (): Formals => ({ items: [], ellipsis: false })
export const anyFormals: Action = (): Formals => ({ items: [], ellipsis: true })

/** Reports names that occur twice; C++ Nix reports the one among them that it met first, at its second place. */
function checkFormals(b: Build, { items }: Formals): void {
  const names = new Set<string>()
  for (let i = 0; i < items.length; i++) names.add(items[i]!.name)
  if (names.size === items.length) return
  const repeats = new Map<string, number[]>()
  for (const { name, at } of items) {
    const known = repeats.get(name)
    if (known === undefined) repeats.set(name, [])
    else known.push(at)
  }
  for (const [name, offsets] of repeats) {
    for (const at of offsets) b.report({ code: "duplicate-formal", name }, at, at + name.length, at)
  }
}

// Everything else

export const assertion: Action = (b, i, from, to): AssertExpr => ({
  kind: "assert",
  from,
  to,
  condition: exprAt(b, i + 1),
  body: exprAt(b, i + 3),
})
export const withScope: Action = (b, i, from, to): WithExpr => ({
  kind: "with",
  from,
  to,
  subject: exprAt(b, i + 1),
  body: exprAt(b, i + 3),
})
export const letIn: Action = (b, i, from, to): LetExpr => {
  const { bindings } = b.values[i + 1] as GrowingAttrs
  const [dynamic] = bindings.dynamics
  if (dynamic !== undefined) b.report({ code: "dynamic-attribute-in-let" }, dynamic.at, dynamic.name.to, from)
  return { kind: "let", from, to, bindings, body: exprAt(b, i + 3) }
}
export const conditional: Action = (b, i, from, to): IfExpr => ({
  kind: "if",
  from,
  to,
  condition: exprAt(b, i + 1),
  consequence: exprAt(b, i + 3),
  alternative: exprAt(b, i + 5),
})
export const not: Action = (b, i, from, to): NotExpr => ({ kind: "not", from, to, operand: exprAt(b, i + 1) })
export const negate: Action = (b, i, from, to): NegateExpr => ({ kind: "negate", from, to, operand: exprAt(b, i + 1) })
export const binary =
  (operator: BinaryOperator): Action =>
  (b, i, from, to): BinaryExpr => ({
    kind: "binary",
    from,
    to,
    operator,
    left: exprAt(b, i),
    right: exprAt(b, i + 2),
    at: b.froms[i + 1]!,
    leftAt: from,
    rightAt: b.froms[i + 2]!,
  })
export const hasAttr: Action = (b, i, from, to): HasAttrExpr => ({
  kind: "has-attr",
  from,
  to,
  subject: exprAt(b, i),
  path: b.values[i + 2] as AttrName[],
})
export const select: Action = (b, i, from, to): SelectExpr => ({
  kind: "select",
  from,
  to,
  subject: exprAt(b, i),
  path: b.values[i + 2] as AttrName[],
  fallback: undefined,
})
export const selectOr: Action = (b, i, from, to): SelectExpr => {
  warnIfCursed(b, i + 4)
  return {
    kind: "select",
    from,
    to,
    subject: exprAt(b, i),
    path: b.values[i + 2] as AttrName[],
    fallback: exprAt(b, i + 4),
  }
}
export const emptyList: Action = (_, __, from, to): ListExpr => ({ kind: "list", from, to, items: [] })
export const moreItems: Action = (b, i) => {
  const list = b.values[i] as ListExpr
  ;(list.items as Expr[]).push(exprAt(b, i + 1))
  warnIfCursed(b, i + 1)
  return list
}
export const list: Action = (b, i, from, to): ListExpr => {
  const made = b.values[i + 1] as Mutable<ListExpr>
  made.from = from
  made.to = to
  return made
}

// Calls

/** The offset C++ Nix has for `expr` if it makes `expr` a call, which further arguments then join. */
function callAt(expr: Expr): number | undefined {
  switch (expr.kind) {
    case "binary":
      return /^[-*/<>]$/.test(expr.operator) ? expr.at : undefined
    case "negate":
    case "search-path":
      return expr.from
    default:
      return undefined
  }
}
function makeCall(fn: Expr, arg: Expr, from: number, to: number, at: number): CallExpr {
  if (fn.kind === "call") {
    const call = fn as Mutable<CallExpr>
    ;(call.args as Expr[]).push(arg)
    call.from = from
    call.to = to
    return call
  }
  return { kind: "call", from, to, fn, args: [arg], at: callAt(fn) ?? at }
}
export const call: Action = (b, i, from, to) => {
  warnIfCursed(b, i + 1)
  return makeCall(exprAt(b, i), exprAt(b, i + 1), from, to, from)
}
export const pipeFrom: Action = (b, i, from, to) => makeCall(exprAt(b, i), exprAt(b, i + 2), from, to, b.froms[i + 1]!)
export const pipeInto: Action = (b, i, from, to) => makeCall(exprAt(b, i + 2), exprAt(b, i), from, to, b.froms[i + 1]!)

/**
 * `f or` calls f with the variable `or`: once upon a time Nixpkgs had a function of that name. In `g f or` it takes
 * precedence over calling g, which nobody expects; see {@link warnIfCursed}.
 */
export const callOr: Action = (b, i, from, to): CallExpr => ({
  kind: "call",
  from,
  to,
  fn: exprAt(b, i),
  args: [{ kind: "variable", from, to, name: "or" }],
  at: from,
  cursedOr: true,
})
function warnIfCursed(b: Build, i: number): void {
  const expr = exprAt(b, i)
  // Parentheses lift the curse; the stack's offsets include them, the node's do not.
  if (expr.kind !== "call" || expr.cursedOr !== true || expr.from !== b.froms[i]) return
  b.warnings.push({ code: "cursed-or", from: expr.from, to: expr.to })
}
