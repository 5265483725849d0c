/** Goes through a syntax tree once, knowing what every name means, and reports what it finds on the way and at the end. */
import type { AttrName, Bindings, Expr, LambdaExpr, SourceFile } from "@tvix-ts/syntax"
import { afterSemicolon, remove, removeAt, removeBinding, removeInherited, replace, unwrap } from "./edits.ts"
import type { Edit, Finding } from "./finding.ts"
import { checkBinary, checkIf, checkNot } from "./operations.ts"
import type { LintCode } from "./rules.ts"
import { closingAfter, Parentheses, skipTrivia } from "./trivia.ts"
import { markUsed, meaningOf, type Meaning, type Scope, type Variable, type With } from "./variables.ts"

const OPERATOR_NAMES: ReadonlySet<string> = new Set([
  "__sub",
  "__mul",
  "__div",
  "__lessThan",
  "__findFile",
  "__nixPath",
])

/** An expression to look at. */
interface Visit {
  readonly expr: Expr
  readonly scope: Scope | undefined
  /** The `let` variable in whose value it stands: it matters only if that is used. */
  readonly owner: Variable | undefined
  /**
   * What may stand here without parentheses: a whole expression, or an operand only; the parentheses after `inherit` are no
   * matter of choice.
   */
  readonly room: "whole" | "operand" | "inherit"
}

export class Walk {
  readonly findings: Finding[] = []
  readonly #text: string
  readonly #opening: Parentheses
  readonly #isGlobal: (name: string) => boolean
  readonly #work: Visit[] = []
  readonly #variables: Variable[] = []
  readonly #withs: { readonly subject: With; readonly unused: () => void }[] = []
  /** What is used wherever it stands. */
  readonly #roots: Variable[] = []

  constructor(source: SourceFile, isGlobal: (name: string) => boolean) {
    this.#text = source.text
    this.#opening = new Parentheses(source)
    this.#isGlobal = isGlobal
  }

