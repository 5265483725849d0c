/**
 * From the syntax tree to code. One walk resolves names, decides what becomes a thunk, and emits; bodies of thunks and
 * lambdas wait in a queue, and expressions nested too deeply become codes of their own, so that the walk never goes
 * deeper than {@link NESTING_MAX} on the JavaScript stack.
 *
 * What is a thunk and what is a value at once is observable (`nix-instantiate --eval` prints unevaluated attributes as
 * `<CODE>`), so {@link Compiler.lazy} decides exactly as C++ Nix's `maybeThunk` does.
 *
 * Longer than other files: it is one walk over one union, whose cases share the buffers they emit into and call each
 * other. What has a life of its own stands apart: scope.ts, ordering.ts, opcodes.ts, unit.ts.
 *
 * Where nothing is cached this walk is a tenth of an evaluation, and ends before V8 has made the most of it. So what is called
 * for every expression has no closures, for which V8 makes room in each call whether it comes to them or not; in the queue are
 * mostly {@link Body bodies}, and no more of what is made for each than there has to be.
 */
import type {
  AttrName,
  AttrsExpr,
  BinaryExpr,
  Binding,
  Bindings,
  CallExpr,
  Expr,
  Formals,
  InterpolatedExpr,
  LambdaExpr,
  SourceFile,
} from "@tvix-ts/syntax"
import { compareNames } from "../shape.ts"
import { internalize } from "../text/internalize.ts"
import { makeInt, NixFloat } from "../value.ts"
import { CompiledUnit } from "./compiled-unit.ts"
import { WORDS } from "./opcodes.ts"
import { GLOBAL, Scope, UNDEFINED, type Resolved, type WithScope } from "./scope.ts"
import {
  PathLiteral,
  type CodeInfo,
  type Constant,
  type FormalInfo,
  type LambdaInfo,
  type ParamInfo,
  type ShapeInfo,
} from "./unit.ts"

/** Deeper than any hand-written expression; each level costs a few native frames at run time. */
const NESTING_MAX = 40

export interface CompileOptions {
  /** Directory that relative path literals start from, absolute. */
  readonly basePath: string
  /** What `~` stands for; undefined where there is none, or where it must not be seen. */
  readonly home: string | undefined
  readonly isGlobal: (name: string) => boolean
  /** Names of the file's own frame, in slot order: the bindings of a REPL, the scope of `scopedImport`. */
  readonly scope?: readonly string[] | undefined
}

/** A name that means nothing. The offset is the name's. */
export class UndefinedVariable extends Error {
  readonly variable: string
  readonly offset: number
  constructor(variable: string, offset: number) {
    super(`undefined variable '${variable}'`)
    this.variable = variable
    this.offset = offset
  }
}

/** One code object under construction. */
export class CodeBuilder {
  readonly index: number
  readonly parent: CodeBuilder | undefined
  /** The code whose frame this one's variables go to: itself, unless it is a `nested` part of another. */
  readonly frameOwner: CodeBuilder
  readonly at: number
  slots = 0
  entry = -1
  lambda: LambdaInfo | undefined
  /** Slots of parameters not yet known to be forced, for {@link LambdaInfo.strict}; bit i set once slot i is. */
  strict = 0
  /** As `strict`, for {@link LambdaInfo.immediate}. */
  immediate = 0
  /** Whether nothing that can fail has been emitted yet, apart from variables of its own. */
  undisturbed = true

  constructor(index: number, parent: CodeBuilder | undefined, at: number, nested: boolean) {
    this.index = index
    this.parent = parent
    this.frameOwner = nested ? parent!.frameOwner : this
    this.at = at
  }
  newSlot(): number {
    return this.newSlots(1)
  }
  /** The first of so many in a row. */
  newSlots(count: number): number {
    const { frameOwner } = this
    const first = frameOwner.slots
    frameOwner.slots += count
    return first
  }
}

