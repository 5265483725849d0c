import { AttrSet, attrsFrom } from "../attrs.ts"
import type { Evaluation } from "../evaluation.ts"
import type { Value } from "../value.ts"
import type { Builtin } from "./builtin.ts"
import { controlBuiltins } from "./control.ts"
import { foldBuiltins } from "./folds.ts"
import { functionBuiltins } from "./functions.ts"
import { listBuiltins } from "./lists.ts"
import { setBuiltins } from "./sets.ts"
import "./call.ts"

/** All builtins, one declaration each. */
export const BUILTINS: readonly Builtin[] = [...listBuiltins, ...foldBuiltins, ...setBuiltins, ...controlBuiltins, ...functionBuiltins]

/** The outermost scope: `builtins`, and what of it is visible by itself. */
export function makeGlobals(_evaluation: Evaluation): AttrSet {
  const builtins = new Map<string, Value>()
  const globals = new Map<string, Value>()
  for (const builtin of BUILTINS) {
    builtins.set(builtin.name, builtin)
    if (builtin.global !== "none") globals.set(builtin.global === "name" ? builtin.name : `__${builtin.name}`, builtin)
  }
  for (const [name, value] of [
    ["true", true],
    ["false", false],
    ["null", null],
  ] as const) {
    builtins.set(name, value)
    globals.set(name, value)
  }
  const set: AttrSet = attrsFrom(builtins)
  globals.set("builtins", set)
  return attrsFrom(globals)
}
