import type { Evaluation } from "../evaluation.ts"
import type { EvalProblem } from "../problem.ts"
import type { Forced, Value } from "../value.ts"
import type { Result } from "../vm/code.ts"
import type { Task } from "../vm/machine.ts"

/** One parameter, as data: read by the machine, by `:doc` and by completion. `T` is what `run` gets. */
export interface Param<T> {
  readonly name: string
  /** As in "expected a list but found an integer". */
  readonly kind: string
  /** Absent for a lazy parameter, which is handed over unforced. */
  readonly is?: (value: Forced) => value is T & Forced
  /**
   * What C++ Nix says it is doing, e.g. "while evaluating the first argument passed to builtins.length" (the default, with
   * the right ordinal and name).
   */
  readonly context?: string
  /** Whether that is also said of an error inside the argument, or only of its having the wrong type. */
  readonly tracesForce: boolean
  /** What is wrong with a value that `is` does not take, if it is not simply its type. */
  readonly refuse?: (found: Forced) => EvalProblem | undefined
}

interface Declaration<A extends readonly unknown[]> {
  /** Without the `__` that some have as a global. */
  readonly name: string
  readonly params: { readonly [I in keyof A]: Param<A[I]> }
  readonly doc: string
  /** How it is visible: in `builtins` always; as `name` or as `__name` in the outermost scope, too. Default `__name`. */
  readonly global?: "name" | "__name" | "none"
  /** False for those of which no trace says "while calling the '…' builtin". Default true. */
  readonly traced?: boolean
  /** Indices of the parameters in the order they are forced, which shows in errors. Default: from left to right. */
  readonly order?: readonly number[]
  /** Index of a list parameter that, if empty, is the result: what comes after it in `order` is not looked at. */
  readonly unlessEmpty?: number
}

export type BuiltinSpec<A extends readonly unknown[]> = Declaration<A> &
  (
    | {
        /**
         * Write a plain function; a generator (`*run`) where it must call back into Nix code (see Task in
         * vm/machine.ts).
         */
        readonly run: (this: Evaluation, ...args: A) => Value | Task
      }
    | {
        /**
         * Instead of `run` where a generator would cost too much: part of the machine, which calls `force` and `apply1`
         * itself and pauses with a continuation of its own when they return undefined.
         */
        readonly native: (...args: A) => Result
      }
  )

export class Builtin {
  readonly name: string
  readonly params: readonly Param<unknown>[]
  readonly doc: string
  readonly global: "name" | "__name" | "none"
  /** `run` or `native` of the declaration. */
  readonly run: (this: Evaluation, ...args: readonly Value[]) => Value | Result | Task
  readonly kind: "plain" | "task" | "native"
  readonly traced: boolean
  readonly order: readonly number[]
  /** See {@link Declaration.unlessEmpty}; -1 if there is none. */
  readonly unlessEmpty: number
  /** Contexts of the parameters, defaults filled in. */
  readonly contexts: readonly string[]
  /** Native frames a call may add before the machine is asked again. */
  readonly height = 8

  constructor(spec: BuiltinSpec<readonly unknown[]>) {
    this.name = spec.name
    this.params = spec.params
    this.doc = spec.doc
    this.global = spec.global ?? "__name"
    const run = "native" in spec ? spec.native : spec.run
    this.run = run
    this.kind = "native" in spec ? "native" : Object.getPrototypeOf(run) === GENERATOR ? "task" : "plain"
    this.traced = spec.traced ?? true
    const strict = spec.params.flatMap(({ is }, i) => (is === undefined ? [] : [i]))
    this.order = spec.order ?? strict
    this.unlessEmpty = spec.unlessEmpty ?? -1
    this.contexts = spec.params.map(
      ({ context }, i) => context ?? `while evaluating the ${ORDINALS[i]} argument passed to builtins.${spec.name}`,
    )
  }
}
const GENERATOR = Object.getPrototypeOf(function* () {})
const ORDINALS = ["first", "second", "third", "fourth"]
