/** `import` and `scopedImport` of derivations: what they build, as if the derivation had been evaluated. */
import { BUILTINS, NixPath, NixString, Thunk, type Forced, type Value } from "@tvix-ts/eval"
import {
  attrsFrom,
  Builtin,
  coerceToPath,
  ContextBuilder,
  encodeElement,
  isStorePath,
  makeString,
  runBuiltin,
  withPath,
  type Task,
} from "@tvix-ts/eval/builtins"
import { DERIVATION_SUFFIX, STORE_DIR } from "@tvix-ts/nix-compat"
import { refuse } from "./problems.ts"
import type { DerivationRecord, EvaluationStore } from "./store.ts"

/** The language's own, but for derivations in the store. */
export function importBuiltins(store: EvaluationStore): readonly Builtin[] {
  return BUILTINS.filter(({ name }) => name === "import" || name === "scopedImport").map((original) => {
    const { name, params, doc, global } = original
    const general = new Builtin({
      name,
      params,
      doc,
      *run(...args) {
        const path = yield* derivationFile(args.at(-1) as Forced)
        const record = path === undefined ? undefined : yield* this.ask(() => store.derivation(path))
        if (record !== undefined) return (yield asEvaluated(path!, record)) as Value
        return (yield () => runBuiltin(original, args as Value[])) as Value
      },
    })
    const native = (...args: readonly unknown[]): ReturnType<typeof runBuiltin> =>
      withPath(args.at(-1) as Value, (path) =>
        runBuiltin(mayBeDerivation(path) ? general : original, [...args.slice(0, -1), path] as Value[]),
      )
    return new Builtin({ name, params, doc, global, native })
  })
}

function mayBeDerivation(path: Forced): boolean {
  const text = path instanceof NixPath ? path.path : path instanceof NixString ? path.bytes : path
  return typeof text !== "string" || text.endsWith(DERIVATION_SUFFIX)
}

/** The path that `forced` names, if it is that of a derivation. */
function* derivationFile(forced: Forced): Task<string | undefined> {
  const path = yield* coerceToPath(forced, "while realising the context of a path", new ContextBuilder())
  return path.endsWith(DERIVATION_SUFFIX) && isStorePath(path, STORE_DIR) ? path : undefined
}

/** What `derivation` would have made of it: its first output by name, which has all others. */
function asEvaluated(path: string, { derivation }: DerivationRecord): Value {
  const { env } = derivation
  const outputs = [...derivation.outputs].sort(([a], [b]) => (a < b ? -1 : 1))
  const values = new Map<string, Thunk>()
  for (const [name] of outputs) values.set(name, new Thunk(null, undefined))
  const whole = new Map<string, Value>(values)
  whole.set("all", [...values.values()])
  whole.set("drvPath", makeString(path, new Set([encodeElement({ kind: "deep", path })])))
  whole.set("name", env.get("name") ?? "")
  whole.set("type", "derivation")
  for (const [name, output] of outputs) {
    if (!("path" in output)) return refuse(`the path of output '${name}' of '${path}' is not known before it is built`)
    const outPath = makeString(output.path, new Set([encodeElement({ kind: "built", path, output: name })]))
    values.get(name)!.state = attrsFrom(new Map([...whole, ["outPath", outPath], ["outputName", name]]))
  }
  return values.values().next().value!
}
