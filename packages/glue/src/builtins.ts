import type { Builtin } from "@tvix-ts/eval"
import { derivationStrict } from "./derivation-strict.ts"
import { flakeBuiltins } from "./flake-builtins.ts"
import { importBuiltins } from "./import-builtins.ts"
import { filterSource, path } from "./source-builtins.ts"
import type { EvaluationStore } from "./store.ts"
import { storePath, toFile } from "./text-builtins.ts"

/** The builtins that need a store, over `store`: for the option `builtins` of an evaluation. */
export function storeBuiltins(store: EvaluationStore): readonly Builtin[] {
  return [
    derivationStrict(store),
    toFile(store),
    storePath,
    path(store),
    filterSource(store),
    ...importBuiltins(store),
    ...flakeBuiltins,
  ]
}
