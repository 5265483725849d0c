/**
 * Random derivations as Nix programs: each a chain in which later ones need outputs of earlier ones. All are valid; those
 * that are not are made by invalid.ts.
 */
import { digestLength, formatHash, formatPrefixedHash, type HashAlgorithm } from "@tvix-ts/hash"
import { Random } from "../random.ts"
import { ValueGenerator, type Made } from "./values.ts"

/** Nix expressions for derivations `d0`, `d1` …, each with the outputs it has. */
export interface Chain {
  readonly derivations: readonly Made[]
}

/** Derivations in a chain. */
export const CHAIN_LENGTH = 10

const OUTPUTS = ["out", "dev", "doc", "lib", "bin", "man", "x.y", "_1", "A", "a+b?c=d"]
const NAME_CHARACTERS = Array.from("abcxyzABC0189+-._?=")
const ALGORITHMS: readonly HashAlgorithm[] = ["md5", "sha1", "sha256", "sha512"]
const SYSTEMS = ["x86_64-linux", "aarch64-darwin", "builtin", "a b", ""]
const BUILDERS = ["/bin/sh", "builtin:fetchurl", 'b\\"', "\\n", ""]
/** Bytes in a name at most, without `.drv`, and without what the longest of {@link OUTPUTS} adds. */
const NAME_LENGTH_MAX = 211 - ".drv".length - "-a+b?c=d".length

/** @param length how many derivations */
export function generateChain(seed: number, length = CHAIN_LENGTH): Chain {
  return new Generator(new Random(seed)).chain(length)
}

/** The program, on one line, whose value is what all of a chain are: a string of JSON. */
export function printChain({ derivations }: Chain): string {
  const bindings = derivations.map(({ expression }, index) => `d${index} = ${expression};`)
  const results = derivations.map(({ outputs }, index) => {
    const paths = outputs.map((output) => `d${index}.${JSON.stringify(output)}.outPath`)
    return `[ d${index}.drvPath ${paths.join(" ")} ]`
  })
  return `let ${bindings.join(" ")} in builtins.toJSON [ ${results.join(" ")} ]`
}

class Generator {
  readonly #random: Random
  readonly #made: Made[] = []
  readonly #values: ValueGenerator

  constructor(random: Random) {
    this.#random = random
    this.#values = new ValueGenerator(random, this.#made, () => this.#name())
  }

  chain(length: number): Chain {
    while (this.#made.length < length) this.#made.push(this.#derivation())
    return { derivations: this.#made }
  }

  #derivation(): Made {
    const random = this.#random
    const values = this.#values
    const structured = random.chance(0.3)
    const attributes = values.attributes(structured)
    attributes.set("name", `"${this.#name()}"`)
    attributes.set("system", `"${random.pick(SYSTEMS)}"`)
    attributes.set(
      "builder",
      this.#made.length > 0 && random.chance(0.3) ? `"\${${values.reference()}}/sh"` : `"${random.pick(BUILDERS)}"`,
    )
    if (attributes.get("builder") === '""') attributes.set("builder", '"/bin/sh"')
    if (attributes.get("system") === '""') attributes.set("system", '"i686-linux"')
    if (random.chance(0.6)) attributes.set("args", values.list(2, false))
    if (structured) attributes.set("__structuredAttrs", "true")
    else if (random.chance(0.1)) attributes.set("__structuredAttrs", "false")
    else if (random.chance(0.05)) attributes.set("__json", `(builtins.toJSON ${values.plainSet(3)})`)
    if (random.chance(0.2)) attributes.set("__ignoreNulls", random.chance(0.7) ? "true" : "false")
    if (random.chance(0.1)) attributes.set("__contentAddressed", "false")
    if (random.chance(0.05)) attributes.set("__impure", "false")
    let outputs = ["out"]
    if (random.chance(0.3)) this.#promise(attributes)
    else if (random.chance(0.6)) {
      outputs = OUTPUTS.filter(() => random.chance(0.4)).sort(() => random.fraction() - 0.5)
      if (outputs.length === 0) outputs = ["out"]
      attributes.set("outputs", `[ ${outputs.map((output) => `"${output}"`).join(" ")} ]`)
    }
    const written = [...attributes].map(([name, value]) => `"${name}" = ${value};`)
    return { expression: `derivation { ${written.join(" ")} }`, outputs }
  }

  #name(): string {
    const random = this.#random
    const length = random.chance(0.08) ? random.between(150, NAME_LENGTH_MAX + 1) : random.between(1, 20)
    const name = Array.from({ length }, () => random.pick(NAME_CHARACTERS)).join("")
    // Valid: not `.` or `..`, alone or before a dash, and not a derivation's.
    return /^\.\.?(-|$)/.test(name) || name.endsWith(".drv") ? `x${name.slice(0, -2)}x` : name
  }

  /** Attributes of a fixed output. */
  #promise(attributes: Map<string, string>): void {
    const random = this.#random
    const algorithm = random.pick(ALGORITHMS)
    const digest = Uint8Array.from({ length: digestLength[algorithm] }, () => random.below(256))
    const hash = { algorithm, digest }
    const format = random.pick(["base16", "nix32", "base64", "sri"] as const)
    const bare = format !== "sri" && random.chance(0.5)
    const text = bare ? formatHash(hash, format) : formatPrefixedHash(hash, format)
    attributes.set("outputHash", random.chance(0.05) ? '""' : `"${text}"`)
    if (bare || attributes.get("outputHash") === '""' || random.chance(0.5)) {
      attributes.set("outputHashAlgo", `"${algorithm}"`)
    } else if (random.chance(0.3)) attributes.set("outputHashAlgo", `"${random.pick(["", "none", "SHA256"])}"`)
    if (random.chance(0.7)) attributes.set("outputHashMode", `"${random.pick(["flat", "recursive", "nar"])}"`)
  }
}
