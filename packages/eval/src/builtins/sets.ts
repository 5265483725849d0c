import { OwnPositions } from "../attribute-positions.ts"
import type { Position } from "../positions.ts"
import { AttrSet, keep } from "../attrs.ts"
import { Failure } from "../problem.ts"
import { orderOf, pick, Shape } from "../shape.ts"
import { AttributeThunk, isString, NixString, Thunk, type Forced, type Value } from "../value.ts"
import type { Result } from "../vm/code.ts"
import { failAs, force, forceThunk, pause, type Continuation } from "../vm/machine.ts"
import { attrs, builtin, callable, lazy, list, plainString, refersToStore, unreadList } from "./define.ts"
import { each, failDoing, forcing, wrongType, GO_ON } from "./loop.ts"

export const setBuiltins = [
  builtin({
    name: "attrNames",
    params: [attrs("set", "while evaluating the argument passed to builtins.attrNames")],
    doc: "The names of the attributes of a set, sorted.",
    run: (set) => set.sortedNames(),
  }),
  builtin({
    name: "attrValues",
    params: [attrs("set", "while evaluating the argument passed to builtins.attrValues")],
    doc: "The values of the attributes of a set, sorted by their names.",
    run(set) {
      const { shape, values } = set.flat()
      return shape.sorted ? values : pick(values, shape.order())
    },
  }),
  builtin({
    name: "getAttr",
    params: [plainString("s"), attrs("set")],
    doc: "The attribute named `s` of a set: `set.${s}`.",
    native(name, set) {
      const value = set.get(name)
      if (value !== undefined) return force(value, 0)
      return failDoing({ code: "attribute-missing", name, known: [] }, "in the attribute set under consideration")
    },
  }),
  builtin({
    name: "hasAttr",
    params: [plainString("s"), attrs("set")],
    doc: "Whether a set has an attribute named `s`: `set ? ${s}`.",
    run: (name, set) => set.has(name),
  }),
  builtin({
    name: "unsafeGetAttrPos",
    params: [plainString("s"), attrs("set")],
    doc: "Where the attribute named `s` was defined, as a set of `file`, `line` and `column`; null if that is not known.",
    run(name, set) {
      return set.has(name) ? this.positionValue(set.position(name)) : null
    },
  }),
  builtin({
    name: "removeAttrs",
    global: "name",
    params: [attrs("set"), list("list")],
    doc: "A set without the attributes named in a list, which need not exist.",
    native(set, unwanted) {
      const names = new Set<string>()
      const doing = "while evaluating the values of the second argument passed to builtins.removeAttrs"
      return each({
        list: unwanted,
        begin: forcing,
        take(name) {
          if (!isString(name)) return wrongType("a string", name, doing)
          if (name instanceof NixString) return failDoing(refersToStore(name), doing)
          names.add(name)
          return GO_ON
        },
        done: () => keep(set, (name) => !names.has(name)),
        trace: (failure) => failure.traced(0, doing),
      })
    },
  }),
  builtin({
    name: "listToAttrs",
    params: [unreadList("e", "while evaluating the argument passed to builtins.listToAttrs")],
    doc: "The set of the attributes a list tells `name` and `value` of. Of several with one name the first one counts.",
    native: listToAttrs,
  }),
  builtin({
    name: "intersectAttrs",
    params: [attrs("e1"), attrs("e2")],
    doc: "The attributes of `e2` whose names `e1` has, too.",
    run(left, right) {
      // Both are flat from now on.
      if (left.size >= right.size) return keep(right, (name) => left.has(name))
      const { names } = left.shape
      const found: number[] = []
      const values: Value[] = []
      for (let i = 0; i < names.length; i++) {
        const value = right.get(names[i]!)
        if (value === undefined) continue
        found.push(i)
        values.push(value)
      }
      return new AttrSet(left.shape.pick(found), values, right.positions)
    },
  }),
  builtin({
    name: "catAttrs",
    params: [plainString("attr"), unreadList("list")],
    doc: "The values of the attribute named `attr` in the sets of a list that have it.",
    native(name, sets) {
      const found: Value[] = []
      return each({
        list: sets,
        begin: forcing,
        take(set) {
          if (!(set instanceof AttrSet)) {
            return wrongType(
              "a set",
              set,
              "while evaluating an element in the list passed as second argument to builtins.catAttrs",
            )
          }
          const value = set.get(name)
          if (value !== undefined) found.push(value)
          return GO_ON
        },
        done: () => found,
      })
    },
  }),
  builtin({
    name: "mapAttrs",
    params: [lazy("f"), attrs("attrset")],
    doc: "A set with the same names whose values are `f name value`, each computed when it is wanted.",
    run(f, set) {
      const { shape, values } = set.flat()
      const { names } = shape
      const mapped = new Array<Value>(values.length)
      for (let i = 0; i < mapped.length; i++) mapped[i] = new AttributeThunk(f, names[i]!, values[i]!)
      return new AttrSet(shape, mapped)
    },
  }),
  builtin({
    name: "zipAttrsWith",
    params: [callable("f"), unreadList("list")],
    doc: "The set of `f name values` for each name that some set of a list has, with the values it has there, in order.",
    native(f, sets) {
      const index = new Map<string, number>()
      const names: string[] = []
      const values: Value[][] = []
      return each({
        list: sets,
        begin: forcing,
        take(set) {
          if (!(set instanceof AttrSet)) {
            return wrongType(
              "a set",
              set,
              "while evaluating a value of the list passed as second argument to builtins.zipAttrsWith",
            )
          }
          const { shape, values: found } = set.flat()
          for (let i = 0; i < found.length; i++) {
            const name = shape.names[i]!
            const known = index.get(name)
            if (known !== undefined) {
              values[known]!.push(found[i]!)
              continue
            }
            index.set(name, names.length)
            names.push(name)
            values.push([found[i]!])
          }
          return GO_ON
        },
        done: () =>
          new AttrSet(
            Shape.of(names, index),
            values.map((list, i) => new AttributeThunk(f, names[i]!, list)),
          ),
      })
    },
  }),
]

