import type { Position } from "../../attrs.ts"
import { Lambda, type Forced, type Value } from "../../value.ts"
import type { Binder } from "../bind.ts"
import type { Exec, Lazy, Result } from "../code.ts"
import type { Frame } from "../frame.ts"
import { apply1, apply2, apply3, applyMany, pause, UNWIND, type Continuation } from "../machine.ts"

/** An argument: as a thunk, and evaluated at once as far as that cannot fail, for callees sure to want it. */
interface Argument {
  readonly lazy: Lazy
  readonly eager: Lazy
}

export function bindCall(b: Binder): Exec {
  const at = b.position()
  const fn = b.expr()
  const args = b.many((): Argument => b.argument())
  const [first, second, third] = args as [Argument, Argument, Argument]
  switch (args.length) {
    case 1:
      return (frame) => {
        const callee = fn(frame)
        if (callee === UNWIND) return pause(CALLEE, frame, args, at)
        return apply1(callee, strict(callee, 1) ? first.eager(frame) : first.lazy(frame), at)
      }
    case 2:
      return (frame) => {
        const callee = fn(frame)
        if (callee === UNWIND) return pause(CALLEE, frame, args, at)
        return apply2(
          callee,
          strict(callee, 1) ? first.eager(frame) : first.lazy(frame),
          strict(callee, 2) ? second.eager(frame) : second.lazy(frame),
          at,
        )
      }
    case 3:
      return (frame) => {
        const callee = fn(frame)
        if (callee === UNWIND) return pause(CALLEE, frame, args, at)
        return apply3(
          callee,
          strict(callee, 1) ? first.eager(frame) : first.lazy(frame),
          strict(callee, 2) ? second.eager(frame) : second.lazy(frame),
          strict(callee, 4) ? third.eager(frame) : third.lazy(frame),
          at,
        )
      }
    default:
      return (frame) => {
        const callee = fn(frame)
        return callee === UNWIND ? pause(CALLEE, frame, args, at) : callMany(callee, frame, args, at)
      }
  }
}
function strict(callee: Forced, bit: number): boolean {
  return callee instanceof Lambda && (callee.code.strict & bit) !== 0
}
function callMany(callee: Forced, frame: Frame, args: readonly Argument[], at: Position): Result {
  const values: Value[] = args.map(({ lazy }) => lazy(frame))
  return applyMany(callee, values, at)
}
const CALLEE: Continuation = {
  name: "callee",
  resume: ({ a: frame, b: args, c: at }, callee) => callMany(callee, frame, args, at),
}
