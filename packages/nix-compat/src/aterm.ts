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
export function writeAterm(derivation: Derivation, { maskOutputs = false, inputs }: AtermOptions = {}): string {
  const text = new AtermText(derivation)
  return text.write(maskOutputs ? undefined : derivation, text.inputs(inputs))
}

/** What of the text of a derivation is the same whatever the paths of its outputs are, and whatever stands for its inputs. */
export class AtermText {
  readonly #derivation: Derivation
  /** From the sources to the arguments. */
  readonly #middle: string
  /** Names of outputs in order. */
  readonly #outputs: readonly string[]
  /** The other variables of the environment: those before the first output's, between it and the next, … after the last. */
  readonly #between: string[] = []

  /** @throws {DerivationError} if the environment has a variable `__json` */
  constructor(derivation: Derivation) {
    this.#derivation = derivation
    const { inputSources, system, builder, args, env, outputs, structuredAttrs } = derivation
    // Nor does C++ Nix escape the system.
    this.#middle = `${listOf(sorted(inputSources).map(plain))},${plain(system)},${quote(builder)},${listOf(args.map(quote))}`
    this.#outputs = sorted(outputs.keys())
    if (env.has(JSON_VARIABLE)) throw new DerivationError({ code: "json-variable" })
    const names: string[] = []
    for (const name of env.keys()) if (!outputs.has(name)) names.push(name)
    if (structuredAttrs !== undefined) names.push(JSON_VARIABLE)
    sortedInPlace(names)
    let from = 0
    for (const output of this.#outputs) {
      let to = from
      while (to < names.length && names[to]! < output) to++
      this.#between.push(writeVariables(derivation, names, from, to))
      from = to
    }
    this.#between.push(writeVariables(derivation, names, from, names.length))
  }

  /** What stands for the inputs, as a list. */
  inputs(inputs: AtermOptions["inputs"] = this.#derivation.inputDerivations): string {
    const { dynamicInputs } = this.#derivation
    return listOf(
      sorted(inputs.keys()).map((input) => `("${input}",${writeInput(inputs.get(input)!, dynamicInputs?.get(input))})`),
    )
  }

  /**
   * @param found the derivation whose outputs, and variables called like them, are to be written; without it, paths of
   *   outputs are left out
   * @param inputs what {@link inputs} made
   */
  write(found: Pick<Derivation, "outputs" | "env"> | undefined, inputs: string): string {
    // Joined at once, it is flat, as whoever hashes it needs it.
    return this.pieces(found, inputs).join("")
  }
  /** The same in pieces, for those who only want its hash. */
  pieces(found: Pick<Derivation, "outputs" | "env"> | undefined, inputs: string): readonly string[] {
    const { outputs, env, dynamicInputs } = this.#derivation
    const outputList = this.#outputs.map((name) =>
      writeOutput(name, (found?.outputs ?? outputs).get(name)!, found === undefined),
    )
    const version = dynamicInputs === undefined ? "Derive(" : `DrvWithVersion(${plain(DYNAMIC_VERSION)},`
    const pieces = [version, listOf(outputList), ",", inputs, ",", this.#middle, ",["]
    const head = pieces.length
    const push = (variables: string): void => {
      if (variables !== "") pieces.push(pieces.length > head ? "," : "", variables)
    }
    push(this.#between[0]!)
    for (let i = 0; i < this.#outputs.length; i++) {
      const name = this.#outputs[i]!
      const path = (found?.env ?? env).get(name)
      if (path !== undefined) push(`(${quote(name)},${quote(found === undefined ? "" : path)})`)
      push(this.#between[i + 1]!)
    }
    pieces.push("])")
    return pieces
  }
}

/** Of `names` those from `from` to before `to`, joined at once: strings for each would be thrown away again. */
function writeVariables(
  { env, structuredAttrs }: Derivation,
  names: readonly string[],
  from: number,
  to: number,
): string {
  const pieces = new Array<string>(5 * (to - from))
  let count = 0
  for (let i = from; i < to; i++) {
    const name = names[i]!
    pieces[count++] = i === from ? '("' : ',("'
    pieces[count++] = escape(name)
    pieces[count++] = '","'
    pieces[count++] = escape(env.get(name) ?? structuredAttrs!)
    pieces[count++] = '")'
  }
  return pieces.join("")
}

function writeInput(names: ReadonlySet<string>, dynamic: DynamicInput["dynamic"]): string {
  if (names.size === 1 && dynamic === undefined) for (const name of names) return `["${name}"]`
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
/** What JSON escapes, too, though ATerms do not. What both escape, they escape alike. */
const OTHER_CONTROL = /[\0-\x08\v\f\x0e-\x1f]/
const ESCAPES: Readonly<Record<string, string>> = { '"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" }
function escape(text: string): string {
  if (!SPECIAL.test(text)) return text
  // Several times faster than a function for each line end of a script.
  if (!OTHER_CONTROL.test(text)) return JSON.stringify(text).slice(1, -1)
  return text.replace(/["\\\n\r\t]/g, (special) => ESCAPES[special]!)
}
const quote = (text: string): string => `"${escape(text)}"`

// Byte strings compare as their bytes do.
function sorted(texts: Iterable<string>): string[] {
  return sortedInPlace([...texts])
}
/** Most come sorted. */
function sortedInPlace(texts: string[]): string[] {
  for (let i = 1; i < texts.length; i++) if (texts[i - 1]! > texts[i]!) return texts.sort()
  return texts
}
