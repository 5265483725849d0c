import type { Evaluation } from "../evaluation.ts"
import type { Forced, Value } from "../value.ts"
import type { Task } from "../vm/machine.ts"

/** Who forces things for the values that a program of the host holds. All methods throw `EvalError`, never `Failure`. */
export interface Runner {
  readonly evaluation: Evaluation
  run<T = Forced>(start: Value | Task<T>): Promise<T>
  /** Also fails if the evaluation would have to wait, or if another one of the same world is under way. */
  runSync<T = Forced>(start: Value | Task<T>): T
  /** As the function `toNix` of the package. */
  toNix(value: unknown): Value
}
