/**
 * `==`. As in C++ Nix, two slots that are one and the same (the same thunk, the same function) are equal once they are
 * forced, whatever is in them, though not at the top: `f == f` is false and `[ f ] == [ f ]` true.
 */
import { AttrSet } from "./attrs.ts"
import { fail } from "./problem.ts"
import { printShort } from "./print/short.ts"
import { printAttributeName } from "./text/escape.ts"
import { typeName, typeOf } from "./type-name.ts"
import { bytesOfString, isInt, isList, isString, NixFloat, NixPath, Thunk, type Forced, type Value } from "./value.ts"
import type { Result } from "./vm/code.ts"
import { asFailure, force, NATIVE_FRAMES, pause, runTask, vm, type Continuation, type Task } from "./vm/machine.ts"

/** Whether `a == b`. */
export function equal(a: Forced, b: Forced): Result {
  const atoms = equalAtoms(a, b)
  if (atoms !== undefined) return atoms
  if (isList(a)) {
    const other = b as readonly Value[]
    return a.length === other.length && equalItems(a, other, 0)
  }
  const output = knownOutput(a)
  const other = output === undefined ? undefined : knownOutput(b)
  if (other !== undefined) return output === other
  const left = (a as AttrSet).flat()
  const right = (b as AttrSet).flat()
  // Sets that may be derivations take a closer look.
  if (left.has("type") && right.has("type")) return runTask(equalDerivations(left, right))
  return equalSets(left, right)
}
/**
 * The output of a derivation, by which it is compared, if nothing has to be evaluated to tell. nixpkgs looks for packages in
 * lists, and most are known by then.
 */
export function knownOutput(value: Forced): string | undefined {
  if (!(value instanceof AttrSet)) return undefined
  const type = known(value.get("type"))
  return type === "derivation" ? knownBytes(value.get("outPath")) : undefined
}
function knownBytes(slot: Value | undefined): string | undefined {
  const value = known(slot)
  return value !== undefined && isString(value) ? bytesOfString(value) : undefined
}
/** What is in a slot, if it was computed already. */
function known(slot: Value | undefined): Forced | undefined {
  if (!(slot instanceof Thunk)) return slot
  return slot.code === null ? (slot.state as Forced) : undefined
}
function equalSets(a: AttrSet, b: AttrSet): Result {
  const count = a.values.length
  if (count !== b.values.length) return false
  if (a.shape.sorted && b.shape.sorted) {
    return a.shape.hasSameNames(b.shape) && equalItems(a.values, b.values, 0)
  }
  const left = new Array<Value>(count)
  const right = new Array<Value>(count)
  // In order of the names, since which difference is met first can be observed.
  const order = a.shape.order()
  for (let i = 0; i < count; i++) {
    const other = b.get(a.shape.names[order[i]!]!)
    if (other === undefined) return false
    left[i] = a.values[order[i]!]!
    right[i] = other
  }
  return equalItems(left, right, 0)
}
function* equalDerivations(a: AttrSet, b: AttrSet): Task<boolean> {
  if ((yield* isDerivation(a)) && (yield* isDerivation(b))) {
    const x = a.get("outPath")
    const y = b.get("outPath")
    if (x !== undefined && y !== undefined) return (yield () => equalItems([x], [y], 0)) as boolean
  }
  return (yield () => equalSets(a, b)) as boolean
}

/** Whether all values of two arrays of one length are equal, pairwise, from index `from` on. */
function equalItems(a: readonly Value[], b: readonly Value[], from: number): Result {
  if ((vm.depth += 4) > NATIVE_FRAMES) return pause(ITEMS, a, b, from)
  for (let i = from; i < a.length; i++) {
    const x = force(a[i]!, 0)
    if (x === undefined) return pause(ITEM_LEFT, a, b, i)
    if (a[i] === b[i]) continue
    const y = force(b[i]!, 0)
    if (y === undefined) return pause(ITEM_RIGHT, a, b, i, x)
    const same = equal(x, y)
    if (same !== true) return same === undefined ? pause(ITEM_EQUAL, a, b, i) : same
  }
  vm.depth -= 4
  return true
}
const ITEMS: Continuation = { name: "items", resume: ({ a, b, c: from }) => equalItems(a, b, from) }
/** c: index of the pair whose left value is being forced */
const ITEM_LEFT: Continuation = {
  name: "item-left",
  resume: ({ a, b, c: i }, x) => {
    if (a[i] === b[i]) return equalItems(a, b, i + 1)
    const y = force(b[i], 0)
    return y === undefined ? pause(ITEM_RIGHT, a, b, i, x) : goOn(a, b, i, equal(x, y))
  },
}
const ITEM_RIGHT: Continuation = {
  name: "item-right",
  resume: ({ a, b, c: i, d: x }, y) => goOn(a, b, i, equal(x, y)),
}
const ITEM_EQUAL: Continuation = {
  name: "item-equal",
  resume: ({ a, b, c: i }, same) => goOn(a, b, i, same),
}
function goOn(a: readonly Value[], b: readonly Value[], i: number, same: Result): Result {
  if (same === true) return equalItems(a, b, i + 1)
  return same === undefined ? pause(ITEM_EQUAL, a, b, i) : same
}

