/** `<`: numbers by value, strings and paths by byte, lists by their first difference. */
import { fail } from "./problem.ts"
import { bytesOfString, isInt, isList, isString, NixFloat, NixPath, type Forced, type Value } from "./value.ts"
import type { Result } from "./vm/code.ts"
import { asFailure, runTask, type Task } from "./vm/machine.ts"
import { equalTask } from "./equality.ts"

/** @throws {Failure} where the two cannot be compared */
export function lessThan(a: Forced, b: Forced): Result {
  return isList(a) && isList(b) ? runTask(lessList(a, b)) : lessAtom(a, b)
}

function lessAtom(a: Forced, b: Forced): boolean {
  if (isInt(a)) {
    if (isInt(b)) return a < b
    if (b instanceof NixFloat) return Number(a) < b.value
  } else if (a instanceof NixFloat) {
    if (b instanceof NixFloat) return a.value < b.value
    if (isInt(b)) return a.value < Number(b)
  } else if (isString(a)) {
    if (isString(b)) return bytesOfString(a) < bytesOfString(b)
  } else if (a instanceof NixPath && b instanceof NixPath) return a.path < b.path
  return fail({ code: "cannot-compare", left: a, right: b })
}

/** A task whose result says whether `a < b`, for any two values. */
export function* lessTask(a: Value, b: Value): Task<boolean> {
  const x = (yield a) as Forced
  const y = (yield b) as Forced
  if (isList(x) && isList(y)) return (yield lessList(x, y)) as boolean
  return lessAtom(x, y)
}
function* lessList(a: readonly Value[], b: readonly Value[]): Task<boolean> {
  for (let i = 0; ; i++) {
    if (i === b.length) return false
    if (i === a.length) return true
    if ((yield equalTask(a[i]!, b[i]!)) as boolean) continue
    try {
      return (yield lessTask(a[i]!, b[i]!)) as boolean
    } catch (problem) {
      throw asFailure(problem).traced(0, "while comparing two list elements")
    }
  }
}
