/**
 * Random derivations as Nix programs: each a chain in which later ones need outputs of earlier ones. All are valid; what
 * is wrong with those that are not is in packages/glue/src/vectors.json.
 */
import { digestLength, formatHash, formatPrefixedHash, type HashAlgorithm } from "@tvix-ts/hash"
import { Random } from "../random.ts"

/** Nix expressions for derivations `d0`, `d1` …, each with the outputs it has. */
export interface Chain {
  readonly derivations: readonly { readonly expression: string; readonly outputs: readonly string[] }[]
}

/** Derivations in a chain. */
export const CHAIN_LENGTH = 10

const OUTPUTS = ["out", "dev", "doc", "lib", "bin", "man", "x.y", "_1", "A"]
const NAME_CHARACTERS = Array.from("abcxyzABC0189+-._?=")
const ATTRIBUTES = [
  "buildInputs", "passAsFile", "preferLocalBuild", "allowSubstitutes", "allowedReferences", "disallowedRequisites",
  "outputChecks", "exportReferencesGraph", "impureEnvVars", "meta", "src", "version", "_", "A", "a'b", "with space",
  "outputz", "out", "dev", "é", "__noChroot", "requiredSystemFeatures", "\\\"quoted\\\"", "tab\\tnewline\\n",
] // prettier-ignore
const TEXTS = [
  "", "a", "x86_64-linux", "$out/bin", "a\\\"b", "a\\\\b", "line\\nline", "a\\tb\\rc", "é", "日本語", "\\${x}", "$$", "'", "}",
  "/nix/store", "(", "[\\\",\\\"]",
] // prettier-ignore
const NUMBERS = ["0", "1", "(-7)", "9223372036854775807", "0.5", "1.0e10", "1.5e-7", "100.0"]
const SOURCES = ["./files", "./files/search", "./sets.nix"]
const ALGORITHMS: readonly HashAlgorithm[] = ["md5", "sha1", "sha256", "sha512"]
const SYSTEMS = ["x86_64-linux", "aarch64-darwin", "builtin", "a b"]
const BUILDERS = ["/bin/sh", "builtin:fetchurl", 'b\\"', "\\n"]

export function generateChain(seed: number): Chain {
  return new Generator(new Random(seed)).chain()
}

/** The program that prints what all of a chain are. */
export function printChain({ derivations }: Chain): string {
  const bindings = derivations.map(({ expression }, index) => `d${index} = ${expression};`)
  const results = derivations.map(({ outputs }, index) => {
    const paths = outputs.map((output) => `d${index}.${JSON.stringify(output)}.outPath`)
    return `[ d${index}.drvPath ${paths.join(" ")} ]`
  })
  return `let\n${bindings.join("\n")}\nin [\n${results.join("\n")}\n]`
}

class Generator {
  readonly #random: Random
  readonly #made: { readonly expression: string; readonly outputs: readonly string[] }[] = []

  constructor(random: Random) {
    this.#random = random
  }

