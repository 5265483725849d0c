/**
 * The rules by which bindings come together: attribute paths become nested sets, sets defined in several places become
 * one, and what cannot be one is reported. C++ Nix does this while parsing (addAttr in parser-state.hh), and so do we.
 */
import type { AttrName, AttrsExpr, Binding, Bindings, DynamicBinding, Expr } from "../ast.ts"
import { printName } from "../print/name.ts"
import { type Build, type Mutable, docAt, documentLambda } from "./build.ts"

/** From this many bindings on, names are looked up in an index. */
const INDEX_FROM = 12

/** {@link Bindings} that can grow. */
class BindingTable implements Bindings {
  readonly statics: Binding[] = []
  readonly dynamics: DynamicBinding[] = []
  readonly inheritFrom: Expr[] = []
  #index: Map<string, Binding> | undefined

  find(name: string): Binding | undefined {
    const { statics } = this
    if (this.#index !== undefined) return this.#index.get(name)
    for (let i = 0; i < statics.length; i++) {
      if (statics[i]!.name === name) return statics[i]
    }
    return undefined
  }

  /** `binding.name` must be new. */
  add(binding: Binding): void {
    this.statics.push(binding)
    if (this.#index !== undefined) this.#index.set(binding.name, binding)
    else if (this.statics.length === INDEX_FROM) this.#index = new Map(this.statics.map((b) => [b.name, b]))
  }
}

/** A set under construction. Every {@link AttrsExpr} that a parse makes is one. */
export interface GrowingAttrs extends Mutable<AttrsExpr> {
  bindings: BindingTable
}

export function newAttrs(from: number, to: number, explicit: boolean): GrowingAttrs {
  return { kind: "attrs", from, to, recursive: false, bindings: new BindingTable(), explicit }
}

/** The set that `binding` is bound to, if it is one. */
function attrsOf(binding: Binding): GrowingAttrs | undefined {
  return binding.value.kind === "plain" && binding.value.expr.kind === "attrs"
    ? (binding.value.expr as GrowingAttrs)
    : undefined
}

/** Adds `path = expr;`, which stands at `[from, to)`. */
export function addBinding(
  build: Build,
  attrs: GrowingAttrs,
  path: readonly AttrName[],
  expr: Expr,
  from: number,
  to: number,
): void {
  const doc = docAt(build, from)
  let inner = attrs
  const last = path.length - 1
  for (let i = 0; i < last; i++) {
    const step = path[i]!
    let next: GrowingAttrs
    if (step.name === undefined) {
      next = newAttrs(from, to, false)
      inner.bindings.dynamics.push({ name: step.expr, at: from, value: next })
    } else {
      const known = inner.bindings.find(step.name)
      if (known === undefined) {
        next = newAttrs(from, to, false)
        inner.bindings.add({ name: step.name, at: from, value: { kind: "plain", expr: next }, doc })
      } else {
        const nested = attrsOf(known)
        if (nested === undefined) {
          reportDuplicate(build, path.slice(0, i + 1).map(shown), from, path[i]!.to, known.at)
          return
        }
        next = nested
      }
    }
    inner = next
  }
  const step = path[last]!
  if (step.name === undefined) {
    inner.bindings.dynamics.push({ name: step.expr, at: from, value: expr })
  } else {
    const binding: Binding = { name: step.name, at: from, value: { kind: "plain", expr }, doc }
    const known = inner.bindings.find(step.name)
    if (known === undefined) inner.bindings.add(binding)
    else merge(build, known, binding, path)
  }
  if (doc !== undefined) documentLambda(expr, doc)
}

/** Adds what `inherit names;` or `inherit (source) names;` defines. */
export function addInherited(build: Build, attrs: GrowingAttrs, names: readonly AttrName[], source?: Expr): void {
  const { bindings } = attrs
  const index = source === undefined ? 0 : bindings.inheritFrom.push(source) - 1
  for (const { name, from, to } of names) {
    if (name === undefined) continue
    const known = bindings.find(name)
    if (known !== undefined) {
      reportDuplicate(build, [printName(name)], from, to, known.at)
      continue
    }
    const value =
      source === undefined ? ({ kind: "inherit" } as const) : ({ kind: "inherit-from", source: index } as const)
    bindings.add({ name, at: from, value, doc: docAt(build, from) })
  }
}

/** A merge of two sets in progress. `parent` is the one that led to it: merges nest as the sets do. */
interface Merge {
  readonly parent: Merge | undefined
  readonly target: BindingTable
  readonly source: BindingTable
  /** The bindings of `source`. */
  readonly added: readonly Binding[]
  /** Index in `added` of the binding to look at next; the one before it is what a nested merge is about. */
  next: number
}

/**
 * Merges `added`, defined by `path`, into `known`, which has the same name. Possible only between two sets, and then
 * attribute by attribute; a `rec` on the added set is lost, as it is in C++ Nix (its issue 9020).
 */
function merge(build: Build, known: Binding, added: Binding, path: readonly AttrName[]): void {
  const begin = (known: Binding, added: Binding, parent: Merge | undefined): Merge | undefined => {
    const target = attrsOf(known)?.bindings
    const source = attrsOf(added)?.bindings
    if (target !== undefined && source !== undefined) {
      return { parent, target, source, added: conflictsFirst(target, source.statics), next: 0 }
    }
    const names: string[] = []
    for (let at = parent; at !== undefined; at = at.parent) names.push(printName(at.added[at.next - 1]!.name))
    const to = parent === undefined ? path.at(-1)!.to : added.at + added.name.length
    reportDuplicate(build, [...path.map(shown), ...names.toReversed()], added.at, to, known.at)
    return parent
  }
  let merging = begin(known, added, undefined)
  while (merging !== undefined) {
    const { target, source } = merging
    const binding = merging.added[merging.next++]
    if (binding === undefined) {
      for (const dynamic of source.dynamics) target.dynamics.push(dynamic)
      for (const expr of source.inheritFrom) target.inheritFrom.push(expr)
      merging = merging.parent
      continue
    }
    const known = target.find(binding.name)
    if (known !== undefined) merging = begin(known, binding, merging)
    else if (binding.value.kind !== "inherit-from") target.add(binding)
    else {
      const source = binding.value.source + target.inheritFrom.length
      target.add({ ...binding, value: { kind: "inherit-from", source } })
    }
  }
}

/**
 * `added`, those of them first whose names `target` has, in its order: C++ Nix goes by the age of names, and this is the
 * order in which it finds conflicts.
 */
function conflictsFirst(target: BindingTable, added: readonly Binding[]): readonly Binding[] {
  const conflicts = added.filter((binding) => target.find(binding.name) !== undefined)
  if (conflicts.length < 2) return added
  const ages = new Map(target.statics.map((binding, age) => [binding.name, age]))
  conflicts.sort((a, b) => ages.get(a.name)! - ages.get(b.name)!)
  return [...conflicts, ...added.filter((binding) => !ages.has(binding.name))]
}

function reportDuplicate(build: Build, path: readonly string[], from: number, to: number, previous: number): void {
  build.report({ code: "attribute-already-defined", name: path.join("."), previous }, from, to, from)
}

/** A step as messages show it. Only names occur: a computed step always starts a set of its own. */
function shown(step: AttrName): string {
  return printName(step.name ?? "")
}
