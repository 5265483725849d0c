/** Which names mean which bindings, and which of those are used in the end. */

export interface Variable {
  readonly kind: "let" | "inherit" | "formal" | "at" | "argument" | "attribute" | "source"
  readonly name: string
  readonly from: number
  used: boolean
  /** What its value refers to: used if it is. Only what `let` binds has any; all else counts as used where it stands. */
  readonly uses: Variable[]
  /** Called if nobody uses it. */
  readonly unused: (() => void) | undefined
  /** Called at every use. */
  readonly seen: (() => void) | undefined
}

export interface With {
  used: boolean
}

/** One scope around some expression, innermost first: it binds names, or is a `with`. */
export interface Scope {
  readonly parent: Scope | undefined
  readonly names: ReadonlyMap<string, Variable> | undefined
  readonly subject: With | undefined
}

export type Meaning =
  | { readonly kind: "variable"; readonly variable: Variable }
  | { readonly kind: "builtin" }
  | { readonly kind: "with"; readonly withs: readonly With[] }
  | { readonly kind: "undefined" }

export function meaningOf(name: string, scope: Scope | undefined, isGlobal: (name: string) => boolean): Meaning {
  const withs: With[] = []
  for (let at = scope; at !== undefined; at = at.parent) {
    if (at.subject !== undefined) withs.push(at.subject)
    const variable = at.names?.get(name)
    if (variable !== undefined) return { kind: "variable", variable }
  }
  if (isGlobal(name)) return { kind: "builtin" }
  return withs.length > 0 ? { kind: "with", withs } : { kind: "undefined" }
}

/** Marks everything that the variables in `roots` lead to. */
export function markUsed(roots: readonly Variable[]): void {
  const queue = [...roots]
  for (let variable = queue.pop(); variable !== undefined; variable = queue.pop()) {
    if (variable.used) continue
    variable.used = true
    for (const next of variable.uses) queue.push(next)
  }
}
