import type { Evaluation } from "../evaluation.ts"
import type { Forced, Value } from "../value.ts"
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
}

export interface BuiltinSpec<A extends readonly unknown[]> {
  /** Without the `__` that some have as a global. */
  readonly name: string
  readonly params: { readonly [I in keyof A]: Param<A[I]> }
  readonly doc: string
  /** How it is visible: in `builtins` always; as `name` or as `__name` in the outermost scope, too. Default `__name`. */
  readonly global?: "name" | "__name" | "none"
  /** Write a plain function; a generator (`*run`) where it must call back into Nix code (see Task in vm/machine.ts). */
  readonly run: (this: Evaluation, ...args: A) => Value | Task
  /** False for those of which no trace says "while calling the '…' builtin". Default true. */
  readonly traced?: boolean
}

export class Builtin {
  readonly name: string
  readonly params: readonly Param<unknown>[]
  readonly doc: string
  readonly global: "name" | "__name" | "none"
  readonly run: (this: Evaluation, ...args: readonly Value[]) => Value | Task
  readonly traced: boolean
  /** Whether `run` is a generator. */
  readonly isTask: boolean
  /** Contexts of the parameters, defaults filled in. */
  readonly contexts: readonly string[]
  /** Native frames a call may add before the machine is asked again. */
  readonly height = 12

  constructor(spec: BuiltinSpec<readonly unknown[]>) {
    this.name = spec.name
    this.params = spec.params
    this.doc = spec.doc
    this.global = spec.global ?? "__name"
    this.run = spec.run as Builtin["run"]
    this.traced = spec.traced ?? true
    this.isTask = Object.getPrototypeOf(spec.run) === GENERATOR
    this.contexts = spec.params.map(
      ({ context }, i) => context ?? `while evaluating the ${ORDINALS[i]} argument passed to builtins.${spec.name}`,
    )
  }
}
const GENERATOR = Object.getPrototypeOf(function* () {})
const ORDINALS = ["first", "second", "third", "fourth"]
