/**
 * `==`. As in C++ Nix, two slots that are one and the same (the same thunk, the same function) are equal without being
 * looked at, though not at the top: `f == f` is false and `[ f ] == [ f ]` true.
 */
import { AttrSet } from "./attrs.ts"
import { fail } from "./problem.ts"
import { printShort } from "./print/short.ts"
import { printAttributeName } from "./text/escape.ts"
import { typeName, typeOf } from "./type-name.ts"
import {
  bytesOfString,
  isInt,
  isList,
  isString,
  NixFloat,
  NixPath,
  Thunk,
  type Forced,
  type Value,
} from "./value.ts"
import type { Result } from "./vm/code.ts"
import { asFailure, runTask, type Task } from "./vm/machine.ts"

/** Whether `a == b`. */
export function equal(a: Forced, b: Forced): Result {
  const atoms = equalAtoms(a, b)
  return atoms === undefined ? runTask(equalTask(a, b)) : atoms
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

interface Pending {
  readonly a: readonly Value[]
  readonly b: readonly Value[]
  next: number
}

/** A task whose result says whether `a == b`. The nesting of the values is on its own stack. */
export function* equalTask(a: Value, b: Value): Task<boolean> {
  const stack: Pending[] = [{ a: [a], b: [b], next: 0 }]
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    if (top.next === top.a.length) {
      stack.pop()
      continue
    }
    const i = top.next++
    const left = top.a[i]!
    const right = top.b[i]!
    if (left === right && stack.length > 1) continue
    const x = (left instanceof Thunk ? yield left : left) as Forced
    const y = (right instanceof Thunk ? yield right : right) as Forced
    const atoms = equalAtoms(x, y)
    if (atoms === true) continue
    if (atoms === false) return false
    const pair = isList(x) ? listPair(x, y as readonly Value[]) : yield* setPair(x as AttrSet, y as AttrSet)
    if (pair === undefined) return false
    stack.push(pair)
  }
  return true
}
function listPair(a: readonly Value[], b: readonly Value[]): Pending | undefined {
  return a.length === b.length ? { a, b, next: 0 } : undefined
}
/** The values to compare, pairwise; undefined if the sets differ in their names. */
function* setPair(a: AttrSet, b: AttrSet): Task<Pending | undefined> {
  // Two derivations are the same if their outputs are.
  if ((yield* isDerivation(a)) && (yield* isDerivation(b))) {
    const x = a.get("outPath")
    const y = b.get("outPath")
    if (x !== undefined && y !== undefined) return { a: [x], b: [y], next: 0 }
  }
  const left = a.flat()
  const right = b.flat()
  if (left.values.length !== right.values.length) return undefined
  if (left.shape === right.shape) return { a: left.values, b: right.values, next: 0 }
  const names = left.sortedNames()
  const others: Value[] = []
  for (const name of names) {
    const other = right.get(name)
    if (other === undefined) return undefined
    others.push(other)
  }
  return { a: names.map((name) => left.get(name)!), b: others, next: 0 }
}

/** Whether `set.type` is "derivation". */
export function* isDerivation(set: AttrSet): Task<boolean> {
  const type = set.get("type")
  if (type === undefined) return false
  const value = (type instanceof Thunk ? yield type : type) as Forced
  return isString(value) && bytesOfString(value) === "derivation"
}

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
    unequal(`${typeName(a)} with value '${printShort(a)}' is not equal to ${typeName(b)} with value '${printShort(b)}'`)
  }
  if (ka !== kb)
    unequal(`${typeName(a)} of value '${printShort(a)}' is not equal to ${typeName(b)} of value '${printShort(b)}'`)
  const noun: Readonly<Record<string, string>> = { int: "integer", bool: "boolean", string: "string", path: "path", float: "float" }
  if (isList(a) && isList(b)) {
    if (a.length !== b.length)
      unequal(
        `list of size '${a.length}' is not equal to list of size '${b.length}', left hand side is '${printShort(a)}', right hand side is '${printShort(b)}'`,
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
  if (equalAtoms(a, b) !== true)
    unequal(`${noun[ka]!} '${printShort(a)}' is not equal to ${noun[ka]!} '${printShort(b)}'`)
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
    unequal(`attribute names of attribute set '${printShort(a)}' differs from attribute set '${printShort(b)}'`)
  for (const [name, value] of a.entries()) {
    const other = b.get(name)
    if (other === undefined)
      unequal(`attribute name '${printAttributeName(name)}' is contained in '${printShort(a)}', but not in '${printShort(b)}'`)
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