// ---------------------------------------------------------------------------------------------- listToAttrs

const PAIR = "in a {name=...; value=...;} pair"
function listToAttrs(pairs: readonly Value[]): Result {
  const names: string[] = []
  const sets: AttrSet[] = []
  return each({
    list: pairs,
    begin(pair) {
      const set = force(pair, 0)
      return set === undefined ? pause(NAME_OF) : nameOf(set)
    },
    take(name, pair) {
      names.push(name as string)
      // The name is known, so the pair has been forced.
      sets.push((pair instanceof Thunk ? pair.state : pair) as AttrSet)
      return GO_ON
    },
    done: () => fromPairs(names, sets),
  })
}
function fromPairs(names: readonly string[], sets: readonly AttrSet[]): Result {
  // Sorting finds what occurs twice in half the time a hash table takes (300,000 names), and has to be done sooner or
  // later. It is stable, so of equal names the first in the list stays first.
  const order = isAscending(names) ? undefined : orderOf(names, false)
  const distinct: string[] = []
  const values: Value[] = []
  const positions: Position[] = []
  for (let next = 0; next < names.length; next++) {
    const i = order === undefined ? next : order[next]!
    const name = names[i]!
    if (distinct.length > 0 && name === distinct[distinct.length - 1]) continue
    const set = sets[i]!
    const { shape, values: members } = set.flat()
    const at = shape.find("value")
    if (at < 0) return failDoing({ code: "attribute-missing", name: "value", known: [] }, PAIR)
    distinct.push(name)
    values.push(members[at]!)
    positions.push(set.positionAt(at))
  }
  const shape = Shape.of(distinct)
  return new AttrSet(shape, values, new OwnPositions(shape, positions))
}
/** Whether the names come in order, as those do that were made from attrNames. */
function isAscending(names: readonly string[]): boolean {
  for (let i = 1; i < names.length; i++) if (names[i - 1]! > names[i]!) return false
  return true
}

function nameOf(set: Forced): Result {
  if (!(set instanceof AttrSet)) {
    return wrongType("a set", set, "while evaluating an element of the list passed to builtins.listToAttrs")
  }
  const name = set.get("name")
  if (name === undefined) return failDoing({ code: "attribute-missing", name: "name", known: [] }, PAIR)
  const value = name instanceof Thunk ? forceThunk(name, 0) : name
  if (typeof value === "string") return value
  return value === undefined ? pause(NAME, set) : checkName(set, value)
}
const NAMING = "while evaluating the `name` attribute of an element of the list passed to builtins.listToAttrs"
function checkName(set: AttrSet, name: Forced): Result {
  if (typeof name === "string") return name
  const at = set.position("name")
  const failure =
    name instanceof NixString
      ? new Failure(refersToStore(name))
      : new Failure({ code: "type-error", expected: "a string", found: name }, at)
  return failAs(failure.traced(at, NAMING))
}
const NAME_OF: Continuation = { name: "name-of", resume: (_, set) => nameOf(set) }
const NAME: Continuation = {
  name: "name",
  resume: ({ a: set }, name) => checkName(set, name),
  trace: ({ a: set }, failure) => failure.traced(set.position("name"), NAMING),
}
