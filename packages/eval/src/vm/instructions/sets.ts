import { OwnPositions } from "../../attribute-positions.ts"
import type { Position } from "../../positions.ts"
import { AttrSet, EMPTY_ATTRS, update } from "../../attrs.ts"
import { Failure } from "../../problem.ts"
import { Shape } from "../../shape.ts"
import { isList, Thunk, type Forced, type Value } from "../../value.ts"
import type { Binder, SlotToFill } from "../binder.ts"
import type { Exec, Result } from "../code.ts"
import { fillSlot, type Frame } from "../frame.ts"
import { charge, failAs, force, pause, type Continuation } from "../machine.ts"
import type { LazyOperand } from "../operand.ts"
import { notAName } from "./computed-name.ts"

export function bindList(b: Binder): Exec {
  const items = b.many(() => b.lazy())
  return valuesOf(items)
}

export function bindAttrs(b: Binder): Exec {
  const { shape, positions } = b.loaded.shape(b.word())
  const lazies = b.many(() => b.lazy())
  if (lazies.length === 0) return () => EMPTY_ATTRS
  const values = valuesOf(lazies)
  return (frame) => new AttrSet(shape, values(frame), positions)
}

/** Array literals are laid out by the engine in one go, which a loop is not. */
function valuesOf(operands: readonly LazyOperand[]): (frame: Frame) => Value[] {
  const [a, b, c, d] = operands as [LazyOperand, LazyOperand, LazyOperand, LazyOperand]
  switch (operands.length) {
    case 1:
      return (frame) => [a.of(frame)]
    case 2:
      return (frame) => [a.of(frame), b.of(frame)]
    case 3:
      return (frame) => [a.of(frame), b.of(frame), c.of(frame)]
    case 4:
      return (frame) => [a.of(frame), b.of(frame), c.of(frame), d.of(frame)]
    default:
      return (frame) => {
        const values = new Array<Value>(operands.length)
        for (let i = 0; i < operands.length; i++) values[i] = operands[i]!.of(frame)
        return values
      }
  }
}

// ---------------------------------------------------------------------------------------------- ++ and //

const CONCATENATING = "while evaluating one of the elements to concatenate"
export function bindConcat(b: Binder): Exec {
  const at = b.position()
  const left = b.expr()
  const right = b.expr()
  return (frame) => {
    const x = left(frame)
    return x === undefined ? pause(CONCAT_LEFT, frame, right, at) : concatRight(frame, right, at, x)
  }
}
function concatRight(frame: Frame, right: Exec, at: Position, x: Forced): Result {
  const y = right(frame)
  return y === undefined ? pause(CONCAT_RIGHT, x, at) : concat(x, y, at)
}
function concat(x: Forced, y: Forced, at: Position): Result {
  if (!isList(x)) return notAList(x, at)
  if (!isList(y)) return notAList(y, at)
  if (x.length === 0) return y
  if (y.length === 0) return x
  const length = x.length + y.length
  charge(length)
  // The engine's own takes longer to begin than a short list to copy.
  if (length > SHORT) return x.concat(y)
  const items = new Array<Value>(length)
  for (let i = 0; i < x.length; i++) items[i] = x[i]!
  for (let i = 0; i < y.length; i++) items[x.length + i] = y[i]!
  return items
}
const SHORT = 64
function notAList(found: Forced, at: Position): undefined {
  return failAs(new Failure({ code: "type-error", expected: "a list", found }).traced(at, CONCATENATING))
}
const CONCAT_LEFT: Continuation = {
  name: "concat-left",
  resume: ({ a: frame, b: right, c: at }, x) => concatRight(frame, right, at, x),
}
const CONCAT_RIGHT: Continuation = { name: "concat-right", resume: ({ a: x, b: at }, y) => concat(x, y, at) }

