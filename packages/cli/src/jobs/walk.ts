/**
 * Finding the derivations of a program, one attribute at a time and in any order: what nix-eval-jobs looks at, and no
 * more. Sets are gone into where they say `recurseForDerivations = true`, the root always; functions are called with
 * `--arg` and their defaults on the way; lists and everything else are passed over.
 */
import { AttrSet, autoCall, Thunk, type AutoArguments, type Forced } from "@tvix-ts/eval"
import { fail, type Task } from "@tvix-ts/eval/builtins"
import { NO_TWIN, type SetNames } from "./protocol.ts"
import { derivationRecord, type FindDerivation, type RecordOptions } from "./record.ts"

/** What is at an attribute path. */
export type Found =
  /** `record` is the JSON object to print. */
  | { readonly kind: "derivation"; readonly record: string; readonly drvPath: string }
  /** A set whose attributes are to be looked at. */
  | { readonly kind: "set"; readonly names: SetNames }
  | { readonly kind: "other" }

export interface WalkOptions extends RecordOptions {
  /** Go into every set. */
  readonly forceRecurse: boolean
  /** Names in the longest path that is looked at. */
  readonly depthMax: number | undefined
  readonly args: AutoArguments
  readonly find: FindDerivation
}

/** Sets inside sets; more is a set that makes itself up as one goes. */
const DEPTH_MAX = 100
/** Values that twins are found of: some 10 MB. */
const NUMBERS_MAX = 1 << 17

export class Walk {
  readonly #options: WalkOptions
  /** The sets that were gone into, by path, so that functions on the way are called once. */
  readonly #sets = new Map<string, AttrSet>()
  readonly #root: AttrSet
  /** The numbers of values that attributes have. */
  readonly #numbers = new Map<object, number>()
  #nextNumber = 0
  readonly #rootNames: SetNames

  /** @param root called already, if it was a function */
  constructor(root: AttrSet, options: WalkOptions) {
    this.#root = root
    this.#options = options
    this.#rootNames = this.#number(root)
  }

  /** A task whose result is what is at `path`. */
  *look(path: readonly string[]): Task<Found> {
    const value = yield* this.#valueAt(path)
    if (!(value instanceof AttrSet)) return { kind: "other" }
    if (yield* isDerivation(value)) {
      const { record, drvPath } = yield* derivationRecord(value, path, this.#options, this.#options.find)
      return { kind: "derivation", record, drvPath }
    }
    if (!(yield* this.#goesInto(value, path))) return { kind: "other" }
    if (path.length >= (this.#options.depthMax ?? Infinity)) return { kind: "other" }
    if (path.length > DEPTH_MAX) {
      fail({ code: "invalid-argument", message: `attribute sets are nested more than ${DEPTH_MAX} deep` })
    }
    this.#sets.set(keyOf(path), value)
    return { kind: "set", names: path.length === 0 ? this.#rootNames : this.#number(value) }
  }

  /** Numbers the attributes of a set, those of the root beginning with 0. */
  #number(set: AttrSet): SetNames {
    const names = set.sortedNames()
    const twins = names.map((name, i) => {
      const value = set.get(name)!
      // Only these are work. A constant of the program is the same in all that share nothing else.
      if (!(value instanceof Thunk || value instanceof AttrSet)) return NO_TWIN
      const number = this.#numbers.get(value)
      if (number === undefined && this.#numbers.size < NUMBERS_MAX) this.#numbers.set(value, this.#nextNumber + i)
      return number ?? NO_TWIN
    })
    this.#nextNumber += names.length
    return twins.every((twin) => twin === NO_TWIN) ? { names } : { names, twins }
  }

  *#valueAt(path: readonly string[]): Task<Forced> {
    if (path.length === 0) return this.#root
    const known = this.#sets.get(keyOf(path))
    if (known !== undefined) return known
    const name = path.at(-1)!
    const parentPath = path.slice(0, -1)
    // As deep as the path is long, which is bounded.
    const parent = yield* this.#valueAt(parentPath)
    if (!(parent instanceof AttrSet)) return fail({ code: "attribute-missing", name, known: [] })
    this.#sets.set(keyOf(parentPath), parent)
    const value = parent.get(name)
    if (value === undefined) return fail({ code: "attribute-missing", name, known: parent.sortedNames() })
    const forced = (yield value) as Forced
    return (yield autoCall(forced, this.#options.args)) as Forced
  }

  *#goesInto(set: AttrSet, path: readonly string[]): Task<boolean> {
    if (this.#options.forceRecurse) return !this.#isAround(set, path)
    const says = set.get("recurseForDerivations")
    if (says === undefined) return path.length === 0
    const recurse = (yield says) as Forced
    if (typeof recurse !== "boolean") {
      fail({ code: "type-error", expected: "a Boolean", found: recurse }, set.position("recurseForDerivations"))
    }
    return recurse && !this.#isAround(set, path)
  }

  /** Whether `set` contains itself, as package sets like to: C++ Nix would not come to an end. */
  #isAround(set: AttrSet, path: readonly string[]): boolean {
    for (let length = 0; length < path.length; length++) {
      if (this.#sets.get(keyOf(path.slice(0, length))) === set) return true
    }
    return false
  }
}

const keyOf = (path: readonly string[]): string => JSON.stringify(path)

function* isDerivation(value: AttrSet): Task<boolean> {
  const type = value.get("type")
  return type !== undefined && ((yield type) as Forced) === "derivation"
}
