/**
 * Binds instructions: makes of each one a function of the frame, its operands bound into it. This happens when a code
 * object is first run, since most code of a program never is.
 *
 * How to read an instruction (instructions/): it evaluates its operands by calling them; when one is undefined it pauses
 * with a continuation that goes on from there. The continuations of an instruction stand right below it, and repeat what
 * comes after the operand; where that is more than a line it is a function both call.
 */
import { Binder } from "./binder.ts"
import type { Code, LambdaCode } from "./code.ts"
import { makeFrame, MediumFrame, SmallFrame } from "./frame.ts"
import { binders } from "./instructions.ts"
import type { LoadedUnit } from "./load.ts"
import { bindPattern } from "./pattern.ts"

/** Gives `code` its instructions. */
export function bindCode(loaded: LoadedUnit, index: number, code: Code): void {
  const info = loaded.unit.code(index)
  const binder = new Binder(loaded, index, info.entry, binders)
  const body = binder.expr()
  code.height = binder.height + 1
  const { slots } = info
  code.run =
    slots === 0
      ? body
      : slots <= 2 && index !== 0
        ? (up) => body(new SmallFrame(up, undefined, undefined))
        : slots <= 4 && index !== 0
          ? (up) => body(new MediumFrame(up, undefined, undefined, undefined, undefined))
          : (up) => body(makeFrame(up, slots, index === 0 ? loaded.scope : []))
}

export function bindLambda(loaded: LoadedUnit, index: number, code: LambdaCode): void {
  const info = loaded.unit.code(index)
  const binder = new Binder(loaded, index, info.entry, binders)
  const body = binder.expr()
  code.height = binder.height + 2
  const { slots } = info
  const last = info.lambda!.params.at(-1)!
  if (last.formals !== undefined) {
    const fallbacks = last.formals.map(({ fallback }) =>
      fallback < 0 ? undefined : new Binder(loaded, index, fallback, binders).fallback(),
    )
    bindPattern(code, last, loaded.position(last.at), fallbacks, slots, body)
    return
  }
  code.enterMany = (up, args) => body(makeFrame(up, slots, args))
  if (slots <= 2) {
    code.enter1 = (up, a) => body(new SmallFrame(up, a, undefined))
    code.enter2 = (up, a, b) => body(new SmallFrame(up, a, b))
  } else if (slots <= 4) {
    code.enter1 = (up, a) => body(new MediumFrame(up, a, undefined, undefined, undefined))
    code.enter2 = (up, a, b) => body(new MediumFrame(up, a, b, undefined, undefined))
    code.enter3 = (up, a, b, c) => body(new MediumFrame(up, a, b, c, undefined))
  } else {
    code.enter1 = (up, a) => body(makeFrame(up, slots, [a]))
    code.enter2 = (up, a, b) => body(makeFrame(up, slots, [a, b]))
    code.enter3 = (up, a, b, c) => body(makeFrame(up, slots, [a, b, c]))
  }
}
