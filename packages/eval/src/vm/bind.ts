/**
 * Binds instructions: makes of each one a function of the frame, its operands bound into it. This happens when a code
 * object is first run, since most code of a program never is.
 *
 * How to read an instruction (instructions/): it evaluates its operands by calling them; when one is undefined it pauses
 * with a continuation that goes on from there. The continuations of an instruction stand right below it, and repeat what
 * comes after the operand; where that is more than a line it is a function both call.
 */
import type { Value } from "../value.ts"
import { Binder } from "./binder.ts"
import type { Code, Exec, LambdaCode } from "./code.ts"
import { emptySlots, LargeFrame, makeFrame, MediumFrame, SmallFrame } from "./frame.ts"
import { binders } from "./instructions.ts"
import type { LoadedUnit } from "./load.ts"
import { Pattern } from "./pattern.ts"

/** Gives `code` its instructions. */
export function bindCode(loaded: LoadedUnit, index: number, code: Code): void {
  const { entry, slots } = loaded.unit.code(index)
  const binder = new Binder(loaded, index, entry, binders)
  const body = binder.expr()
  code.height = binder.height + 1
  code.run = slots === 0 ? body : inFrame(body, slots, index === 0 ? loaded.scope : NO_VALUES)
}
const NO_VALUES: readonly Value[] = []

/** Makes the frame that `body` runs in. */
function inFrame(body: Exec, slots: number, values: readonly Value[]): Exec {
  if (values.length > 0) return (up) => body(makeFrame(up, slots, values))
  if (slots <= 2) return (up) => body(new SmallFrame(up, undefined, undefined))
  if (slots <= 4) return (up) => body(new MediumFrame(up, undefined, undefined, undefined, undefined))
  return (up) => body(new LargeFrame(up, emptySlots(slots)))
}

export function bindLambda(loaded: LoadedUnit, index: number, code: LambdaCode): void {
  const { entry, lambda } = loaded.unit.code(index)
  const binder = new Binder(loaded, index, entry, binders)
  const body = binder.expr()
  const { params } = lambda!
  const last = params[params.length - 1]!
  if (last.formals !== undefined) {
    const fallbacks = last.formals.map(({ fallback }) =>
      fallback < 0 ? undefined : new Binder(loaded, index, fallback, binders).fallback(),
    )
    code.pattern = new Pattern(code, last, loaded.position(last.at), fallbacks, body)
  }
  code.height = binder.height + 2
  code.body = body
}
