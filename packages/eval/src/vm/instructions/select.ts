import { AttrSet } from "../../attrs.ts"
import type { Position } from "../../positions.ts"
import { EMPTY_SHAPE, type Shape } from "../../shape.ts"
import { DERIVATION_FILE } from "../../builtins/derivation.ts"
import { Failure } from "../../problem.ts"
import { printAttributeName } from "../../text/escape.ts"
import { CALL, Thunk, type Forced, type Value } from "../../value.ts"
import type { Binder } from "../binder.ts"
import type { Exec, Result } from "../code.ts"
import { notAName } from "./computed-name.ts"
import type { Frame } from "../frame.ts"
import { Variable } from "../operand.ts"
import { isWorthKeeping, LastPlace } from "../last-place.ts"
import { BLACK_HOLE, failAs, forceThunk, pause, vm, type Continuation } from "../machine.ts"

/** `subject.name`, by far the most frequent form. Remembers where the sets it last saw have the name. */
export function bindSelect(b: Binder): Exec {
  const name = b.name()
  const at = b.position()
  const variable = b.variableOperand()
  const subject = variable === undefined ? b.expr() : undefined
  let shape: Shape = EMPTY_SHAPE
  let index = 0
  let misses = 0
  return (frame) => {
    const set = variable === undefined ? subject!(frame) : variable.force(frame)
    if (set instanceof AttrSet) {
      let value: Value | undefined
      if (set.shape === shape) value = set.values[index]
      else {
        const found = set.shape.find(name)
        if (found >= 0) {
          if (isWorthKeeping(misses++)) {
            shape = set.shape
            index = found
          }
          value = set.values[found]
        } else value = set.base === null ? undefined : set.base.get(name)
      }
      if (!(value instanceof Thunk)) return value === undefined ? missing(set, name, at) : value
      if (value.code === null) return value.state as Forced
      const result = forceAttribute(value, set, name, at)
      return result === undefined ? pause(SELECTED, set, name) : result
    }
    return set === undefined ? pause(SELECT, name, at) : notASet(set, at)
  }
}
function selectFrom(set: Forced, name: string, at: Position): Result {
  if (!(set instanceof AttrSet)) return notASet(set, at)
  const value = set.get(name)
  if (value === undefined) return missing(set, name, at)
  if (!(value instanceof Thunk)) return value
  const result = forceAttribute(value, set, name, at)
  return result === undefined ? pause(SELECTED, set, name) : result
}
/**
 * Forces the attribute `name` of `set` for a selection at `at`. Where it is a call, as those of `mapAttrs` are, or is
 * being forced already, its definition is the place to tell.
 */
function forceAttribute(thunk: Thunk, set: AttrSet, name: string, at: Position): Result {
  const { code } = thunk
  return forceThunk(thunk, code === CALL || code === BLACK_HOLE ? set.position(name) || at : at)
}
const SELECT: Continuation = { name: "select", resume: ({ a: name, b: at }, set) => selectFrom(set, name, at) }
const SELECTED: Continuation = {
  name: "selected",
  resume: (_, value) => value,
  trace: ({ a: set, b: name }, failure) => traceAttribute(failure, set.position(name), printAttributeName(name)),
}

function traceAttribute(failure: Failure, at: Position, path: string): Failure {
  const place = vm.evaluation.positions.place(at)
  return place === undefined || place.source.path === DERIVATION_FILE
    ? failure
    : failure.traced(at, `while evaluating the attribute '${path}'`)
}
function missing(set: AttrSet, name: string, at: Position): undefined {
  return failAs(new Failure({ code: "attribute-missing", name, known: set.sortedNames() }, at))
}
function notASet(found: Forced, at: Position): undefined {
  const failure = new Failure({ code: "type-error", expected: "a set", found })
  return failAs(failure.traced(at, "while selecting an attribute"))
}

// ---------------------------------------------------------------------------------------------- paths

