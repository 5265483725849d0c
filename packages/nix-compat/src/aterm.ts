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
export function writeAterm(derivation: Derivation, options?: AtermOptions): string {
  return new AtermText(derivation).write(options)
}

/** The text of a derivation in several versions: what they have in common is written once. */
export class AtermText {
  #derivation: Derivation
  /** From the sources to the arguments. */
  readonly #middle: string
  /** Of the environment, in order. */
  readonly #variables: string[]
  /** Where among them those of the outputs are. */
  readonly #outputVariables = new Map<string, number>()
  /** From the sources to the end, outputs not masked. */
  #end: string | undefined

  /** @throws {DerivationError} if the environment has a variable `__json` */
  constructor(derivation: Derivation) {
    const { inputSources, system, builder, args } = derivation
    this.#derivation = derivation
    // Nor does C++ Nix escape the system.
    this.#middle = `${listOf(sorted(inputSources).map(plain))},${plain(system)},${quote(builder)},${listOf(args.map(quote))}`
    this.#variables = this.#writeEnvironment()
  }

  #writeEnvironment(): string[] {
    const { env, outputs, structuredAttrs } = this.#derivation
    if (env.has(JSON_VARIABLE)) throw new DerivationError({ code: "json-variable" })
    const names = [...env.keys()]
    if (structuredAttrs !== undefined) names.push(JSON_VARIABLE)
    return sortedInPlace(names).map((name, place) => {
      if (outputs.has(name)) this.#outputVariables.set(name, place)
      return writeVariable(name, env.get(name) ?? structuredAttrs!)
    })
  }

  /** From now on the outputs, and the variables called like them, are those of `derivation`, which is otherwise the same. */
  setOutputs(derivation: Derivation): void {
    this.#derivation = derivation
    this.#end = undefined
    for (const [name, place] of this.#outputVariables) {
      this.#variables[place] = writeVariable(name, derivation.env.get(name)!)
    }
  }

  write({ maskOutputs = false, inputs = this.#derivation.inputDerivations }: AtermOptions = {}): string {
    const { outputs, dynamicInputs } = this.#derivation
    const outputList = sorted(outputs.keys()).map((name) => writeOutput(name, outputs.get(name)!, maskOutputs))
    const inputList = sorted(inputs.keys()).map(
      (input) => `("${input}",${writeInput(inputs.get(input)!, dynamicInputs?.get(input))})`,
    )
    const end = maskOutputs ? this.#maskedEnd() : (this.#end ??= this.#endWith(this.#variables))
    const body = `${listOf(outputList)},${listOf(inputList)},${end}`
    return dynamicInputs === undefined ? `Derive(${body})` : `DrvWithVersion(${plain(DYNAMIC_VERSION)},${body})`
  }

  #maskedEnd(): string {
    const masked = [...this.#variables]
    for (const [name, place] of this.#outputVariables) masked[place] = writeVariable(name, "")
    return this.#endWith(masked)
  }
  #endWith(variables: readonly string[]): string {
    return `${this.#middle},${listOf(variables)}`
  }
}

function writeVariable(name: string, value: string): string {
  return `(${quote(name)},${quote(value)})`
}

function writeInput(names: ReadonlySet<string>, dynamic: DynamicInput["dynamic"]): string {
  const needed = listOf(sorted(names).map(plain))
  if (dynamic === undefined) return needed
  const nested = sorted(dynamic.keys()).map((name) => {
    const input = dynamic.get(name)!
    return `("${name}",${writeInput(input.outputs, input.dynamic)})`
  })
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

const listOf = (items: readonly string[]): string => `[${items.join(",")}]`
const plain = (text: string): string => `"${text}"`
const SPECIAL = /["\\\n\r\t]/
const ESCAPES: Readonly<Record<string, string>> = { '"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" }
function quote(text: string): string {
  return SPECIAL.test(text) ? `"${text.replace(/["\\\n\r\t]/g, (special) => ESCAPES[special]!)}"` : `"${text}"`
}

// Byte strings compare as their bytes do.
function sorted(texts: Iterable<string>): string[] {
  return sortedInPlace([...texts])
}
/** Most come sorted. */
function sortedInPlace(texts: string[]): string[] {
  for (let i = 1; i < texts.length; i++) if (texts[i - 1]! > texts[i]!) return texts.sort()
  return texts
}
