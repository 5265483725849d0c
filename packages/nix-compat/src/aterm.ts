/**
 * Derivations as files, in the notation of the ATerm library, without blanks:
 *
 *     Derive([(output,path,algorithm,hash)…],[(derivation,[output…])…],[source…],system,builder,[arg…],[(name,value)…])
 *
 * Every list is sorted by its bytes, except the arguments. `algorithm` and `hash` are empty unless the output's path comes
 * from its contents. Strings are bytes between quotes, of which `"`, `\`, newline, return and tab are escaped.
 */
import { encodeHex } from "@tvix-ts/bytes"
import type { Derivation, DerivationOutput, DynamicInput } from "./derivation.ts"
import { DerivationError } from "./problem.ts"
import { methodPrefix } from "./store-path.ts"

export interface AtermOptions {
  /** Whether the paths of outputs are left out, in the environment, too. Default: no. */
  readonly maskOutputs?: boolean
  /** What stands for the input derivations, and the outputs needed of each. Default: their paths. */
  readonly inputs?: ReadonlyMap<string, ReadonlySet<string>>
}

/** The variable that structured attributes are written as. */
export const JSON_VARIABLE = "__json"
/** What a derivation is written as that has inputs made by other derivations: C++ Nix's `dynamic-derivations`. */
export const DYNAMIC_VERSION = "xp-dyn-drv"

/** @throws {DerivationError} if the environment has a variable `__json` */
export function writeAterm(derivation: Derivation, options: AtermOptions = {}): string {
  const { outputs, inputSources, system, builder, args, dynamicInputs } = derivation
  const { maskOutputs = false, inputs = derivation.inputDerivations } = options
  const written = [
    listOf(sortedEntries(outputs).map(([name, output]) => writeOutput(name, output, maskOutputs))),
    listOf(
      sortedEntries(inputs).map(([input, names]) => `("${input}",${writeInput(names, dynamicInputs?.get(input))})`),
    ),
    listOf(sorted(inputSources).map(plain)),
    // Nor does C++ Nix escape this one.
    plain(system),
    quote(builder),
    listOf(args.map(quote)),
    listOf(writeEnvironment(derivation, maskOutputs)),
  ]
  if (dynamicInputs !== undefined) written.unshift(plain(DYNAMIC_VERSION))
  return `${dynamicInputs === undefined ? "Derive" : "DrvWithVersion"}(${written.join(",")})`
}

function writeInput(names: ReadonlySet<string>, dynamic: DynamicInput["dynamic"]): string {
  const needed = listOf(sorted(names).map(plain))
  if (dynamic === undefined) return needed
  const nested = sortedEntries(dynamic).map(
    ([name, input]) => `("${name}",${writeInput(input.outputs, input.dynamic)})`,
  )
  return `(${needed},${listOf(nested)})`
}

function writeOutput(name: string, output: DerivationOutput, maskOutputs: boolean): string {
  switch (output.kind) {
    case "input-addressed":
      return `("${name}","${maskOutputs ? "" : output.path}","","")`
    case "fixed": {
      const { path, method, hash } = output
      const algorithm = methodPrefix(method) + hash.algorithm
      return `("${name}","${maskOutputs ? "" : path}","${algorithm}","${encodeHex(hash.digest)}")`
    }
    case "floating":
      return `("${name}","","${methodPrefix(output.method)}${output.algorithm}","")`
    case "impure":
      return `("${name}","","${methodPrefix(output.method)}${output.algorithm}","impure")`
    case "deferred":
      return `("${name}","","","")`
  }
}

function writeEnvironment({ env, outputs, structuredAttrs }: Derivation, maskOutputs: boolean): string[] {
  if (env.has(JSON_VARIABLE)) throw new DerivationError({ code: "json-variable" })
  const entries = [...env]
  if (structuredAttrs !== undefined) entries.push([JSON_VARIABLE, structuredAttrs])
  return entries
    .sort(byName)
    .map(([name, value]) => `(${quote(name)},${maskOutputs && outputs.has(name) ? '""' : quote(value)})`)
}

const listOf = (items: readonly string[]): string => `[${items.join(",")}]`
const plain = (text: string): string => `"${text}"`
const SPECIAL = /["\\\n\r\t]/
const ESCAPES: Readonly<Record<string, string>> = { '"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" }
function quote(text: string): string {
  return SPECIAL.test(text) ? `"${text.replace(/["\\\n\r\t]/g, (special) => ESCAPES[special]!)}"` : `"${text}"`
}

// Byte strings compare as their bytes do.
function sorted(texts: Iterable<string>): string[] {
  return [...texts].sort()
}
function sortedEntries<T>(map: ReadonlyMap<string, T>): (readonly [string, T])[] {
  return [...map].sort(byName)
}
function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0
}
