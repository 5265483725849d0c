import { AttrSet, EMPTY_SHAPE, type Position, type Shape } from "../../attrs.ts"
import { Failure } from "../../problem.ts"
import { firstElement } from "../../string-context.ts"
import { printAttributeName } from "../../text/escape.ts"
import { NixString, Thunk, type Forced, type Value } from "../../value.ts"
import type { Binder } from "../bind.ts"
import type { Exec, Result } from "../code.ts"
import type { Frame } from "../frame.ts"
import { failAs, force, forceThunk, pause, UNWIND, type Continuation } from "../machine.ts"

/** `subject.name`, by far the most frequent form. Remembers where the sets it last saw have the name. */
export function bindSelect(b: Binder): Exec {
  const name = b.name()
  const at = b.position()
  const subject = b.expr()
  let shape: Shape = EMPTY_SHAPE
  let index = 0
  return (frame) => {
    const set = subject(frame)
    if (set instanceof AttrSet) {
      let value: Value | undefined
      if (set.shape === shape) value = set.values[index]
      else {
        const found = set.shape.find(name)
        if (found >= 0) {
          shape = set.shape
          index = found
          value = set.values[found]
        } else value = set.base === null ? undefined : set.base.get(name)
      }
      if (!(value instanceof Thunk)) return value === undefined ? missing(set, name, at) : value
      if (value.code === null) return value.state as Forced
      const result = forceThunk(value, at)
      return result === UNWIND ? pause(SELECTED, set, name) : result
    }
    return set === UNWIND ? pause(SELECT, name, at) : notASet(set, at)
  }
}
function selectFrom(set: Forced, name: string, at: Position): Result {
  if (!(set instanceof AttrSet)) return notASet(set, at)
  const value = set.get(name)
  if (value === undefined) return missing(set, name, at)
  const result = force(value, at)
  return result === UNWIND ? pause(SELECTED, set, name) : result
}
const SELECT: Continuation = { name: "select", resume: ({ a: name, b: at }, set) => selectFrom(set, name, at) }
const SELECTED: Continuation = {
  name: "selected",
  resume: (_, value) => value,
  trace: ({ a: set, b: name }, failure) => traceAttribute(failure, set.position(name), printAttributeName(name)),
}

function traceAttribute(failure: Failure, at: Position, path: string): Failure {
  return at === 0 ? failure : failure.traced(at, `while evaluating the attribute '${path}'`)
}
function missing(set: AttrSet, name: string, at: Position): typeof UNWIND {
  return failAs(new Failure({ code: "attribute-missing", name, known: set.sortedNames() }, at))
}
function notASet(found: Forced, at: Position): typeof UNWIND {
  const failure = new Failure({ code: "type-error", expected: "a set", found })
  return failAs(failure.traced(at, "while selecting an attribute"))
}

// ---------------------------------------------------------------------------------------------- paths

/** One step of an attribute path: a name, or what computes it. */
interface Step {
  readonly name: string | undefined
  /** As messages show it before it is known. */
  readonly text: string
  readonly at: Position
  readonly exec: Exec | undefined
}
function readPath(b: Binder): Step[] {
  return b.many(() => {
    const index = b.word()
    if (index >= 0) {
      const name = b.loaded.unit.names[index]!
      return { name, text: printAttributeName(name), at: 0, exec: undefined }
    }
    return { name: undefined, text: `"\${${b.constant() as string}}"`, at: b.position(), exec: b.expr() }
  })
}

/** What becomes of a path that leads nowhere. */
type OnMissing = { readonly kind: "fail" } | { readonly kind: "fallback"; readonly exec: Exec } | { readonly kind: "false" }
interface PathSite {
  readonly at: Position
  readonly steps: readonly Step[]
  readonly onMissing: OnMissing
}
/** How far along its path one evaluation of a site is. */
interface Walk {
  readonly site: PathSite
  readonly frame: Frame
  /** Names of the steps so far: those that had to be computed differ from time to time. */
  readonly names: readonly string[]
  /** Where the attribute that the last step found was defined. */
  readonly foundAt: Position
}