  run(expr: Expr): void {
    this.#work.push({ expr, scope: undefined, owner: undefined, room: "whole" })
    for (let visit = this.#work.pop(); visit !== undefined; visit = this.#work.pop()) this.#visit(visit)
    markUsed(this.#roots)
    for (const { used, unused } of this.#variables) if (!used) unused?.()
    for (const { subject, unused } of this.#withs) if (!subject.used) unused()
  }

  #report(code: LintCode, from: number, to: number, message: string, fix?: readonly Edit[]): void {
    this.findings.push({ code, from, to, message, ...(fix && { fix }) })
  }

  // -------------------------------------------------------------------------------------------- names

  #meaning(name: string, scope: Scope | undefined): Meaning {
    return meaningOf(name, scope, this.#isGlobal)
  }

  /** `name` is used at `at`. */
  #use(name: string, at: number, { scope, owner }: Pick<Visit, "scope" | "owner">): Meaning {
    const meaning = this.#meaning(name, scope)
    if (meaning.kind === "variable") {
      const { variable } = meaning
      variable.seen?.()
      if (owner === undefined) this.#roots.push(variable)
      else owner.uses.push(variable)
    } else if (meaning.kind === "with") {
      for (const subject of meaning.withs) subject.used = true
    } else if (meaning.kind === "undefined") {
      this.#report("undefined-variable", at, at + name.length, `undefined variable '${name}'`)
    }
    return meaning
  }

  #declare(
    kind: Variable["kind"],
    name: string,
    from: number,
    scope: Scope | undefined,
    unused: (() => void) | undefined,
    seen?: () => void,
  ): Variable {
    const exempt = name.startsWith("_") || name === ""
    const variable: Variable = { kind, name, from, used: false, uses: [], unused: exempt ? undefined : unused, seen }
    this.#variables.push(variable)
    if (kind === "source") return variable
    const to = from + name.length
    if (OPERATOR_NAMES.has(name)) {
      this.#report("shadowed-operator", from, to, `'${name}' is what an operator stands for`)
    } else if (kind === "inherit" || kind === "attribute") {
      return variable
    } else if (this.#isGlobal(name)) {
      this.#report("shadowed-builtin", from, to, `'${name}' is part of the language`)
    } else if (this.#meaning(name, scope).kind === "variable" && !exempt) {
      this.#report("shadowed-variable", from, to, `'${name}' hides another variable of that name`)
    }
    return variable
  }

  // -------------------------------------------------------------------------------------------- expressions

  #later(expr: Expr, { scope, owner }: Pick<Visit, "scope" | "owner">, room: Visit["room"] = "operand"): void {
    this.#work.push({ expr, scope, owner, room })
  }
  #path(path: readonly AttrName[], visit: Visit): void {
    for (const { expr } of path) if (expr !== undefined) this.#later(expr, visit, roomForName(expr))
  }

  #visit(visit: Visit): void {
    const { expr, scope } = visit
    const text = this.#text
    const surroundings = {
      text,
      report: this.#report.bind(this),
      full: visit.room === "whole",
      booleanOf: (of: Expr): boolean | undefined => {
        if (of.kind !== "variable" || (of.name !== "true" && of.name !== "false")) return undefined
        return this.#meaning(of.name, scope).kind === "builtin" ? of.name === "true" : undefined
      },
    }
    this.#parentheses(expr, visit.room)
    switch (expr.kind) {
      case "int":
      case "float":
      case "search-path":
      case "cur-pos":
      case "error":
        return
      case "string":
        if (expr.form !== "uri") return
        this.#report(
          "deprecated-url",
          expr.from,
          expr.to,
          "URLs without quotes are deprecated",
          replace(expr.from, expr.to, `"${expr.value}"`),
        )
        return
      case "path":
        return this.#pathLiteral(expr.text, expr.from, expr.to)
      case "interpolated":
        for (const part of expr.parts) {
          if (part.kind === "path") this.#pathLiteral(part.text, part.from, part.to)
          else if (part.kind !== "string" || part.form === "uri") this.#later(part, visit, "whole")
        }
        return
      case "variable":
        this.#use(expr.name, expr.from, visit)
        return
      case "select":
        this.#later(expr.subject, visit)
        this.#path(expr.path, visit)
        if (expr.fallback !== undefined) this.#later(expr.fallback, visit)
        return
      case "has-attr":
        this.#later(expr.subject, visit)
        this.#path(expr.path, visit)
        return
      case "list":
        for (const item of expr.items) this.#later(item, visit)
        return
      case "attrs":
        return this.#set(expr.bindings, expr.recursive, expr.from, visit)
      case "legacy-let": {
        this.#report("deprecated-let", expr.from, expr.from + "let".length, "this form of `let` is deprecated")
        const inner = this.#bind(expr.attrs.bindings, "attribute", visit)
        this.#bindings(expr.attrs.bindings, visit, inner)
        return
      }
      case "let": {
        if (isEmpty(expr.bindings)) {
          const body = skipTrivia(text, skipTrivia(text, expr.from + "let".length) + "in".length)
          this.#report(
            "empty-let",
            expr.from,
            expr.from + "let".length,
            "this `let` binds nothing",
            remove(text, expr.from, body),
          )
        }
        const inner = this.#bind(expr.bindings, "let", visit)
        this.#bindings(expr.bindings, visit, inner)
        this.#later(expr.body, { ...visit, scope: inner }, "whole")
        return
      }
      case "with": {
        this.#later(expr.subject, visit, "whole")
        const subject: With = { used: false }
        this.#withs.push({
          subject,
          unused: () => {
            const end = afterSemicolon(text, expr.subject.to)
            const fix = end < 0 ? undefined : remove(text, expr.from, skipTrivia(text, end))
            this.#report(
              "useless-with",
              expr.from,
              expr.from + "with".length,
              "nothing in the body can come from this `with`",
              fix,
            )
          },
        })
        this.#later(expr.body, { ...visit, scope: { parent: scope, names: undefined, subject } }, "whole")
        return
      }
      case "assert": {
        if (surroundings.booleanOf(expr.condition) === true) {
          const end = afterSemicolon(text, expr.condition.to)
          const fix = end < 0 ? undefined : remove(text, expr.from, skipTrivia(text, end))
          this.#report("useless-assert", expr.from, expr.condition.to, "this assertion always holds", fix)
        }
        this.#later(expr.condition, visit, "whole")
        this.#later(expr.body, visit, "whole")
        return
      }
      case "if":
        checkIf(expr, surroundings)
        this.#later(expr.condition, visit, "whole")
        this.#later(expr.consequence, visit, "whole")
        this.#later(expr.alternative, visit, "whole")
        return
      case "lambda":
        return this.#lambda(expr, visit)
      case "call":
        if (expr.cursedOr === true) {
          this.#report("deprecated-or", expr.to - "or".length, expr.to, "`or` as a variable is deprecated")
        }
        this.#later(expr.fn, visit)
        for (const arg of expr.args) this.#later(arg, visit)
        return
      case "not":
        checkNot(expr, surroundings)
        this.#later(expr.operand, visit)
        return
      case "negate":
        this.#later(expr.operand, visit)
        return
      case "binary":
        checkBinary(expr, surroundings)
        this.#later(expr.left, visit)
        this.#later(expr.right, visit)
        return
      default:
        expr satisfies never
    }
  }

  #pathLiteral(path: string, from: number, to: number): void {
    // The root is the same everywhere.
    if (path === "/.") return
    if (path.startsWith("/")) this.#report("absolute-path", from, to, "an absolute path depends on the machine")
    else if (path.startsWith("~"))
      this.#report("home-path", from, to, "a path in the home directory depends on who evaluates")
    else if (!/^\.\.?\//.test(path)) {
      this.#report("short-path", from, to, "a relative path should begin with `./`", replace(from, from, "./"))
    }
  }

  #parentheses(expr: Expr, room: Visit["room"]): void {
    const text = this.#text
    const pairs: [open: number, close: number][] = []
    for (let [from, to] = [expr.from, expr.to]; ; [from, to] = [pairs.at(-1)![0], pairs.at(-1)![1] + 1]) {
      const open = this.#opening.openingBefore(from)
      const close = open < 0 ? -1 : closingAfter(text, to)
      if (close < 0) break
      pairs.push([open, close])
    }
    // The outermost pair is what makes an operand of it.
    if (room === "inherit" || (room === "operand" && !isWhole(expr))) pairs.pop()
    for (const [open, close] of pairs) {
      this.#report("useless-parentheses", open, close + 1, "these parentheses do nothing", unwrap(text, open, close))
    }
  }

  // -------------------------------------------------------------------------------------------- bindings

  #set(bindings: Bindings, recursive: boolean, from: number, visit: Visit): void {
    const text = this.#text
    if (!recursive) {
      this.#bindings(bindings, visit, visit.scope)
      for (const { name, at, value } of bindings.statics) {
        if (value.kind !== "plain" || value.expr.kind !== "variable" || value.expr.name !== name) continue
        const end = afterSemicolon(text, value.expr.to)
        const fix = end < 0 || !text.startsWith(name, at) ? undefined : replace(at, end, `inherit ${name};`)
        this.#report("manual-inherit", at, value.expr.to, `\`inherit ${name};\` says this directly`, fix)
      }
      return
    }
    const overrides = bindings.statics.find(({ name }) => name === "__overrides")
    if (overrides !== undefined) {
      this.#report(
        "deprecated-overrides",
        overrides.at,
        overrides.at + "__overrides".length,
        "`__overrides` is deprecated",
      )
    }
    let selfReferent = overrides !== undefined
    const inner = this.#bind(bindings, "attribute", visit, () => {
      selfReferent = true
    })
    this.#bindings(bindings, visit, inner)
    const subject: With = { used: true }
    // Asked at the end, when everything inside has been seen; a `with` that is used reports nothing by itself.
    this.#withs.push({
      subject: Object.defineProperty(subject, "used", { get: () => selfReferent }),
      unused: () => {
        const fix = text.startsWith("rec", from) ? remove(text, from, skipTrivia(text, from + "rec".length)) : undefined
        this.#report("useless-rec", from, from + "rec".length, "no attribute refers to another", fix)
      },
    })
  }

  /** The scope in which names of `bindings` are variables. */
  #bind(bindings: Bindings, kind: "let" | "attribute", { scope }: Visit, seen?: () => void): Scope {
    const text = this.#text
    const names = new Map<string, Variable>()
    for (const binding of bindings.statics) {
      const { name, at, value } = binding
      let unused: (() => void) | undefined
      if (kind === "let") {
        unused = () =>
          this.#report("unused-let", at, at + name.length, `'${name}' is never used`, removeBinding(text, binding))
        if (value.kind === "inherit" && ["variable", "builtin"].includes(this.#meaning(name, scope).kind)) {
          const fix = removeInherited(text, at, at + name.length)
          this.#report("useless-inherit", at, at + name.length, `'${name}' is bound to itself`, fix)
          unused = undefined
        }
      }
      names.set(name, this.#declare(value.kind === "plain" ? kind : "inherit", name, at, scope, unused, seen))
    }
    return { parent: scope, names, subject: undefined }
  }

  /** Visits the values of `bindings`, whose names are bound in `inner` if that is a scope of their own. */
  #bindings({ statics, dynamics, inheritFrom }: Bindings, visit: Visit, inner: Scope | undefined): void {
    const variableOf = (name: string): Variable | undefined =>
      inner === visit.scope ? undefined : inner?.names?.get(name)
    const sources = inheritFrom.map((source) => {
      // Used if one of the names is: then what it refers to is.
      const variable = this.#declare("source", "", source.from, undefined, undefined)
      this.#later(source, { scope: inner, owner: variable }, "inherit")
      return { variable, empty: true, source }
    })
    for (const { name, at, value } of statics) {
      const variable = variableOf(name)
      const owner = variable?.unused === undefined ? visit.owner : variable
      switch (value.kind) {
        case "plain":
          this.#later(value.expr, { scope: inner, owner }, "whole")
          break
        case "inherit":
          this.#use(name, at, { scope: visit.scope, owner })
          break
        case "inherit-from": {
          const source = sources[value.source]!
          source.empty = false
          if (owner === undefined) this.#roots.push(source.variable)
          else owner.uses.push(source.variable)
        }
      }
    }
    for (const { variable, empty, source } of sources) {
      if (!empty) continue
      this.#roots.push(variable)
      this.#report("empty-inherit", source.from, source.to, "nothing is inherited from this")
    }
    for (const { name, value } of dynamics) {
      this.#later(name, { scope: inner, owner: visit.owner }, roomForName(name))
      this.#later(value, { scope: inner, owner: visit.owner }, "whole")
    }
  }

  #lambda(expr: LambdaExpr, visit: Visit): void {
    const { param, paramAt, formals, body } = expr
    const text = this.#text
    const names = new Map<string, Variable>()
    const { scope } = visit
    if (formals === undefined && param !== undefined) {
      const unused = (): void => {
        // Unless that is a name already, of whatever.
        const fix = text.includes(`_${param}`) ? undefined : replace(paramAt, paramAt, "_")
        this.#report("unused-argument", paramAt, paramAt + param.length, `'${param}' is never used`, fix)
      }
      names.set(param, this.#declare("argument", param, paramAt, scope, unused))
    }
    let whole: Variable | undefined
    if (formals !== undefined) {
      if (param !== undefined) {
        const unused = (): void =>
          this.#report(
            "unused-at",
            paramAt,
            paramAt + param.length,
            `'${param}' is never used`,
            removeAt(text, param, paramAt),
          )
        whole = this.#declare("at", param, paramAt, scope, unused)
        names.set(param, whole)
      }
      for (const { name, at } of formals.items) {
        const unused = (): void => {
          if (whole?.used !== true) this.#report("unused-formal", at, at + name.length, `'${name}' is never used`)
        }
        names.set(name, this.#declare("formal", name, at, scope, unused))
      }
    }
    const inner: Scope = { parent: scope, names, subject: undefined }
    for (const { fallback } of formals?.items ?? []) {
      if (fallback !== undefined) this.#later(fallback, { ...visit, scope: inner }, "whole")
    }
    this.#later(body, { ...visit, scope: inner }, "whole")
  }
}

function isEmpty({ statics, dynamics, inheritFrom }: Bindings): boolean {
  return statics.length + dynamics.length + inheritFrom.length === 0
}

/** Within `${…}` there is room for everything; but a name that is a string with something in it may come without them. */
function roomForName(name: Expr): Visit["room"] {
  return name.kind === "interpolated" ? "operand" : "whole"
}

/** Whether `expr` is one thing wherever it stands. Paths and numbers are not: what follows could become part of them. */
function isWhole(expr: Expr): boolean {
  switch (expr.kind) {
    case "variable":
      return expr.name !== "or"
    case "list":
    case "interpolated":
      return expr.kind === "list" || expr.form !== "path"
    case "string":
      return expr.form !== "uri"
    default:
      return false
  }
}
