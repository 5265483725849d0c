import { AttrSet } from "../../attrs.ts"
import type { Position } from "../../positions.ts"
import { Failure } from "../../problem.ts"
import { Lambda, Thunk, type Forced, type Value } from "../../value.ts"
import type { Binder } from "../binder.ts"
import type { Exec, Result } from "../code.ts"
import type { Frame, Slot } from "../frame.ts"
import { runCode } from "../run-code.ts"
import { LastPlace } from "../last-place.ts"
import { failAs, failWith, force, forceThunk, pause, vm, type Continuation } from "../machine.ts"

export function bindConstant(b: Binder): Exec {
  const value = b.constant()
  return () => value
}

export function bindGlobal(b: Binder): Exec {
  const value = b.loaded.global(b.name())
  return value instanceof Thunk ? () => forceThunk(value, 0) : () => value
}

export function bindVariable(b: Binder): Exec {
  return b.variable()
}

export function bindLambda(b: Binder): Exec {
  const code = b.lambda()
  return (frame) => new Lambda(code, frame)
}

export function bindPosition(b: Binder): Exec {
  const at = b.position()
  return () => vm.evaluation.positionValue(at)
}

/** An expression that was cut out of its surroundings because they were too deep. */
export function bindNested(b: Binder): Exec {
  const code = b.code()
  return (frame) => runCode(code, frame)
}

// ---------------------------------------------------------------------------------------------- with

/** A set whose attributes are variables. */
interface WithSubject {
  readonly slot: (frame: Frame) => Slot
  readonly at: Position
  readonly place: LastPlace
}
interface WithSite {
  readonly name: string
  readonly at: Position
  /** The innermost first. */
  readonly subjects: readonly WithSubject[]
}

export function bindWithVariable(b: Binder): Exec {
  const name = b.name()
  const at = b.position()
  const subjects = b.many((): WithSubject => ({ slot: b.slot(), at: b.position(), place: new LastPlace(name) }))
  const site: WithSite = { name, at, subjects }
  const { slot, place } = subjects[0]!
  return (frame) => {
    let subject = slot(frame) as Value
    if (subject instanceof Thunk && subject.code === null) subject = subject.state as Forced
    if (!(subject instanceof AttrSet)) return lookUp(site, frame, 0)
    const value = place.find(subject)
    return value === undefined ? lookUp(site, frame, 1) : force(value, at)
  }
}

function lookUp(site: WithSite, frame: Frame, from: number): Result {
  const { name, at, subjects } = site
  for (let i = from; i < subjects.length; i++) {
    const subject = subjects[i]!
    const set = force(subject.slot(frame) as Value, subject.at)
    if (set === undefined) return pause(WITH, site, frame, i)
    if (!(set instanceof AttrSet)) return notASet(set, subject.at)
    const value = subject.place.find(set)
    if (value !== undefined) return force(value, at)
  }
  return failWith({ code: "undefined-variable", name }, at)
}
function notASet(found: Forced, at: Position): undefined {
  const failure = new Failure({ code: "type-error", expected: "a set", found })
  return failAs(failure.traced(at, "while evaluating the first subexpression of a with expression"))
}
const WITH: Continuation = {
  name: "with",
  resume: ({ a: site, b: frame, c: i }) => lookUp(site, frame, i),
}
