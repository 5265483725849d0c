/**
 * A derivation as the JSON object that nix-eval-jobs prints: members in the order of their names, all text a byte string.
 * What is evaluated when, and so which of several problems is told, is as there (src/worker.cc, src/drv.cc).
 */
import { AttrSet, type Forced, type Value } from "@tvix-ts/eval"
import {
  asFailure,
  bytesOfString,
  call,
  coerceToString,
  ContextBuilder,
  fail,
  isList,
  isStorePath,
  isString,
  printJson,
  quoteJson,
  type Task,
} from "@tvix-ts/eval/builtins"
import { drvPathOf } from "@tvix-ts/glue"
import { requiredSystemFeatures, STORE_DIR, type Derivation } from "@tvix-ts/nix-compat"
import { derivationMeta } from "./meta.ts"

/** What the objects have besides the members that all have. */
export interface RecordOptions {
  readonly meta: boolean
  readonly inputDerivations: boolean
  /** A function; what it makes of the derivation becomes `extraValue`. */
  readonly apply: Value | undefined
}

/** A derivation that was evaluated, as far as it is known: not if somebody made up its path. */
export type FindDerivation = (path: string) => Task<Derivation | undefined>

/** The members `attr` and `attrPath`, which all objects begin with. */
function placeMembers(path: readonly string[]): string {
  return `"attr":${quoteText(attributeName(path))},"attrPath":[${path.map(quoteText).join(",")}]`
}

/** As nix-eval-jobs joins them: quotes where there is a dot, and nowhere else. */
function attributeName(path: readonly string[]): string {
  return path.map((name) => (name.includes(".") ? `"${name}"` : name)).join(".")
}

/** JSON has no bytes that are not UTF-8. */
function quoteText(text: string): string {
  try {
    return quoteJson(text)
  } catch {
    return quoteJson(text.replaceAll(/[\x80-\xff]/g, "?"))
  }
}

/** The object for what went wrong with the attribute at `path`. */
export function errorRecord(path: readonly string[], message: string): string {
  return `{${placeMembers(path)},"error":${quoteText(message)}}`
}

/** A task whose result is the object for `derivation`, found at `path`, and the path of its file. */
export function* derivationRecord(
  derivation: AttrSet,
  path: readonly string[],
  options: RecordOptions,
  find: FindDerivation,
): Task<{ readonly record: string; readonly drvPath: string }> {
  const name = yield* stringAt(derivation, "name", "while evaluating the 'name' attribute of a derivation")
  const extraValue = options.apply === undefined ? undefined : yield* applied(options.apply, derivation)
  const outputs = yield* outputsOf(derivation, attributeName(path))
  const drvPath = yield* drvPathOf({ attrPath: path, name, attributes: derivation })
  const known = yield* find(drvPath)
  const system = known?.system ?? (yield* systemOf(derivation))
  const members = [placeMembers(path), `"drvPath":${quoteText(drvPath)}`]
  if (extraValue !== undefined) members.push(`"extraValue":${extraValue}`)
  if (options.inputDerivations && known !== undefined) members.push(`"inputDrvs":${inputsJson(known)}`)
  if (options.meta) members.push(`"meta":${yield* derivationMeta(derivation)}`)
  members.push(`"name":${quoteText(name)}`, `"outputs":${outputs}`)
  if (known !== undefined) members.push(`"requiredSystemFeatures":${namesJson(requiredSystemFeatures(known))}`)
  members.push(`"system":${quoteText(system)}`)
  return { record: `{${members.join(",")}}`, drvPath }
}

/** The attribute `name`, which has to be a string without context. */
function* stringAt(set: AttrSet, name: string, doing: string): Task<string> {
  const value = set.get(name)
  if (value === undefined) fail({ code: "invalid-argument", message: `derivation ${name} missing` })
  return yield* plainString(value, doing)
}

function* plainString(value: Value, doing: string): Task<string> {
  try {
    const forced = (yield value) as Forced
    if (typeof forced === "string") return forced
    if (!isString(forced)) return fail({ code: "type-error", expected: "a string", found: forced })
    const [context] = forced.context
    return fail({ code: "string-refers-to-store", string: bytesOfString(forced), context: context ?? "" })
  } catch (problem) {
    throw asFailure(problem).traced(0, doing)
  }
}

function* systemOf(derivation: AttrSet): Task<string> {
  if (!derivation.has("system")) return "unknown"
  return yield* stringAt(derivation, "system", "while evaluating the 'system' attribute of a derivation")
}

function* storePathFrom(value: Value, doing: string): Task<string> {
  const coercion = { context: doing, more: false, copyToStore: false }
  const path = yield* coerceToString(value, coercion, new ContextBuilder())
  if (isStorePath(path, STORE_DIR)) return path
  return fail({ code: "invalid-argument", message: `path '${path}' is not in the Nix store` })
}

/** The paths of the outputs, as a JSON object. */
function* outputsOf(derivation: AttrSet, attribute: string): Task<string> {
  const paths = new Map<string, string>()
  const names = derivation.get("outputs")
  try {
    if (names === undefined) {
      const outPath = derivation.get("outPath")
      if (outPath === undefined) {
        fail({ code: "invalid-argument", message: "derivation does not have attribute 'outPath'" })
      }
      paths.set("out", yield* storePathFrom(outPath, "while evaluating the output path of a derivation"))
    } else yield* readOutputs(derivation, names, paths)
  } catch (problem) {
    throw asFailure(problem).traced(0, `while evaluating the outputs of derivation '${attribute}'`)
  }
  const sorted = [...paths].sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${sorted.map(([name, path]) => `${quoteText(name)}:${quoteText(path)}`).join(",")}}`
}

function* readOutputs(derivation: AttrSet, names: Value, paths: Map<string, string>): Task<null> {
  const list = (yield names) as Forced
  if (!isList(list)) return fail({ code: "type-error", expected: "a list", found: list })
  for (const item of list) {
    const name = yield* plainString(item, "while evaluating the name of an output of a derivation")
    // Names with nothing behind them are passed over, in C++ Nix too.
    const output = derivation.get(name)
    if (output === undefined) continue
    const outPath = (yield* setFrom(output)).get("outPath")
    if (outPath === undefined) continue
    paths.set(name, yield* storePathFrom(outPath, "while evaluating an output path of a derivation"))
  }
  return null
}

function* setFrom(value: Value): Task<AttrSet> {
  const forced = (yield value) as Forced
  if (forced instanceof AttrSet) return forced
  return fail({ code: "type-error", expected: "a set", found: forced })
}

function* applied(fn: Value, derivation: AttrSet): Task<string> {
  const result = yield* setFrom(call(fn, derivation))
  return yield* printJson(result, { strict: true, copyToStore: true }, new ContextBuilder())
}

const namesJson = (names: Iterable<string>): string => `[${[...names].sort().map(quoteText).join(",")}]`

function inputsJson({ inputDerivations }: Derivation): string {
  const inputs = [...inputDerivations].sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${inputs.map(([path, outputs]) => `${quoteText(path)}:${namesJson(outputs)}`).join(",")}}`
}
