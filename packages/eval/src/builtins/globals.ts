import { type AttrSet, attrsFrom } from "../attrs.ts"
import type { Evaluation } from "../evaluation.ts"
import { Thunk, type Value } from "../value.ts"
import { arithmeticBuiltins } from "./arithmetic.ts"
import type { Builtin } from "./builtin.ts"
import { closureBuiltins } from "./closure.ts"
import { constants } from "./constants.ts"
import { contextBuiltins } from "./contexts.ts"
import { dataBuiltins } from "./data.ts"
import { controlBuiltins } from "./control.ts"
import { fileBuiltins } from "./files.ts"
import { derivationFunction } from "./derivation.ts"
import { foldBuiltins } from "./folds.ts"
import { functionBuiltins } from "./functions.ts"
import { hashBuiltins } from "./hashing.ts"
import { listBuiltins } from "./lists.ts"
import { pathNameBuiltins } from "./path-names.ts"
import { regexBuiltins } from "./regex.ts"
import { setBuiltins } from "./sets.ts"
import { storeBuiltins } from "./store.ts"
import { stringBuiltins } from "./strings.ts"
import { typeBuiltins } from "./type-tests.ts"
import { versionBuiltins } from "./versions.ts"
import { sortBuiltins } from "./sort.ts"
import "./call.ts"

/** All builtins, one declaration each. */
export const BUILTINS: readonly Builtin[] = [
  ...listBuiltins,
  ...foldBuiltins,
  ...setBuiltins,
  ...controlBuiltins,
  ...functionBuiltins,
  ...sortBuiltins,
  ...closureBuiltins,
  ...fileBuiltins,
  ...arithmeticBuiltins,
  ...contextBuiltins,
  ...dataBuiltins,
  ...hashBuiltins,
  ...pathNameBuiltins,
  ...regexBuiltins,
  ...storeBuiltins,
  ...stringBuiltins,
  ...typeBuiltins,
  ...versionBuiltins,
]

/** The outermost scope: `builtins`, and what of it is visible by itself. */
export function makeGlobals(evaluation: Evaluation): AttrSet {
  const builtins = new Map<string, Value>()
  const globals = new Map<string, Value>()
  for (const builtin of [...BUILTINS, ...(evaluation.options.builtins ?? [])]) {
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
  for (const [name, value] of constants(evaluation)) {
    builtins.set(name, value)
    globals.set(`__${name}`, value)
  }
  const derivation = derivationFunction(evaluation)
  builtins.set("derivation", derivation)
  globals.set("derivation", derivation)
  // `builtins.builtins` is the set itself.
  const builtinsThunk = new Thunk(null, undefined)
  builtins.set("builtins", builtinsThunk)
  const set: AttrSet = attrsFrom(builtins)
  builtinsThunk.state = set
  globals.set("builtins", set)
  return attrsFrom(globals)
}