/** A task whose result says whether `a == b`, for any two values. */
export function* equalTask(a: Value, b: Value): Task<boolean> {
  return (yield () => equalItems([a], [b], 0)) as boolean
}

/** Compares without forcing anything; undefined if both are lists, or both sets. */
function equalAtoms(a: Forced, b: Forced): boolean | undefined {
  switch (typeof a) {
    case "string":
      return isString(b) && a === bytesOfString(b)
    case "number":
    case "bigint":
      // An integer has one representation only, so `===` will do.
      return b instanceof NixFloat ? Number(a) === b.value : a === b
    case "boolean":
      return a === b
    default:
  }
  if (a === null) return b === null
  if (isList(a)) return isList(b) ? undefined : false
  if (a instanceof AttrSet) return b instanceof AttrSet ? undefined : false
  if (isString(a)) return isString(b) && bytesOfString(a) === bytesOfString(b)
  if (a instanceof NixFloat) return b instanceof NixFloat ? a.value === b.value : isInt(b) && a.value === Number(b)
  return a instanceof NixPath && b instanceof NixPath && a.path === b.path
}

/** Whether `set.type` is "derivation". */
export function* isDerivation(set: AttrSet): Task<boolean> {
  const type = set.get("type")
  if (type === undefined) return false
  const value = (type instanceof Thunk ? yield type : type) as Forced
  return isString(value) && bytesOfString(value) === "derivation"
}

const shown = (value: Value): string => printShort(value, vm.evaluation.positions)

/** Fails with what C++ Nix says of two values that `assert a == b` found different; returns if they are equal. */
export function* assertEqual(left: Value, right: Value, top = true): Task<null> {
  if (left === right && !top) return null
  const a = (yield left) as Forced
  const b = (yield right) as Forced
  const unequal = (message: string): never => fail({ code: "assertion-unequal", message })
  const [ka, kb] = [typeOf(a), typeOf(b)]
  const numeric = (kind: string): boolean => kind === "int" || kind === "float"
  if (numeric(ka) && numeric(kb)) {
    if (equalAtoms(a, b)) return null
    unequal(`${typeName(a)} with value '${shown(a)}' is not equal to ${typeName(b)} with value '${shown(b)}'`)
  }
  if (ka !== kb) unequal(`${typeName(a)} of value '${shown(a)}' is not equal to ${typeName(b)} of value '${shown(b)}'`)
  const noun: Readonly<Record<string, string>> = {
    int: "integer",
    bool: "boolean",
    string: "string",
    path: "path",
    float: "float",
  }
  if (isList(a) && isList(b)) {
    if (a.length !== b.length)
      unequal(
        `list of size '${a.length}' is not equal to list of size '${b.length}', left hand side is '${shown(a)}', right hand side is '${shown(b)}'`,
      )
    for (let i = 0; i < a.length; i++) {
      try {
        yield assertEqual(a[i]!, b[i]!, false)
      } catch (problem) {
        throw asFailure(problem).traced(0, `while comparing list element ${i}`)
      }
    }
    return null
  }
  if (a instanceof AttrSet && b instanceof AttrSet) return yield* assertEqualSets(a, b)
  if (ka === "lambda") unequal("distinct functions and immediate comparisons of identical functions compare as unequal")
  if (equalAtoms(a, b) !== true) unequal(`${noun[ka]!} '${shown(a)}' is not equal to ${noun[ka]!} '${shown(b)}'`)
  return null
}
function* assertEqualSets(a: AttrSet, b: AttrSet): Task<null> {
  const unequal = (message: string): never => fail({ code: "assertion-unequal", message })
  if ((yield* isDerivation(a)) && (yield* isDerivation(b)) && a.has("outPath") && b.has("outPath")) {
    try {
      yield assertEqual(a.get("outPath")!, b.get("outPath")!, false)
      return null
    } catch (problem) {
      throw asFailure(problem).traced(0, "while comparing a derivation by its 'outPath' attribute")
    }
  }
  if (a.size !== b.size)
    unequal(`attribute names of attribute set '${shown(a)}' differs from attribute set '${shown(b)}'`)
  for (const [name, value] of a.entries()) {
    const other = b.get(name)
    if (other === undefined)
      unequal(`attribute name '${printAttributeName(name)}' is contained in '${shown(a)}', but not in '${shown(b)}'`)
    try {
      yield assertEqual(value, other!, false)
    } catch (problem) {
      throw asFailure(problem)
        .traced(b.position(name), "where right hand side is")
        .traced(a.position(name), "where left hand side is")
        .traced(0, `while comparing attribute '${printAttributeName(name)}'`)
    }
  }
  return null
}