  chain(): Chain {
    while (this.#made.length < CHAIN_LENGTH) this.#made.push(this.#derivation())
    return { derivations: this.#made }
  }

  #derivation(): Chain["derivations"][number] {
    const random = this.#random
    const structured = random.chance(0.3)
    const attributes = new Map<string, string>()
    for (let count = random.below(8); count > 0; count--) {
      attributes.set(random.pick(ATTRIBUTES), this.#value(structured ? 3 : 2, structured))
    }
    attributes.set("name", `"${this.#name()}"`)
    attributes.set("system", `"${random.pick(SYSTEMS)}"`)
    attributes.set(
      "builder",
      this.#made.length > 0 && random.chance(0.3) ? `"\${${this.#reference()}}/sh"` : `"${random.pick(BUILDERS)}"`,
    )
    if (random.chance(0.6)) attributes.set("args", this.#list(2, false))
    if (structured) attributes.set("__structuredAttrs", "true")
    else if (random.chance(0.1)) attributes.set("__structuredAttrs", "false")
    if (random.chance(0.2)) attributes.set("__ignoreNulls", random.chance(0.7) ? "true" : "false")
    if (random.chance(0.1)) attributes.set("__contentAddressed", "false")
    let outputs = ["out"]
    if (random.chance(0.3)) this.#promise(attributes)
    else if (random.chance(0.6)) {
      outputs = OUTPUTS.filter(() => random.chance(0.4))
      if (outputs.length === 0 || random.chance(0.5)) outputs.reverse()
      if (outputs.length === 0) outputs = ["out"]
      attributes.set("outputs", `[ ${outputs.map((output) => `"${output}"`).join(" ")} ]`)
    }
    const written = [...attributes].map(([name, value]) => `"${name}" = ${value};`)
    return { expression: `derivation { ${written.join(" ")} }`, outputs }
  }

  #name(): string {
    const random = this.#random
    const length = random.chance(0.05) ? random.between(100, 200) : random.between(1, 20)
    const name = Array.from({ length }, () => random.pick(NAME_CHARACTERS)).join("")
    // Valid: not `.` or `..`, alone or before a dash, and not a derivation's.
    return /^\.\.?(-|$)/.test(name) || name.endsWith(".drv") ? `x${name}x` : name
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
    }
    if (random.chance(0.7)) attributes.set("outputHashMode", `"${random.pick(["flat", "recursive", "nar"])}"`)
  }

  #value(depth: number, structured: boolean): string {
    const random = this.#random
    switch (random.below(depth > 0 ? 10 : 7)) {
      case 0:
        return random.pick(NUMBERS)
      case 1:
        return random.pick(["true", "false", "null"])
      case 2:
        return random.chance(0.3) ? this.#object() : `"${random.pick(TEXTS)}"`
      case 3:
      case 4:
        return this.#reference()
      case 5:
        return this.#text()
      case 6:
        // A byte that is not UTF-8 has no place in JSON.
        return structured ? `"${random.pick(TEXTS)}"` : '(builtins.substring 0 1 "é")'
      case 7:
        return structured ? this.#set(depth) : `{ outPath = ${this.#reference()}; }`
      default:
        return this.#list(depth, structured)
    }
  }

  #list(depth: number, structured: boolean): string {
    const items = Array.from({ length: this.#random.below(4) }, () => this.#value(depth - 1, structured))
    return `[ ${items.join(" ")} ]`
  }

  #set(depth: number): string {
    const random = this.#random
    const members = new Map<string, string>()
    for (let count = random.below(4); count > 0; count--) {
      members.set(random.pick(ATTRIBUTES), this.#value(depth - 1, true))
    }
    return `{ ${[...members].map(([name, value]) => `"${name}" = ${value};`).join(" ")} }`
  }

  /** A string made of several things. */
  #text(): string {
    const random = this.#random
    const parts = Array.from({ length: random.between(1, 4) }, () =>
      random.chance(0.5) ? random.pick(TEXTS) : `\${${this.#reference()}}`,
    )
    return `"${parts.join(" ")}"`
  }

  /** An output of an earlier derivation, if there is one. */
  #reference(): string {
    const random = this.#random
    const index = random.below(Math.max(1, this.#made.length))
    const needed = this.#made[index]
    if (needed === undefined) return this.#object()
    if (random.chance(0.2)) return `d${index}`
    if (random.chance(0.1)) return `(builtins.unsafeDiscardOutputDependency d${index}.drvPath)`
    return `d${index}."${random.pick(needed.outputs)}"`
  }

  /** Something in the store that is not built. */
  #object(): string {
    const random = this.#random
    switch (random.below(4)) {
      case 0:
        return `(builtins.toFile "${this.#name()}" "${random.pick(TEXTS)}")`
      case 1:
        return `(builtins.toFile "${this.#name()}" "\${${random.pick(SOURCES)}} ${random.pick(TEXTS)}")`
      case 2:
        return `(builtins.path { path = ${random.pick(SOURCES)}; name = "${this.#name()}"; })`
      default:
        return `"\${${random.pick(SOURCES)}}"`
    }
  }
}