export function bindSelectPath(b: Binder): Exec {
  const at = b.position()
  const subject = b.expr()
  return walkPath(subject, { at, steps: readPath(b), onMissing: { kind: "fail" } })
}
export function bindSelectOr(b: Binder): Exec {
  const at = b.position()
  const subject = b.expr()
  const exec = b.expr()
  return walkPath(subject, { at, steps: readPath(b), onMissing: { kind: "fallback", exec } })
}
export function bindHasAttr(b: Binder): Exec {
  const at = b.position()
  const subject = b.expr()
  const site: PathSite = { at, steps: readPath(b), onMissing: { kind: "false" } }
  const name = site.steps.length === 1 ? site.steps[0]!.name : undefined
  if (name === undefined) return walkPath(subject, site)
  return (frame) => {
    const set = subject(frame)
    if (set instanceof AttrSet) return set.has(name)
    return set === UNWIND ? pause(WALK, start(site, frame)) : false
  }
}

function start(site: PathSite, frame: Frame): Walk {
  return { site, frame, names: [], foundAt: 0 }
}
function walkPath(subject: Exec, site: PathSite): Exec {
  return (frame) => {
    const value = subject(frame)
    return value === UNWIND ? pause(WALK, start(site, frame)) : step(start(site, frame), value)
  }
}

/** Takes the next step, from `value`. */
function step(walk: Walk, value: Forced): Result {
  const { site, frame, names } = walk
  if (names.length === site.steps.length) return value
  const { name, exec, at } = site.steps[names.length]!
  if (name !== undefined) return take(walk, value, name)
  const computed = exec!(frame)
  return computed === UNWIND ? pause(WALK_NAME, walk, value) : takeComputed(walk, value, computed, at)
}
function takeComputed(walk: Walk, value: Forced, name: Forced, at: Position): Result {
  if (typeof name === "string") return take(walk, value, name)
  const failure =
    name instanceof NixString
      ? new Failure({ code: "string-refers-to-store", string: name.bytes, context: firstElement(name) })
      : new Failure({ code: "type-error", expected: "a string", found: name }, at)
  return failAs(traceWalk(walk, failure.traced(at, ATTRIBUTE_NAME)))
}
const ATTRIBUTE_NAME = "while evaluating an attribute name"

function take(walk: Walk, value: Forced, name: string): Result {
  const { site, frame } = walk
  const found = value instanceof AttrSet ? value.get(name) : undefined
  if (found === undefined) {
    switch (site.onMissing.kind) {
      case "false":
        return false
      case "fallback":
        return site.onMissing.exec(frame)
      case "fail":
        if (value instanceof AttrSet) missing(value, name, site.at)
        else notASet(value, site.at)
        return pause(WALK_FAILED, walk)
    }
  }
  const names = [...walk.names, name]
  // The last value of `a ? b.c` is not looked at.
  if (site.onMissing.kind === "false" && names.length === site.steps.length) return true
  const next: Walk = { site, frame, names, foundAt: (value as AttrSet).position(name) }
  const result = force(found, next.foundAt === 0 ? site.at : next.foundAt)
  return result === UNWIND ? pause(WALK, next) : step(next, result)
}

function traceWalk({ site, names, foundAt }: Walk, failure: Failure): Failure {
  if (site.onMissing.kind === "false") return failure
  const path = site.steps.map(({ text }, i) => (i < names.length ? printAttributeName(names[i]!) : text))
  return traceAttribute(failure, foundAt, path.join("."))
}
/** a: walk, whose last step's value is being forced */
const WALK: Continuation = {
  name: "walk",
  resume: ({ a: walk }, value) => step(walk, value),
  trace: ({ a: walk }, failure) => traceWalk(walk, failure),
}
/** a: walk, b: the value whose attribute is wanted; the attribute's name is being computed */
const WALK_NAME: Continuation = {
  name: "walk-name",
  resume: ({ a: walk, b: value }, name) =>
    takeComputed(walk, value, name, walk.site.steps[walk.names.length].at),
  trace: ({ a: walk }, failure) =>
    traceWalk(walk, failure.traced(walk.site.steps[walk.names.length].at, ATTRIBUTE_NAME)),
}
const WALK_FAILED: Continuation = {
  name: "walk-failed",
  resume: (_, value) => value,
  trace: ({ a: walk }, failure) => traceWalk(walk, failure),
}
