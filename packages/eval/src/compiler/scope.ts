import type { CodeBuilder } from "./compile.ts"

/** Names that operators and `<…>` are calls of: whoever binds one of them changes what `1 - 2` means. */
const OPERATOR_NAMES = ["__sub", "__mul", "__div", "__lessThan", "__findFile", "__nixPath"]

export type Resolved =
  | { readonly kind: "slot"; readonly owner: number; readonly slot: number; readonly filled: boolean }
  | { readonly kind: "global" }
  | { readonly kind: "with"; readonly withs: readonly WithScope[] }
  | { readonly kind: "undefined" }

export const GLOBAL: Resolved = { kind: "global" }
export const UNDEFINED: Resolved = { kind: "undefined" }
/** Every slot that is found, one after the other: there are as many as variables, and whoever asks looks at once. */
const FOUND = { kind: "slot" as const, owner: 0, slot: 0, filled: false }

export interface WithScope {
  readonly owner: number
  readonly slot: number
  readonly at: number
}

function bindsOperator(slots: ReadonlyMap<string, number>): boolean {
  for (let i = 0; i < OPERATOR_NAMES.length; i++) if (slots.has(OPERATOR_NAMES[i]!)) return true
  return false
}

/**
 * What names mean at some place, innermost scope first. A scope either binds names to slots of one code's frame, or is
 * a `with`, whose names are not known before it is evaluated and which every name that is bound outright passes by.
 */
export class Scope {
  readonly parent: Scope | undefined
  readonly #owner: number
  readonly #slots: Map<string, number> | undefined
  readonly #with: WithScope | undefined
  /** Slots from here on are still being filled: reading one now would read nothing. */
  fillingFrom = Infinity
  /** Whether some name operators stand for is bound here or further out. */
  readonly bindsOperators: boolean

  private constructor(
    parent: Scope | undefined,
    owner: number,
    slots: Map<string, number> | undefined,
    subject: WithScope | undefined,
  ) {
    this.parent = parent
    this.#owner = owner
    this.#slots = slots
    this.#with = subject
    this.bindsOperators = parent?.bindsOperators === true || (slots !== undefined && bindsOperator(slots))
  }

  static of(parent: Scope | undefined, code: CodeBuilder, slots: Map<string, number>): Scope {
    return new Scope(parent, code.frameOwner.index, slots, undefined)
  }
  static with(parent: Scope | undefined, subject: WithScope): Scope {
    return new Scope(parent, subject.owner, undefined, subject)
  }

  /** What `name` means here. The answer is good until the next name is resolved. */
  resolve(name: string, isGlobal: (name: string) => boolean): Resolved {
    let withs: WithScope[] | undefined
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.parent) {
      if (scope.#with !== undefined) {
        ;(withs ??= []).push(scope.#with)
        continue
      }
      const slot = scope.#slots!.get(name)
      if (slot !== undefined) {
        FOUND.owner = scope.#owner
        FOUND.slot = slot
        FOUND.filled = slot < scope.fillingFrom
        return FOUND
      }
    }
    if (isGlobal(name)) return GLOBAL
    return withs === undefined ? UNDEFINED : { kind: "with", withs }
  }
}
