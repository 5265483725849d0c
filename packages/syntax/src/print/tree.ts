/** The syntax tree drawn as one: a line a node, children indented below what they are for. For people to look at. */
import type { AttrName, Bindings, Expr } from "../ast.ts"
import type { SourceFile } from "../source.ts"
import { printFloat } from "./float.ts"
import { printName, printString } from "./name.ts"

/** A line with what is below it. */
interface Drawn {
  readonly text: string
  readonly children: readonly (Expr | Drawn)[]
}
interface Work {
  readonly node: Expr | Drawn
  readonly depth: number
}

/** The tree as a byte string, each line ended. Places are those where nodes begin, as `line:column`. */
export function printTree(expr: Expr, source: SourceFile): string {
  let out = ""
  const work: Work[] = [{ node: expr, depth: 0 }]
  for (let next = work.pop(); next !== undefined; next = work.pop()) {
    const { node, depth } = next
    const drawn = "kind" in node ? draw(node) : node
    let place = ""
    if ("kind" in node) {
      const { line, column } = source.position(node.from)
      place = `  ${line}:${column}`
    }
    out += `${"  ".repeat(Math.min(depth, DEPTH_MAX))}${drawn.text}${place}\n`
    for (const child of drawn.children.toReversed()) work.push({ node: child, depth: depth + 1 })
  }
  return out
}
/** Lines are indented no further: a tree 100,000 deep would be ten gigabytes of spaces. */
const DEPTH_MAX = 200

const leaf = (text: string): Drawn => ({ text, children: [] })
const part = (text: string, ...children: (Expr | Drawn)[]): Drawn => ({ text, children })

function draw(expr: Expr): Drawn {
  switch (expr.kind) {
    case "int":
      return leaf(`int ${expr.value}`)
    case "float":
      return leaf(`float ${printFloat(expr.value)}`)
    case "string":
      return leaf(
        `${expr.form === "uri" ? "uri" : expr.form === "indented" ? "indented string" : "string"} ${printString(expr.value)}`,
      )
    case "interpolated":
      return part(expr.form === "path" ? "interpolated path" : "interpolated string", ...expr.parts)
    case "path":
      return leaf(`path ${expr.text}`)
    case "search-path":
      return leaf(`search path <${expr.text}>`)
    case "variable":
      return leaf(`variable ${printName(expr.name)}`)
    case "cur-pos":
      return leaf("__curPos")
    case "select": {
      const fallback = expr.fallback === undefined ? [] : [part("or", expr.fallback)]
      return part(`select ${pathText(expr.path)}`, expr.subject, ...computed(expr.path), ...fallback)
    }
    case "has-attr":
      return part(`has ${pathText(expr.path)}`, expr.subject, ...computed(expr.path))
    case "list":
      return part("list", ...expr.items)
    case "attrs":
      return part(expr.recursive ? "rec set" : "set", ...bindings(expr.bindings))
    case "let":
      return part("let", ...bindings(expr.bindings), part("in", expr.body))
    case "legacy-let":
      return part("legacy let", ...bindings(expr.attrs.bindings))
    case "with":
      return part("with", expr.subject, expr.body)
    case "assert":
      return part("assert", expr.condition, expr.body)
    case "if":
      return part("if", expr.condition, part("then", expr.consequence), part("else", expr.alternative))
    case "lambda": {
      const name = expr.param === undefined ? "" : ` ${printName(expr.param)}`
      if (expr.formals === undefined) return part(`function${name}`, expr.body)
      const formals = expr.formals.items.map((formal) =>
        formal.fallback === undefined ? leaf(formal.name) : part(`${formal.name} ?`, formal.fallback),
      )
      const rest = expr.formals.ellipsis ? [leaf("...")] : []
      return part(`function${name}`, part("formals", ...formals, ...rest), expr.body)
    }
    case "call":
      return part("call", expr.fn, ...expr.args)
    case "not":
      return part("operator !", expr.operand)
    case "negate":
      return part("operator -", expr.operand)
    case "binary":
      return part(`operator ${expr.operator}`, expr.left, expr.right)
    case "error":
      return leaf("error")
  }
}

function bindings({ statics, dynamics, inheritFrom }: Bindings): Drawn[] {
  const drawn = statics.map(({ name, value }) => {
    if (value.kind === "plain") return part(`${printName(name)} =`, value.expr)
    return leaf(
      value.kind === "inherit" ? `inherit ${printName(name)}` : `inherit ${printName(name)} from ${value.source + 1}`,
    )
  })
  const sources = inheritFrom.map((source, i) => part(`source ${i + 1} of inherit`, source))
  return [...sources, ...drawn, ...dynamics.map(({ name, value }) => part("computed name =", name, value))]
}

function pathText(path: readonly AttrName[]): string {
  return path.map((step) => (step.name === undefined ? "${}" : printName(step.name))).join(".")
}
function computed(path: readonly AttrName[]): Expr[] {
  return path.flatMap((step) => step.expr ?? [])
}
