/**
 * Loops of builtins over the elements of a list, for those that force each one or call a function with it. They run as
 * plain loops, without a generator's price per element, and pause as the machine's instructions do.
 */
import { Failure, type EvalProblem } from "../problem.ts"
import type { Forced, Value } from "../value.ts"
import type { Result } from "../vm/code.ts"
import { apply1, failAs, force, pause, UNWIND, type Continuation } from "../vm/machine.ts"

export interface Loop {
  readonly list: readonly Value[]
  /** How something forced comes from an element; may pause. */
  readonly begin: (element: Value) => Result
  /** Takes what came of an element, and ends the loop by returning anything but undefined. */
  readonly take: (value: Forced, element: Value) => Result | undefined
  /** The result, once all elements are taken. */
  readonly done: () => Result
  /** What a failure on its way through the loop is told. */
  readonly trace?: (failure: Failure, element: Value) => Failure
}

export function each(loop: Loop, from = 0): Result {
  const { list, begin, take } = loop
  for (let i = from; i < list.length; i++) {
    const element = list[i]!
    const value = begin(element)
    if (value === UNWIND) return pause(EACH, loop, i)
    const end = take(value, element)
    if (end !== undefined) return end
  }
  return loop.done()
}
/** a: loop, b: index of the element */
const EACH: Continuation = {
  name: "each",
  resume: ({ a: loop, b: i }, value) => {
    const end = loop.take(value, loop.list[i])
    return end === undefined ? each(loop, i + 1) : end
  },
  trace: ({ a: loop, b: i }, failure) => (loop.trace === undefined ? failure : loop.trace(failure, loop.list[i])),
}

/** The `begin` of loops that call `fn` with each element. */
export function calling(fn: Value): Loop["begin"] {
  return (element) => apply1(fn, element, 0)
}
/** The `begin` of loops that need the elements themselves. */
export function forcing(element: Value): Result {
  return force(element, 0)
}

/** Fails as C++ Nix does where it checks something while doing something. */
export function failDoing(problem: EvalProblem, doing: string): typeof UNWIND {
  return failAs(new Failure(problem).traced(0, doing))
}
export function wrongType(expected: string, found: Forced, doing: string): typeof UNWIND {
  return failDoing({ code: "type-error", expected, found }, doing)
}
