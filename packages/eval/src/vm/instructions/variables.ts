import { AttrSet, EMPTY_SHAPE, type Position, type Shape } from "../../attrs.ts"
import { Failure } from "../../problem.ts"
import { Lambda, Thunk, type Forced, type Value } from "../../value.ts"
import type { Binder } from "../binder.ts"
import type { Exec, Result } from "../code.ts"
import type { Frame, Slot } from "../frame.ts"
import { runCode } from "../run-code.ts"
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
  const code = b.loaded.lambda(b.word())
  return (frame) => new Lambda(code, frame)
}

export function bindPosition(b: Binder): Exec {
  const at = b.position()
  return () => vm.evaluation.positionValue(at)
}

/** An expression that was cut out of its surroundings because they were too deep. */
export function bindNested(b: Binder): Exec {
  const code = b.loaded.code(b.word())
  return (frame) => runCode(code, frame)
}

// ---------------------------------------------------------------------------------------------- with

interface WithSite {
  readonly name: string
  readonly at: Position
  readonly subjects: readonly { readonly slot: (frame: Frame) => Slot; readonly at: Position }[]
}

export function bindWithVariable(b: Binder): Exec {
  const name = b.name()
  const at = b.position()
  const subjects = b.many(() => ({ slot: b.slot(), at: b.position() }))
  const site: WithSite = { name, at, subjects }
  const first = subjects[0]!.slot
  let shape: Shape = EMPTY_SHAPE
  let index = 0
  return (frame) => {
    let subject = first(frame) as Value
    if (subject instanceof Thunk && subject.code === null) subject = subject.state as Forced
    if (subject instanceof AttrSet) {
      if (subject.shape === shape) return force(subject.values[index]!, at)
      const found = subject.shape.find(name)
      if (found >= 0) {
        shape = subject.shape
        index = found
        return force(subject.values[index]!, at)
      }
    }
    return lookUp(site, frame, 0)
  }
}

function lookUp(site: WithSite, frame: Frame, from: number): Result {
  for (let i = from; i < site.subjects.length; i++) {
    const subject = force(site.subjects[i]!.slot(frame) as Value, site.subjects[i]!.at)
    if (subject === undefined) return pause(WITH, site, frame, i)
    if (!(subject instanceof AttrSet)) return notASet(subject, site.subjects[i]!.at)
    const value = subject.get(site.name)
    if (value !== undefined) return force(value, site.at)
  }
  return failWith({ code: "undefined-variable", name: site.name }, site.at)
}
function notASet(found: Forced, at: Position): undefined {
  const failure = new Failure({ code: "type-error", expected: "a set", found })
  return failAs(failure.traced(at, "while evaluating the first subexpression of a with expression"))
}
const WITH: Continuation = {
  name: "with",
  resume: ({ a: site, b: frame, c: i }) => lookUp(site, frame, i),
}