/** Where code is being emitted. */
interface Place {
  readonly code: CodeBuilder
  readonly scope: Scope | undefined
  /** Whether this is certainly evaluated when the code runs. */
  readonly certain: boolean
}

/** What a code is to evaluate, and what it is called if it is a lambda: to be compiled later. */
interface Body {
  readonly code: CodeBuilder
  readonly scope: Scope | undefined
  readonly expr: Expr
  readonly name: string | undefined
}

function within(scope: Scope, { code, certain }: Place): Place {
  return { code, scope, certain }
}
function uncertain(place: Place): Place {
  return place.certain ? { code: place.code, scope: place.scope, certain: false } : place
}

export function compile(source: SourceFile, expr: Expr, options: CompileOptions): CompiledUnit {
  return new Compiler(source, options).compile(expr)
}

/**
 * Where the words of a program are put together: a compiler never waits, so there is one at a time. It takes no memory before it is
 * written to, and is long enough for nearly all: at the first that is longer V8 gives up what it made of the compiler.
 */
const WORKSPACE = new Int32Array(2 ** 20)
function longer(words: Int32Array): Int32Array<ArrayBuffer> {
  const longer = new Int32Array(2 * words.length)
  longer.set(words)
  return longer
}

class Compiler {
  readonly #source: SourceFile
  readonly #options: CompileOptions
  #words: Int32Array = WORKSPACE
  /** How many of them were emitted so far. */
  #length = 0
  readonly #constants: Constant[] = []
  readonly #constantIndex = new Map<Constant, number>()
  readonly #names: string[] = []
  readonly #nameIndex = new Map<string, number>()
  readonly #shapes: ShapeInfo[] = []
  readonly #codes: CodeBuilder[] = []
  readonly #queue: (Body | (() => void))[] = []
  #undefined: UndefinedVariable | undefined
  /** Of the expression being emitted, within its code. */
  #depth = 0

  constructor(source: SourceFile, options: CompileOptions) {
    this.#source = source
    this.#options = options
  }

