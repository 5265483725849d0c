import { AttrSet } from "../attrs.ts"
import { lessTask } from "../ordering.ts"
import { printShort } from "../print/short.ts"
import { Failure, type EvalProblem } from "../problem.ts"
import { isInt, isList, isString, NixPath, NixString, Thunk, type Forced, type Value } from "../value.ts"
import { asFailure, type Task } from "../vm/machine.ts"
import { call } from "./call.ts"
import { attrs, builtin, isCallable } from "./define.ts"

export const closureBuiltins = [
  builtin({
    name: "genericClosure",
    params: [attrs("attrset")],
    doc: "The sets in `startSet`, and those that `operator` returns for them, and so on, one for each `key`, in the order they are found.",
    *run(set) {
      const startSet = attribute(set, "startSet")
      const start = (yield startSet) as Forced
      if (!isList(start)) {
        throw refused(
          "a list",
          start,
          "while evaluating the 'startSet' attribute passed as argument to builtins.genericClosure",
        )
      }
      if (start.length === 0) return start
      const operator = yield* operatorOf(set)
      const queue: Value[] = [...start]
      const found: Value[] = []
      const keys = new Keys()
      for (let next = 0; next < queue.length; next++) {
        const slot = queue[next]!
        const element = yield* elementOf(slot)
        const keySlot = element.get("key")!
        const key = (keySlot instanceof Thunk ? yield keySlot : keySlot) as Forced
        if (!(keys.addAtom(key, element) ?? (yield* keys.add(key, element)))) continue
        found.push(slot)
        try {
          const more = (yield call(operator, slot)) as Forced
          if (!isList(more)) {
            throw refused(
              "a list",
              more,
              "while evaluating the return value of the `operator` passed to builtins.genericClosure",
            )
          }
          for (const value of more) {
            if (value instanceof Thunk) yield value
            queue.push(value)
          }
        } catch (problem) {
          throw asFailure(problem).traced(0, `while calling operator on genericClosure element ${printShort(element)}`)
        }
      }
      return found
    },
  }),
]

function attribute(set: AttrSet, name: string): Value {
  const value = set.get(name)
  if (value !== undefined) return value
  const problem: EvalProblem = { code: "attribute-missing", name, known: [] }
  throw new Failure(problem).traced(0, "in the attrset passed as argument to builtins.genericClosure")
}
function refused(expected: string, found: Forced, doing: string): Failure {
  return new Failure({ code: "type-error", expected, found }).traced(0, doing)
}

function* operatorOf(set: AttrSet): Task<Forced> {
  const slot = attribute(set, "operator")
  try {
    const operator = (yield slot) as Forced
    if (isCallable(operator)) return operator
    throw new Failure({ code: "type-error", expected: "a function", found: operator })
  } catch (problem) {
    throw asFailure(problem).traced(
      0,
      "while evaluating the 'operator' attribute passed as argument to builtins.genericClosure",
    )
  }
}

/** The element in `slot`, a set that has a key. */
function* elementOf(slot: Value): Task<AttrSet> {
  try {
    const element = (slot instanceof Thunk ? yield slot : slot) as Forced
    if (!(element instanceof AttrSet)) {
      throw new Failure({ code: "type-error", expected: "a set", found: element })
    }
    if (!element.has("key")) throw new Failure({ code: "attribute-missing", name: "key", known: [] })
    return element
  } catch (problem) {
    throw asFailure(problem).traced(0, `in genericClosure element ${printShort(slot)}`)
  }
}

// ---------------------------------------------------------------------------------------------- keys

interface Known {
  readonly key: Forced
  readonly element: AttrSet
}
type AtomKind = "int" | "string" | "path"

/**
 * The keys met so far. They are told apart by `<` alone, as C++ Nix does: keys neither of which is less are one, so 1 and
 * 1.0 are, and keys that cannot be compared are an error. As long as all are integers, all strings or all paths, a hash
 * table gives the same answer sooner.
 */
class Keys {
  #kind: AtomKind | undefined
  readonly #atoms = new Map<number | bigint | string, Known>()
  /** By key; instead of `#atoms` as soon as those will not do. */
  #sorted: Known[] | undefined

  /** Whether `key` is new; undefined if that takes more than a hash table. Now it no longer is. */
  addAtom(key: Forced, element: AttrSet): boolean | undefined {
    if (this.#sorted !== undefined) return undefined
    const kind = isInt(key) ? "int" : isString(key) ? "string" : key instanceof NixPath ? "path" : undefined
    if (kind === undefined || (this.#kind !== undefined && this.#kind !== kind)) return undefined
    this.#kind = kind
    const atom = atomOf(key as AtomKey)
    if (this.#atoms.has(atom)) return false
    this.#atoms.set(atom, { key, element })
    return true
  }

  /** A task whose result is whether `key` is new. */
  *add(key: Forced, element: AttrSet): Task<boolean> {
    const sorted = (this.#sorted ??= [...this.#atoms.values()].sort((a, b) => {
      const [x, y] = [atomOf(a.key as AtomKey), atomOf(b.key as AtomKey)]
      return x < y ? -1 : 1
    }))
    try {
      let low = 0
      let high = sorted.length
      while (low < high) {
        const middle = (low + high) >> 1
        if ((yield lessTask(key, sorted[middle]!.key)) as boolean) high = middle
        else low = middle + 1
      }
      if (low > 0 && !((yield lessTask(sorted[low - 1]!.key, key)) as boolean)) return false
      sorted.splice(low, 0, { key, element })
      return true
    } catch (problem) {
      const failure = asFailure(problem)
      const other = (yield this.#incomparable(key)) as Known | undefined
      if (other === undefined) throw failure.traced(0, `while checking key of element ${printShort(element)}`)
      throw failure
        .traced(0, `with element ${printShort(other.element)}`)
        .traced(0, `while comparing element ${printShort(element)}`)
    }
  }

  /** The first known key that cannot be compared with `key`. */
  *#incomparable(key: Forced): Task<Known | undefined> {
    for (const known of this.#sorted!) {
      try {
        yield lessTask(key, known.key)
      } catch {
        return known
      }
    }
    return undefined
  }
}
type AtomKey = number | bigint | string | NixString | NixPath
function atomOf(key: AtomKey): number | bigint | string {
  if (key instanceof NixPath) return key.path
  return key instanceof NixString ? key.bytes : key
}