/** One step of an attribute path: a name, or what computes it. */
interface Step {
  readonly name: string | undefined
  /** What computes it, as messages show it before it is known; undefined if it is. */
  readonly text: (() => string) | undefined
  readonly at: Position
  readonly exec: Exec | undefined
  /** The shape last met, and where in it the name is (-1: nowhere), if the name is known. */
  shape: Shape
  index: number
  misses: number
}
function readPath(b: Binder): Step[] {
  return b.many(() => {
    const index = b.word()
    if (index >= 0) {
      const name = b.loaded.unit.name(index)
      return { name, text: undefined, at: 0, exec: undefined, shape: EMPTY_SHAPE, index: -1, misses: 0 }
    }
    return {
      name: undefined,
      text: b.text(),
      at: b.position(),
      exec: b.expr(),
      shape: EMPTY_SHAPE,
      index: -1,
      misses: 0,
    }
  })
}

/** What becomes of a path that leads nowhere. */
type OnMissing =
  | { readonly kind: "fail" }
  | { readonly kind: "fallback"; readonly exec: Exec }
  | { readonly kind: "false" }
interface PathSite {
  readonly at: Position
  readonly steps: readonly Step[]
  readonly onMissing: OnMissing
}
/** How far along its path one evaluation of a site is, for when it pauses. */
class Walk {
  readonly site: PathSite
  readonly frame: Frame
  /** The step being taken. */
  readonly index: number
  /** Names that had to be computed, by step. */
  readonly names: readonly string[]
  /** Where the last step found its attribute; null before the first. */
  readonly foundIn: AttrSet | null
  constructor(site: PathSite, frame: Frame, index: number, names: readonly string[], foundIn: AttrSet | null) {
    this.site = site
    this.frame = frame
    this.index = index
    this.names = names
    this.foundIn = foundIn
  }

  trace(failure: Failure): Failure {
    const { site, names, index, foundIn } = this
    const foundAt = foundIn === null ? 0 : foundIn.position(names[index - 1] ?? site.steps[index - 1]!.name!)
    if (site.onMissing.kind === "false" || foundAt === 0) return failure
    const path = site.steps.map((step, i) => {
      const name = names[i] ?? step.name
      return name === undefined ? `"\${${step.text!()}}"` : printAttributeName(name)
    })
    return traceAttribute(failure, foundAt, path.join("."))
  }
}
const NO_NAMES: readonly string[] = []

export function bindSelectPath(b: Binder): Exec {
  const at = b.position()
  const subject = readSubject(b)
  return bindPath(subject, { at, steps: readPath(b), onMissing: { kind: "fail" } })
}
export function bindSelectOr(b: Binder): Exec {
  const at = b.position()
  const subject = readSubject(b)
  const exec = b.expr()
  return bindPath(subject, { at, steps: readPath(b), onMissing: { kind: "fallback", exec } })
}
export function bindHasAttr(b: Binder): Exec {
  const at = b.position()
  const subject = readSubject(b)
  return bindPath(subject, { at, steps: readPath(b), onMissing: { kind: "false" } })
}
function readSubject(b: Binder): Exec | Variable {
  return b.variableOperand() ?? b.expr()
}

function bindPath(operand: Exec | Variable, site: PathSite): Exec {
  const { steps, onMissing } = site
  const variable = operand instanceof Variable ? operand : undefined
  const subject = operand instanceof Variable ? undefined : operand
  const name = steps.length === 1 ? steps[0]!.name : undefined
  const general = (frame: Frame, value: Result): Result =>
    value === undefined
      ? pause(WALK, new Walk(site, frame, 0, NO_NAMES, null))
      : walk(site, frame, value, 0, NO_NAMES, null)
  if (name === undefined) {
    return (frame) => general(frame, variable === undefined ? subject!(frame) : variable.force(frame))
  }
  // `set ? name` and `set.name or fallback`
  const place = new LastPlace(name)
  if (onMissing.kind === "false") {
    return (frame) => {
      const set = variable === undefined ? subject!(frame) : variable.force(frame)
      return set instanceof AttrSet ? place.find(set) !== undefined : general(frame, set)
    }
  }
  return (frame) => {
    const set = variable === undefined ? subject!(frame) : variable.force(frame)
    if (!(set instanceof AttrSet)) return general(frame, set)
    const value = place.find(set)
    if (value === undefined) return onMissing.kind === "fallback" ? onMissing.exec(frame) : general(frame, set)
    if (!(value instanceof Thunk)) return value
    if (value.code === null) return value.state as Forced
    const result = forceAttribute(value, set, name, site.at)
    return result === undefined ? pause(WALK, new Walk(site, frame, 1, NO_NAMES, set)) : result
  }
}