  compile(expr: Expr): CompiledUnit {
    const code = this.#newCode(undefined, 0)
    const names = this.#options.scope
    let scope: Scope | undefined
    if (names !== undefined && names.length > 0) {
      scope = Scope.of(undefined, code, new Map(names.map((name) => [name, code.newSlot()])))
    }
    this.#body(code, scope, expr)
    for (let next = this.#queue.pop(); next !== undefined; next = this.#queue.pop()) {
      if (typeof next === "function") next()
      else this.#delayed(next)
    }
    if (this.#undefined !== undefined) throw this.#undefined
    const tables = {
      words: this.#words.slice(0, this.#length),
      constants: this.#constants,
      names: this.#names,
      shapes: this.#shapes,
      codes: this.#codes.map(finish),
    }
    return new CompiledUnit(tables, this.#source, this.#options.basePath, this.#options.home)
  }

  // -------------------------------------------------------------------------------------------- emitting

  #word(word: number): void {
    if (this.#length === this.#words.length) this.#words = longer(this.#words)
    this.#words[this.#length++] = word
  }
  #constant(value: Constant): void {
    // Hardly any string is met twice, and to look for it makes a name of it.
    if (typeof value === "string") {
      this.#word(this.#constants.push(value) - 1)
      return
    }
    let index = this.#constantIndex.get(value)
    if (index === undefined) {
      index = this.#constants.push(value) - 1
      this.#constantIndex.set(value, index)
    }
    this.#word(index)
  }
  #name(name: string): void {
    let index = this.#nameIndex.get(name)
    if (index === undefined) {
      index = this.#names.push(internalize(name)) - 1
      this.#nameIndex.set(name, index)
    }
    this.#word(index)
  }
  #slot(owner: number, slot: number): void {
    this.#word(owner)
    this.#word(slot)
  }

  #newCode(parent: CodeBuilder | undefined, at: number, nested = false): CodeBuilder {
    const code = new CodeBuilder(this.#codes.length, parent, at, nested)
    this.#codes.push(code)
    return code
  }
  #body(code: CodeBuilder, scope: Scope | undefined, expr: Expr): void {
    code.entry = this.#length
    this.expr(expr, { code, scope, certain: code.frameOwner === code })
  }

  // -------------------------------------------------------------------------------------------- expressions

  /** Emits `expr` to be evaluated here and now. */
  expr(expr: Expr, place: Place): void {
    if (this.#depth >= NESTING_MAX) {
      const code = this.#newCode(place.code, expr.from, true)
      this.#word(WORDS.nested)
      this.#word(code.index)
      this.#queue.push({ code, scope: place.scope, expr, name: undefined })
      return
    }
    this.#depth++
    this.#operation(expr, place)
    this.#depth--
    const { code } = place
    if (code.undisturbed && !HARMLESS.has(expr.kind)) code.undisturbed = false
  }

  #operation(expr: Expr, here: Place): void {
    switch (expr.kind) {
      case "int":
      case "float":
      case "string":
      case "path":
        this.#word(WORDS.constant)
        this.#constant(this.#literal(expr))
        return
      case "variable":
        return this.#variable(expr.name, expr.from, here)
      case "search-path":
        return this.#searchPath(expr, here)
      case "cur-pos":
        this.#word(WORDS.position)
        this.#word(expr.from)
        return
      case "interpolated":
        return this.#interpolated(expr, here)
      case "select":
        return this.#select(expr.from, expr.path, expr.fallback, expr.subject, here)
      case "has-attr":
        this.#word(WORDS["has-attr"])
        this.#word(positionOf(expr.subject))
        this.expr(expr.subject, here)
        this.#path(expr.path, uncertain(here))
        return
      case "list":
        if (expr.items.length === 0) {
          this.#word(WORDS.constant)
          this.#constant(EMPTY_LIST)
          return
        }
        this.#word(WORDS.list)
        this.#word(expr.items.length)
        for (let i = 0; i < expr.items.length; i++) this.lazy(expr.items[i]!, here)
        return
      case "attrs":
        return this.#attrs(expr, here)
      case "legacy-let":
        return this.#select(-1, [{ name: "body", from: expr.from, to: expr.from }], undefined, expr.attrs, here)
      case "let": {
        const scope = this.#openBindings(expr.bindings, here)
        this.expr(expr.body, within(scope, here))
        return
      }
      case "with": {
        const slot = here.code.newSlot()
        const owner = here.code.frameOwner.index
        this.#word(WORDS.let)
        this.#word(1)
        this.#slot(owner, slot)
        this.lazy(expr.subject, here)
        const scope = Scope.with(here.scope, { owner, slot, at: expr.from })
        this.expr(expr.body, within(scope, here))
        return
      }
      case "if": {
        this.#word(WORDS.if)
        this.#word(expr.from)
        this.expr(expr.condition, here)
        const maybe = uncertain(here)
        this.expr(expr.consequence, maybe)
        this.expr(expr.alternative, maybe)
        return
      }
      case "assert": {
        const { condition } = expr
        const equality = condition.kind === "binary" && condition.operator === "=="
        this.#word(equality ? WORDS["assert-equal"] : WORDS.assert)
        this.#word(expr.from)
        this.#text(condition)
        if (equality) {
          this.expr(condition.left, here)
          this.expr(condition.right, here)
        } else this.expr(condition, here)
        here.code.undisturbed = false
        this.expr(expr.body, here)
        return
      }
      case "lambda":
        this.#word(WORDS.lambda)
        this.#word(this.#lambda(expr, here.scope, here.code, undefined).index)
        return
      case "call":
        return this.#call(expr, here)
      case "not":
        this.#word(WORDS.not)
        this.#word(positionOf(expr.operand))
        this.expr(expr.operand, here)
        return
      case "negate":
        if (this.#operatorCall("__sub", expr.from, [{ kind: "int", value: 0, ...span(expr) }, expr.operand], here))
          return
        this.#word(WORDS.subtract)
        this.#word(expr.from)
        this.#word(WORDS.constant)
        this.#constant(0)
        this.expr(expr.operand, here)
        return
      case "binary":
        return this.#binary(expr, here)
      case "error":
        throw new Error("the tree of a file with syntax problems was given to the compiler")
    }
  }

  /** Emits `expr` as an operand that is not evaluated now. `name` is what a lambda will be called in messages. */
  lazy(expr: Expr, place: Place, name?: string): void {
    switch (expr.kind) {
      case "int":
      case "float":
      case "string":
      case "path":
        this.#word(WORDS["lazy-constant"])
        this.#constant(this.#literal(expr))
        return
      case "list":
        if (expr.items.length > 0) break
        this.#word(WORDS["lazy-constant"])
        this.#constant(EMPTY_LIST)
        return
      case "variable":
        if (this.#lazyVariable(expr.name, place.scope)) return
        break
      default: // The rest has code of its own, to be run later.
    }
    this.#thunk(expr, place, name)
  }
  #thunk(expr: Expr, place: Place, name?: string): void {
    const code = this.#newCode(place.code, expr.from)
    this.#word(WORDS.thunk)
    this.#word(code.index)
    this.#queue.push({ code, scope: place.scope, expr, name })
  }
  /** Emits what waited in the queue. */
  #delayed({ code, scope, expr, name }: Body): void {
    if (expr.kind !== "lambda" || name === undefined) return this.#body(code, scope, expr)
    code.entry = this.#length
    this.#word(WORDS.lambda)
    this.#word(this.#lambda(expr, scope, code, name).index)
  }

  #literal(expr: Extract<Expr, { kind: "int" | "float" | "string" | "path" }>): Constant {
    switch (expr.kind) {
      case "int":
        return makeInt(BigInt(expr.value)) as number | bigint
      case "float":
        return new NixFloat(expr.value)
      case "string":
        return expr.value
      case "path":
        return new PathLiteral(expr.text, false)
    }
  }
  #text({ from, to }: Expr): void {
    this.#word(from)
    this.#word(to)
  }

  #lazyVariable(name: string, scope: Scope | undefined): boolean {
    const found = this.#resolve(name, scope)
    if (found.kind === "slot" && found.filled) {
      this.#word(WORDS["lazy-slot"])
      this.#slot(found.owner, found.slot)
      return true
    }
    if (found.kind !== "global") return false
    this.#word(WORDS["lazy-global"])
    this.#name(name)
    return true
  }

  #resolve(name: string, scope: Scope | undefined): Resolved {
    if (scope !== undefined) return scope.resolve(name, this.#options.isGlobal)
    return this.#options.isGlobal(name) ? GLOBAL : UNDEFINED
  }

  #variable(name: string, at: number, { code, scope, certain }: Place): void {
    const found = this.#resolve(name, scope)
    switch (found.kind) {
      case "slot":
        if (found.owner !== code.index) code.undisturbed = false
        else if (certain && found.slot < 31) {
          code.strict |= 1 << found.slot
          if (code.undisturbed) code.immediate |= 1 << found.slot
        }
        this.#word(WORDS.variable)
        this.#slot(found.owner, found.slot)
        this.#word(at)
        return
      case "global":
        this.#word(WORDS.global)
        this.#name(name)
        return
      case "with":
        code.undisturbed = false
        this.#word(WORDS["with-variable"])
        this.#name(name)
        this.#word(at)
        this.#withs(found.withs)
        return
      case "undefined":
        // Bodies are compiled out of order; the first in the file is reported.
        if (this.#undefined === undefined || at < this.#undefined.offset)
          this.#undefined = new UndefinedVariable(name, at)
        this.#word(WORDS.constant)
        this.#constant(null)
    }
  }
  #withs(withs: readonly WithScope[]): void {
    this.#word(withs.length)
    for (const { owner, slot, at } of withs) {
      this.#slot(owner, slot)
      this.#word(at)
    }
  }

  #searchPath(expr: Extract<Expr, { kind: "search-path" }>, place: Place): void {
    this.#word(WORDS.call)
    this.#word(expr.from)
    this.#variable("__findFile", expr.from, place)
    this.#word(2)
    if (!this.#lazyVariable("__nixPath", place.scope)) throw new Error("__nixPath is not bound")
    this.#word(WORDS["lazy-constant"])
    this.#constant(expr.text)
  }

  #interpolated(expr: InterpolatedExpr, here: Place): void {
    this.#word(expr.form === "path" ? WORDS["interpolate-path"] : WORDS.interpolate)
    this.#word(expr.at)
    this.#word(expr.parts.length)
    for (let i = 0; i < expr.parts.length; i++) {
      const part = expr.parts[i]!
      this.#word(expr.partAt[i]!)
      if (part.kind === "path" && i === 0) {
        this.#word(WORDS.constant)
        this.#constant(new PathLiteral(part.text, true))
      } else this.expr(part, here)
    }
  }

  #select(at: number, path: readonly AttrName[], fallback: Expr | undefined, subject: Expr, place: Place): void {
    const first = path[0]
    if (fallback !== undefined) {
      const maybe = uncertain(place)
      this.#word(WORDS["select-or"])
      this.#word(at)
      this.expr(subject, place)
      this.expr(fallback, maybe)
      this.#path(path, maybe)
    } else if (path.length === 1 && first!.name !== undefined) {
      this.#word(WORDS.select)
      this.#name(first!.name)
      this.#word(at)
      this.expr(subject, place)
    } else {
      this.#word(WORDS["select-path"])
      this.#word(at)
      this.expr(subject, place)
      this.#path(path, uncertain(place))
    }
  }
  #path(path: readonly AttrName[], place: Place): void {
    this.#word(path.length)
    for (const step of path) {
      if (step.name !== undefined) this.#name(step.name)
      else {
        this.#word(-1)
        this.#text(step.expr)
        this.#word(positionOf(step.expr))
        this.expr(step.expr, place)
      }
    }
  }

  // -------------------------------------------------------------------------------------------- bindings

  /** Emits `let` and what fills its slots, up to where its body has to follow. */
  #openBindings(bindings: Bindings, place: Place, everyThunk = false): Scope {
    const { code } = place
    const owner = code.frameOwner.index
    const sources = code.newSlots(bindings.inheritFrom.length)
    const slots = new Map<string, number>()
    const first = code.newSlots(bindings.statics.length)
    for (let i = 0; i < bindings.statics.length; i++) slots.set(internalize(bindings.statics[i]!.name), first + i)
    const scope = Scope.of(place.scope, code, slots)
    const inner = within(scope, place)
    this.#word(WORDS.let)
    this.#word(bindings.inheritFrom.length + slots.size)
    scope.fillingFrom = 0
    this.#inheritFrom(bindings, sources, inner)
    for (let i = 0; i < bindings.statics.length; i++) {
      const slot = first + i
      scope.fillingFrom = everyThunk ? 0 : slot
      this.#slot(owner, slot)
      this.#binding(bindings.statics[i]!, inner, place, sources)
    }
    scope.fillingFrom = Infinity
    return scope
  }

  /** Fills slots, from `first` on, with the sets that bindings are inherited from. */
  #inheritFrom({ inheritFrom }: Bindings, first: number, place: Place): void {
    for (let i = 0; i < inheritFrom.length; i++) {
      this.#slot(place.code.frameOwner.index, first + i)
      this.lazy(inheritFrom[i]!, place)
    }
  }

  /** Emits what a binding's slot is filled with. The sets that bindings are inherited from are in slots from `sources` on. */
  #binding(binding: Binding, inner: Place, outer: Place, sources: number): void {
    const { value, name, at } = binding
    switch (value.kind) {
      case "plain":
        return this.lazy(value.expr, inner, name)
      case "inherit":
        if (!this.#lazyVariable(name, outer.scope))
          this.#thunk({ kind: "variable", name, from: at, to: at + name.length }, outer)
        return
      case "inherit-from": {
        const code = this.#newCode(inner.code, at)
        this.#word(WORDS.thunk)
        this.#word(code.index)
        this.#inheritedLater(code, name, at, inner.code.frameOwner.index, sources + value.source)
      }
    }
  }
  #inheritedLater(code: CodeBuilder, name: string, at: number, owner: number, slot: number): void {
    this.#queue.push(() => {
      code.entry = this.#length
      this.#word(WORDS.select)
      this.#name(name)
      this.#word(at)
      this.#word(WORDS.variable)
      this.#slot(owner, slot)
      this.#word(-1)
    })
  }

  #attrs(expr: AttrsExpr, here: Place): void {
    const { bindings } = expr
    const { dynamics } = bindings
    const sorted = sortedByName(bindings.statics)
    if (dynamics.length > 0) this.#word(WORDS.dynamic)
    let inner = here
    if (expr.recursive) inner = this.#recursiveAttrs(expr, sorted, here)
    else {
      const sources = here.code.newSlots(bindings.inheritFrom.length)
      if (bindings.inheritFrom.length > 0) {
        this.#word(WORDS.let)
        this.#word(bindings.inheritFrom.length)
        this.#inheritFrom(bindings, sources, here)
      }
      this.#word(WORDS.attrs)
      this.#shape(sorted)
      for (let i = 0; i < sorted.length; i++) this.#binding(sorted[i]!, here, here, sources)
    }
    if (dynamics.length > 0) {
      this.#word(dynamics.length)
      for (const { name, at, value } of dynamics) {
        this.expr(name, uncertain(inner))
        this.#word(at)
        this.lazy(value, inner)
      }
    }
  }
  /** The place inside. */
  #recursiveAttrs({ bindings, from }: AttrsExpr, sorted: readonly Binding[], here: Place): Place {
    const owner = here.code.frameOwner.index
    const overrides = bindings.statics.some(({ name }) => name === "__overrides")
    const scope = this.#openBindings(bindings, here, overrides)
    const slotOf = (name: string): number => {
      const found = this.#resolve(name, scope)
      if (found.kind !== "slot") throw new Error(`a recursive attribute without a slot: ${name}`)
      return found.slot
    }
    if (overrides) {
      this.#word(WORDS.overrides)
      this.#slot(owner, slotOf("__overrides"))
      this.#word(from)
      this.#word(sorted.length)
      for (const { name } of sorted) {
        this.#name(name)
        this.#slot(owner, slotOf(name))
      }
    }
    this.#word(WORDS.attrs)
    this.#shape(sorted)
    for (const { name } of sorted) {
      this.#word(WORDS["lazy-slot"])
      this.#slot(owner, slotOf(name))
    }
    return within(scope, here)
  }
  #shape(sorted: readonly Binding[]): void {
    const names = new Array<string>(sorted.length)
    const offsets = new Array<number>(sorted.length)
    for (let i = 0; i < sorted.length; i++) {
      names[i] = internalize(sorted[i]!.name)
      offsets[i] = sorted[i]!.at
    }
    this.#word(this.#shapes.push({ names, offsets }) - 1)
    this.#word(sorted.length)
  }

  // -------------------------------------------------------------------------------------------- functions

  /** `p1: p2: … body` as one code, named `name`. */
  #lambda(expr: LambdaExpr, scope: Scope | undefined, parent: CodeBuilder, name: string | undefined): CodeBuilder {
    const code = this.#newCode(parent, expr.from)
    const params: ParamInfo[] = []
    const plain: { readonly name: string | undefined; readonly at: number; readonly doc: string | undefined }[] = []
    let last = expr
    while (last.formals === undefined && last.body.kind === "lambda") {
      plain.push({ name: last.param, at: last.from, doc: last.doc })
      last = last.body
    }
    plain.push({ name: last.param, at: last.from, doc: last.doc })
    let inner = scope
    let scopeOfFormals: Scope | undefined
    for (const { name: param, at, doc } of plain) {
      const slot = code.newSlot()
      if (param !== undefined) inner = Scope.of(inner, code, new Map<string, number>().set(param, slot))
      params.push({ name: param, slot, at, formals: undefined, ellipsis: false, doc })
    }
    if (last.formals !== undefined) {
      const slots = new Map<string, number>()
      for (const { name: formal } of last.formals.items) slots.set(formal, code.newSlot())
      inner = Scope.of(inner, code, slots)
      scopeOfFormals = inner
    }
    const bodyScope = inner
    this.#queue.push(() => {
      if (last.formals !== undefined) {
        const formals = this.#formals(last.formals, code, scopeOfFormals!)
        params[params.length - 1] = { ...params.at(-1)!, formals, ellipsis: last.formals.ellipsis }
      }
      this.#body(code, bodyScope, last.body)
      const pattern = last.formals === undefined ? 0 : 1 << (params.length - 1)
      const all = (1 << params.length) - 1
      const strict = (code.strict & all) | pattern
      code.lambda = { name, params, strict, immediate: code.immediate & all & ~pattern }
    })
    return code
  }

  #formals({ items }: Formals, code: CodeBuilder, scope: Scope): FormalInfo[] {
    // A default may refer to any other formal, and which are filled by then depends on the argument.
    scope.fillingFrom = 0
    const formals = sortedByName(items).map((formal): FormalInfo => {
      const found = scope.resolve(formal.name, () => false)
      if (found.kind !== "slot") throw new Error(`a formal without a slot: ${formal.name}`)
      const { slot } = found
      const fallback = formal.fallback === undefined ? -1 : this.#length
      if (formal.fallback !== undefined) this.lazy(formal.fallback, { code, scope, certain: false }, formal.name)
      return { name: internalize(formal.name), slot, at: formal.at, fallback }
    })
    scope.fillingFrom = Infinity
    return formals
  }

  #call(expr: CallExpr, here: Place): void {
    this.#word(WORDS.call)
    this.#word(expr.at)
    this.expr(expr.fn, here)
    this.#word(expr.args.length)
    for (let i = 0; i < expr.args.length; i++) this.lazy(expr.args[i]!, here)
  }

  /** If `name` is bound by the program, the operator is a call of that. */
  #operatorCall(name: string, at: number, args: readonly Expr[], here: Place): boolean {
    if (here.scope?.bindsOperators !== true || this.#resolve(name, here.scope).kind !== "slot") return false
    this.#word(WORDS.call)
    this.#word(at)
    this.#variable(name, at, here)
    this.#word(args.length)
    for (const arg of args) this.lazy(arg, here)
    return true
  }

  #binary(expr: BinaryExpr, here: Place): void {
    const { left, right, at } = expr
    switch (expr.operator) {
      case "+":
        this.#word(WORDS.add)
        this.#word(at)
        this.#word(expr.leftAt)
        this.#word(expr.rightAt)
        this.expr(left, here)
        this.expr(right, here)
        return
      case "-":
        if (!this.#operatorCall("__sub", at, [left, right], here))
          this.#twoOperands(WORDS.subtract, at, left, right, here, here)
        return
      case "*":
        if (!this.#operatorCall("__mul", at, [left, right], here))
          this.#twoOperands(WORDS.multiply, at, left, right, here, here)
        return
      case "/":
        if (!this.#operatorCall("__div", at, [left, right], here))
          this.#twoOperands(WORDS.divide, at, left, right, here, here)
        return
      case "<":
      case ">=":
        return this.#less(at, left, right, expr.operator === ">=", here)
      case ">":
      case "<=":
        return this.#less(at, right, left, expr.operator === "<=", here)
      case "==":
      case "!=":
        this.#word(expr.operator === "==" ? WORDS.equal : WORDS.unequal)
        this.expr(left, here)
        this.expr(right, here)
        return
      case "&&":
        return this.#twoOperands(WORDS.and, at, left, right, here, uncertain(here))
      case "||":
        return this.#twoOperands(WORDS.or, at, left, right, here, uncertain(here))
      case "->":
        return this.#twoOperands(WORDS.implies, at, left, right, here, uncertain(here))
      case "++":
        return this.#twoOperands(WORDS.concat, at, left, right, here, here)
      case "//":
        this.#word(WORDS.update)
        // The right operand is evaluated first, but emitted last.
        here.code.undisturbed = false
        // C++ Nix takes a chain of updates as one operation, whose inner steps say nothing of their own.
        this.#word(isUpdate(left) ? -2 : positionOf(left))
        this.#word(isUpdate(right) ? -2 : positionOf(right))
        this.expr(left, here)
        this.expr(right, here)
    }
  }
  #twoOperands(word: number, at: number, a: Expr, b: Expr, placeOfA: Place, placeOfB: Place): void {
    this.#word(word)
    this.#word(at)
    this.expr(a, placeOfA)
    this.expr(b, placeOfB)
  }
  #less(at: number, a: Expr, b: Expr, negated: boolean, here: Place): void {
    if (here.scope?.bindsOperators === true && this.#resolve("__lessThan", here.scope).kind === "slot") {
      if (negated) {
        this.#word(WORDS.not)
        this.#word(at)
      }
      this.#operatorCall("__lessThan", at, [a, b], here)
    } else this.#twoOperands(negated ? WORDS["not-less"] : WORDS.less, at, a, b, here, here)
  }
}

