/**
 * Loops of builtins over the elements of a list, for those that force each one or call a function with it. They run as
 * plain loops, without a generator's price per element, and pause as the machine's instructions do.
 */
import { unfilled } from "../lazy-list.ts"
import { Failure, type EvalProblem } from "../problem.ts"
import { Thunk, type Forced, type Value } from "../value.ts"
import { Code, type Result } from "../vm/code.ts"
import type { Frame } from "../vm/frame.ts"
import { apply1, failAs, force, pause, type Continuation } from "../vm/machine.ts"

export const GO_ON: unique symbol = Symbol("go on")

export interface Loop {
  /** If it is unfilled (see lazy-list.ts), elements are forced as they are made, which must be what `begin` does first. */
  readonly list: readonly Value[]
  /** How something forced comes from an element; may pause. */
  readonly begin: (element: Value) => Result
  /** Takes what came of an element. {@link GO_ON} goes on; anything else ends the loop, and is its result. */
  readonly take: (value: Forced, element: Value) => Result | typeof GO_ON
  /** The result, once all elements are taken. */
  readonly done: () => Result
  /** What a failure on its way through the loop is told. */
  readonly trace?: (failure: Failure, element: Value) => Failure
}

export function each(loop: Loop, from = 0): Result {
  const { list, begin, take } = loop
  const elements = unfilled(list)
  for (let i = from; i < list.length; i++) {
    let element = elements === undefined ? list[i] : elements.element(list, i)
    if (element === undefined) {
      const made = apply1(elements!.fn, elements!.argument(i), 0)
      if (made === undefined) return pause(MADE, loop, i, elements)
      elements!.set(list, i, made)
      element = made
    }
    const value = begin(element)
    if (value === undefined) return pause(EACH, loop, i, element)
    const end = take(value, element)
    if (end !== GO_ON) return end
  }
  return loop.done()
}
/** a: loop, b: index of the element, c: the element */
const EACH: Continuation = {
  name: "each",
  resume: ({ a: loop, b: i, c: element }, value) => {
    const end = loop.take(value, element)
    return end === GO_ON ? each(loop, i + 1) : end
  },
  trace: ({ a: loop, c: element }, failure) => (loop.trace === undefined ? failure : loop.trace(failure, element)),
}
/** a: loop, b: index of the element, c: how elements are made */
const MADE: Continuation = {
  name: "each-made",
  resume: ({ a: loop, b: i, c: elements }, made) => {
    elements.set(loop.list, i, made)
    return each(loop, i)
  },
  trace: ({ a: loop, b: i, c: elements }, failure) => {
    const failed = failedElement(failure)
    if (!failure.transient) elements.set(loop.list, i, failed)
    return loop.trace === undefined ? failure : loop.trace(failure, failed)
  },
}

/** An element of an unfilled list that failed as it was made. Forced again, it says who called for it. */
export function failedElement(failure: Failure): Thunk {
  return new Thunk(FAILED_ELEMENT, failure)
}
const FAILED_ELEMENT = new Code((state: Frame | Failure, at = 0) => {
  const failure = state as Failure
  return failAs(at === 0 ? failure : failure.traced(at, "from call site", "detail"))
}, 1)

/** The `begin` of loops that call `fn` with each element. */
export function calling(fn: Value): Loop["begin"] {
  return (element) => apply1(fn, element, 0)
}
/** The `begin` of loops that need the elements themselves. */
export function forcing(element: Value): Result {
  return force(element, 0)
}

/** Fails as C++ Nix does where it checks something while doing something. */
export function failDoing(problem: EvalProblem, doing: string): undefined {
  return failAs(new Failure(problem).traced(0, doing))
}
export function wrongType(expected: string, found: Forced, doing: string): undefined {
  return failDoing({ code: "type-error", expected, found }, doing)
}