/** Goes on from `start` with step `from`. */
function walk(
  site: PathSite,
  frame: Frame,
  start: Forced,
  from: number,
  computed: readonly string[],
  startIn: AttrSet | null,
): Result {
  const { steps, onMissing } = site
  let value = start
  let names = computed
  let foundIn = startIn
  for (let i = from; i < steps.length; i++) {
    const step = steps[i]!
    const { exec, at } = step
    let { name } = step
    const isComputed = name === undefined
    if (name === undefined) {
      const result = exec!(frame)
      if (result === undefined) return pause(WALK_NAME, new Walk(site, frame, i, names, foundIn), value)
      if (typeof result !== "string") return badName(new Walk(site, frame, i, names, foundIn), result, at)
      name = result
      // A path of one step has no use for its name, unless it pauses.
      if (steps.length > 1) names = withName(names, i, name)
    }
    let set: AttrSet | null = value instanceof AttrSet ? value : null
    let index = -1
    while (set !== null) {
      const { shape }: AttrSet = set
      if (shape === step.shape && !isComputed) ({ index } = step)
      else {
        index = shape.find(name)
        if (!isComputed && isWorthKeeping(step.misses++)) {
          step.shape = shape
          step.index = index
        }
      }
      if (index >= 0) break
      set = set.base
    }
    if (set === null) {
      if (onMissing.kind === "fallback") return onMissing.exec(frame)
      if (onMissing.kind === "false") return false
      return nowhere(new Walk(site, frame, i, withName(names, i, name), foundIn), value, name)
    }
    // The last value of `a ? b.c` is not looked at.
    if (onMissing.kind === "false" && i + 1 === steps.length) return true
    foundIn = set
    const found = set.values[index]!
    const result = found instanceof Thunk ? forceAttribute(found, set, name, site.at) : found
    if (result === undefined) return pause(WALK, new Walk(site, frame, i + 1, withName(names, i, name), foundIn))
    value = result
  }
  return value
}
function withName(names: readonly string[], i: number, name: string): readonly string[] {
  const more = [...names]
  more[i] = name
  return more
}

/** The path leads nowhere: `value` has no `name`. */
function nowhere(at: Walk, value: Forced, name: string): undefined {
  if (value instanceof AttrSet) missing(value, name, at.site.at)
  else notASet(value, at.site.at)
  vm.failure = at.trace(vm.failure!)
  return undefined
}
function badName(at: Walk, name: Forced, nameAt: Position): undefined {
  return failAs(at.trace(notAName(name, nameAt, ATTRIBUTE_NAME)))
}
const ATTRIBUTE_NAME = "while evaluating an attribute name"

/** a: walk, to go on with the value of its last step */
const WALK: Continuation = {
  name: "walk",
  resume: ({ a: { site, frame, index, names, foundIn } }, value) => walk(site, frame, value, index, names, foundIn),
  trace: ({ a: at }, failure) => at.trace(failure),
}
/** a: walk, b: the value whose attribute is wanted, once its name is computed */
const WALK_NAME: Continuation = {
  name: "walk-name",
  resume: ({ a: at, b: value }, name) => {
    const { site, frame, index, names, foundIn } = at
    if (typeof name !== "string") return badName(at, name, site.steps[index].at)
    // The step is taken again, with its name known.
    const steps = [...site.steps]
    steps[index] = { ...steps[index], name }
    return walk({ ...site, steps }, frame, value, index, withName(names, index, name), foundIn)
  },
  trace: ({ a: at }, failure) => at.trace(failure),
}