/** Expressions whose own evaluation, that of their operands apart, cannot fail. */
const HARMLESS: ReadonlySet<Expr["kind"]> = new Set([
  "int",
  "float",
  "string",
  "path",
  "variable",
  "cur-pos",
  "list",
  "lambda",
  "let",
  "with",
  "if",
])

const EMPTY_LIST: readonly never[] = []

/** Most are already. */
function sortedByName<T extends { readonly name: string }>(items: readonly T[]): readonly T[] {
  for (let i = 1; i < items.length; i++) {
    if (items[i - 1]!.name >= items[i]!.name) return putInOrder([...items])
  }
  return items
}
/** Most that are not are few, and hardly out of order. */
const INSERTION_MAX = 24
function putInOrder<T extends { readonly name: string }>(items: T[]): T[] {
  if (items.length > INSERTION_MAX) return items.sort((a, b) => compareNames(a.name, b.name))
  for (let i = 1; i < items.length; i++) {
    const item = items[i]!
    let at = i
    for (; at > 0 && items[at - 1]!.name > item.name; at--) items[at] = items[at - 1]!
    items[at] = item
  }
  return items
}

function finish({ parent, entry, slots, at, lambda }: CodeBuilder): CodeInfo {
  return { parent: parent?.index ?? -1, entry, slots, at, lambda }
}
function isUpdate(expr: Expr): boolean {
  return expr.kind === "binary" && expr.operator === "//"
}
function span({ from, to }: Expr): { from: number; to: number } {
  return { from, to }
}

/** The offset C++ Nix takes for the place of an expression when nothing better is known; -1 if it has none. */
function positionOf(expr: Expr): number {
  for (let e = expr; ;) {
    switch (e.kind) {
      case "int":
      case "float":
      case "string":
      case "path":
      case "let":
      case "legacy-let":
        return -1
      case "has-attr":
        e = e.subject
        continue
      case "not":
        e = e.operand
        continue
      case "list":
        if (e.items.length === 0) return -1
        e = e.items[0]!
        continue
      case "binary":
        return e.operator === "==" || e.operator === "!=" ? -1 : e.at
      case "interpolated":
      case "call":
        return e.at
      case "attrs":
        return e.explicit ? e.from : -1
      default:
        return e.from
    }
  }
}
