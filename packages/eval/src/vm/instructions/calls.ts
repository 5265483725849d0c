import type { Position } from "../../positions.ts"
import { Lambda, type Forced } from "../../value.ts"
import { Builtin } from "../../builtins/builtin.ts"
import { callBuiltinWith, thunksOf } from "../../builtins/call.ts"
import type { Binder } from "../binder.ts"
import type { Exec, Result } from "../code.ts"
import type { Frame } from "../frame.ts"
import type { Argument } from "../operand.ts"
import { apply1, apply2, apply3, applyMany, pause, type Continuation } from "../machine.ts"

export function bindCall(b: Binder): Exec {
  const at = b.position()
  const variable = b.variableOperand()
  const fn = variable === undefined ? b.expr() : undefined
  const args = b.many(() => b.argument())
  const [first, second, third] = args as [Argument, Argument, Argument]
  switch (args.length) {
    case 1:
      return (frame) => {
        const callee = variable === undefined ? fn!(frame) : variable.force(frame)
        if (callee instanceof Lambda && callee.code.arity === 1) {
          return apply1(callee, strict(callee, 1) ? first.eager(frame) : first.lazy(frame), at)
        }
        return callee === undefined ? pause(CALLEE, frame, args, at) : callOther(callee, frame, args, at)
      }
    case 2:
      return (frame) => {
        const callee = variable === undefined ? fn!(frame) : variable.force(frame)
        if (callee instanceof Lambda && callee.code.arity === 2) {
          return apply2(
            callee,
            strict(callee, 1) ? first.eager(frame) : first.lazy(frame),
            strict(callee, 2) ? second.eager(frame) : second.lazy(frame),
            at,
          )
        }
        return callee === undefined ? pause(CALLEE, frame, args, at) : callOther(callee, frame, args, at)
      }
    case 3:
      return (frame) => {
        const callee = variable === undefined ? fn!(frame) : variable.force(frame)
        if (callee instanceof Lambda && callee.code.arity === 3) {
          return apply3(
            callee,
            strict(callee, 1) ? first.eager(frame) : first.lazy(frame),
            strict(callee, 2) ? second.eager(frame) : second.lazy(frame),
            strict(callee, 4) ? third.eager(frame) : third.lazy(frame),
            at,
          )
        }
        return callee === undefined ? pause(CALLEE, frame, args, at) : callOther(callee, frame, args, at)
      }
    default:
      return (frame) => {
        const callee = variable === undefined ? fn!(frame) : variable.force(frame)
        return callee === undefined ? pause(CALLEE, frame, args, at) : callOther(callee, frame, args, at)
      }
  }
}
function strict(callee: Lambda, bit: number): boolean {
  return (callee.code.strict & bit) !== 0
}
/** Calls anything but a lambda whose parameters are as many as the arguments. */
function callOther(callee: Forced, frame: Frame, args: readonly Argument[], at: Position): Result {
  if (callee instanceof Builtin && callee.params.length === args.length) return callBuiltinWith(callee, args, frame, at)
  switch (args.length) {
    case 1:
      return apply1(callee, args[0]!.lazy(frame), at)
    case 2:
      return apply2(callee, args[0]!.lazy(frame), args[1]!.lazy(frame), at)
    default:
      return applyMany(callee, thunksOf(args, frame), at)
  }
}
const CALLEE: Continuation = {
  name: "callee",
  resume: ({ a: frame, b: args, c: at }, callee) => callOther(callee, frame, args, at),
}