interface UpdateSite {
  /** Where the operands are; undefined for an operand that is an update itself, and speaks for itself. */
  readonly leftAt: Position | undefined
  readonly rightAt: Position | undefined
  readonly left: Exec
}
/** `a // b`. C++ Nix evaluates the right operand first. */
export function bindUpdate(b: Binder): Exec {
  const position = (): Position | undefined => {
    const offset = b.word()
    return offset === -2 ? undefined : b.loaded.position(offset)
  }
  const leftAt = position()
  const rightAt = position()
  const left = b.expr()
  const right = b.expr()
  const site: UpdateSite = { leftAt, rightAt, left }
  return (frame) => {
    const over = right(frame)
    if (over instanceof AttrSet) return updateLeft(site, frame, over)
    return over === undefined ? pause(UPDATE_RIGHT, site, frame) : notASet(over, rightAt, "right")
  }
}
function updateLeft(site: UpdateSite, frame: Frame, over: AttrSet): Result {
  const under = site.left(frame)
  if (under instanceof AttrSet) return update(under, over)
  return under === undefined ? pause(UPDATE_LEFT, site, over) : notASet(under, site.leftAt, "left")
}
function traceOperand(failure: Failure, at: Position | undefined, side: "left" | "right"): Failure {
  return at === undefined ? failure : failure.traced(at, `in the ${side} operand of the update (//) operator`)
}
function notASet(found: Forced, at: Position | undefined, side: "left" | "right"): undefined {
  return failAs(traceOperand(new Failure({ code: "type-error", expected: "a set", found }), at, side))
}
const UPDATE_RIGHT: Continuation = {
  name: "update-right",
  resume: ({ a: site, b: frame }, over) =>
    over instanceof AttrSet ? updateLeft(site, frame, over) : notASet(over, site.rightAt, "right"),
  trace: ({ a: site }, failure) => traceOperand(failure, site.rightAt, "right"),
}
const UPDATE_LEFT: Continuation = {
  name: "update-left",
  resume: ({ a: site, b: over }, under) =>
    under instanceof AttrSet ? update(under, over) : notASet(under, site.leftAt, "left"),
  trace: ({ a: site }, failure) => traceOperand(failure, site.leftAt, "left"),
}

// ---------------------------------------------------------------------------------------------- dynamic names

interface Dynamic {
  readonly name: Exec
  readonly at: Position
  readonly value: LazyOperand
}
export function bindDynamic(b: Binder): Exec {
  const set = b.expr()
  const dynamics = b.many((): Dynamic => ({ name: b.expr(), at: b.position(), value: b.lazy() }))
  return (frame) => {
    const statics = set(frame)
    return statics === undefined
      ? pause(DYNAMIC_SET, dynamics, frame)
      : addDynamics(dynamics, frame, statics as AttrSet, 0)
  }
}
function addDynamics(dynamics: readonly Dynamic[], frame: Frame, set: AttrSet, from: number): Result {
  let result = set
  for (let i = from; i < dynamics.length; i++) {
    const name = dynamics[i]!.name(frame)
    if (name === undefined) return pause(DYNAMIC_NAME, dynamics, frame, result, i)
    const next = addDynamic(dynamics[i]!, frame, result, name)
    if (next === undefined) return undefined
    result = next
  }
  return result
}
function addDynamic(dynamic: Dynamic, frame: Frame, set: AttrSet, name: Forced): AttrSet | undefined {
  const { at, value } = dynamic
  if (name === null) return set
  if (typeof name !== "string") {
    return failAs(notAName(name, at, "while evaluating the name of a dynamic attribute"))
  }
  if (set.has(name)) {
    return failAs(new Failure({ code: "attribute-defined-twice", name, first: set.position(name) }, at))
  }
  const shape = Shape.of([name])
  return update(set, new AttrSet(shape, [value.of(frame)], new OwnPositions(shape, [at])))
}
const DYNAMIC_SET: Continuation = {
  name: "dynamic-set",
  resume: ({ a: dynamics, b: frame }, set) => addDynamics(dynamics, frame, set as AttrSet, 0),
}
const DYNAMIC_NAME: Continuation = {
  name: "dynamic-name",
  resume: ({ a: dynamics, b: frame, c: set, d: i }, name) => {
    const next = addDynamic(dynamics[i], frame, set, name)
    return next === undefined ? undefined : addDynamics(dynamics, frame, next, i + 1)
  },
}

/** `rec { __overrides = …; … }`: what the set says replaces the attributes of that name, for their siblings too. */
export function bindOverrides(b: Binder): Exec {
  const slot = b.slot()
  const at = b.position()
  const fills = b.many(() => ({ name: b.name(), to: b.slotToFill() }))
  const site: OverridesSite = { at, fills, set: b.expr() }
  return (frame) => {
    const given = slot(frame) as Value
    const overrides = force(given, at)
    if (overrides === undefined) return pause(OVERRIDES, site, frame)
    // As in C++ Nix, only what had to be evaluated has a place.
    return override(site, frame, overrides, given instanceof Thunk ? at : 0)
  }
}
interface OverridesSite {
  readonly at: Position
  readonly fills: readonly { readonly name: string; readonly to: SlotToFill }[]
  readonly set: Exec
}
function override(site: OverridesSite, frame: Frame, overrides: Forced, at: Position): Result {
  if (!(overrides instanceof AttrSet)) {
    const failure = new Failure({ code: "type-error", expected: "a set", found: overrides })
    return failAs(failure.traced(at, "while evaluating the `__overrides` attribute"))
  }
  for (const { name, to } of site.fills) {
    const value = overrides.get(name)
    if (value !== undefined) fillSlot(frame, to.count, to.slot, value)
  }
  // The set only reads slots, so it cannot pause.
  return update(site.set(frame) as AttrSet, overrides)
}
const OVERRIDES: Continuation = {
  name: "overrides",
  resume: ({ a: site, b: frame }, overrides) => override(site, frame, overrides, site.at),
}
