/** Random values of the attributes of derivations, most of which refer to the store in one way or another. */
import type { Random } from "../random.ts"

/** A derivation that others can need. */
export interface Made {
  readonly expression: string
  readonly outputs: readonly string[]
}

const ATTRIBUTES = [
  "buildInputs", "passAsFile", "preferLocalBuild", "allowSubstitutes", "allowedReferences", "disallowedRequisites",
  "allowedRequisites", "disallowedReferences", "maxSize", "maxClosureSize", "outputChecks", "exportReferencesGraph",
  "impureEnvVars", "meta", "src", "version", "_", "A", "a'b", "with space", "outputz", "out", "dev", "é", "__noChroot",
  "requiredSystemFeatures", "\\\"quoted\\\"", "tab\\tnewline\\n", "unsafeDiscardReferences", "__sandboxProfile",
  "__impureHostDeps", "__darwinAllowLocalNetworking", "zz", "name.with.dots", "args0", "",
] // prettier-ignore
const TEXTS = [
  "", "a", "x86_64-linux", "$out/bin", "a\\\"b", "a\\\\b", "line\\nline", "a\\tb\\rc", "é", "日本語", "\\${x}", "$$", "'", "}",
  "/nix/store", "(", "[\\\",\\\"]", "/nix/store/00000000000000000000000000000000-x", "a b  c", "\\u0041",
] // prettier-ignore
const NUMBERS = [
  "0", "1", "(-7)", "9223372036854775807", "(-9223372036854775807)", "0.5", "1.0e10", "1.5e-7", "100.0", "1.0e300",
  "0.1", "(1.0 / 3)", "(-0.0)",
] // prettier-ignore
const SOURCES = ["./files", "./files/search", "./sets.nix", "./files/tree", "./files/tree/dir", "./files/tree/file"]
const PLACEHOLDERS = ["out", "dev", "x.y", ""]

export class ValueGenerator {
  readonly #random: Random
  readonly #made: readonly Made[]
  readonly #name: () => string

  /**
   * @param made what can be needed: `d0`, `d1` …
   * @param name makes names of store objects
   */
  constructor(random: Random, made: readonly Made[], name: () => string) {
    this.#random = random
    this.#made = made
    this.#name = name
  }

  /** Attributes without a meaning of their own, or with one that only builds know. */
  attributes(structured: boolean): Map<string, string> {
    const random = this.#random
    const attributes = new Map<string, string>()
    for (let count = random.below(8); count > 0; count--) {
      attributes.set(random.pick(ATTRIBUTES), this.value(structured ? 3 : 2, structured))
    }
    if (random.chance(0.02)) attributes.set("big", this.#bigText())
    if (!structured && random.chance(0.05)) {
      attributes.set("passAsFile", `[ ${[...attributes.keys()].map((name) => `"${name}"`).join(" ")} ]`)
    }
    return attributes
  }

  /** @param structured whether it becomes JSON: sets and functions of sets differ */
  value(depth: number, structured: boolean): string {
    const random = this.#random
    switch (random.below(depth > 0 ? 13 : 9)) {
      case 0:
        return random.pick(NUMBERS)
      case 1:
        return random.pick(["true", "false", "null"])
      case 2:
        return random.chance(0.3) ? this.#object() : `"${random.pick(TEXTS)}"`
      case 3:
      case 4:
        return this.reference()
      case 5:
        return this.#text()
      case 6:
        // A byte that is not UTF-8 has no place in JSON.
        return structured ? `"${random.pick(TEXTS)}"` : `(builtins.substring ${random.below(2)} 1 "é")`
      case 7:
      case 8:
        return this.#derivedText()
      case 9:
        return structured
          ? this.set(depth)
          : random.pick([`{ outPath = ${this.reference()}; }`, `{ __toString = self: ${this.#text()}; }`])
      default:
        return this.list(depth, structured)
    }
  }

  list(depth: number, structured: boolean): string {
    const items = Array.from({ length: this.#random.below(4) }, () => this.value(depth - 1, structured))
    return `[ ${items.join(" ")} ]`
  }

  set(depth: number): string {
    return this.#random.chance(0.1) ? `{ __toString = self: ${this.#text()}; other = 1; }` : this.plainSet(depth)
  }

  /** One that is a set in JSON, too. */
  plainSet(depth: number): string {
    const random = this.#random
    const members = new Map<string, string>()
    for (let count = random.below(4); count > 0; count--) {
      members.set(random.pick(ATTRIBUTES), this.value(depth - 1, true))
    }
    return `{ ${[...members].map(([name, value]) => `"${name}" = ${value};`).join(" ")} }`
  }

  /** An output of an earlier derivation, or its file, if there is one. */
  reference(): string {
    const random = this.#random
    const index = random.below(Math.max(1, this.#made.length))
    const needed = this.#made[index]
    if (needed === undefined) return this.#object()
    switch (random.below(10)) {
      case 0:
      case 1:
        return `d${index}`
      case 2:
        // All of its closure.
        return `d${index}.drvPath`
      case 3:
        return `(builtins.unsafeDiscardOutputDependency d${index}.drvPath)`
      case 4: {
        const bare = `(builtins.unsafeDiscardStringContext d${index}.drvPath)`
        const plain = `(builtins.unsafeDiscardOutputDependency d${index}.drvPath)`
        return random.pick([
          `(builtins.addDrvOutputDependencies ${plain})`,
          `(builtins.unsafeDiscardStringContext d${index}.outPath)`,
          `(builtins.appendContext "x" (builtins.getContext d${index}.outPath))`,
          `(builtins.appendContext "" { "\${${bare}}" = { outputs = [ "${random.pick(needed.outputs)}" ]; }; })`,
          `(builtins.appendContext "p" { "\${${bare}}".path = true; })`,
          `(builtins.appendContext "q" { "\${${bare}}".allOutputs = true; })`,
        ])
      }
      default:
        return `d${index}."${random.pick(needed.outputs)}"`
    }
  }

  /** A string made of several things. */
  #text(): string {
    const random = this.#random
    const parts = Array.from({ length: random.between(1, 4) }, () =>
      random.chance(0.5) ? random.pick(TEXTS) : `\${${this.reference()}}`,
    )
    return `"${parts.join(" ")}"`
  }

  /** A string that builtins make of others, which keeps what they refer to, or not. */
  #derivedText(): string {
    const random = this.#random
    const text = this.#text()
    switch (random.below(14)) {
      case 0:
        return `(builtins.substring ${random.below(60)} ${random.pick(["0", "1", "50", "(-1)"])} ${text})`
      case 1:
        return `(builtins.replaceStrings [ "/nix" "a" ] [ "x" ${this.#text()} ] ${text})`
      case 2:
        return `(builtins.concatStringsSep ${this.#text()} [ ${text} "b" ${this.#text()} ])`
      case 3:
        return `(builtins.toJSON [ ${text} { a = ${this.reference()}; } ])`
      case 4:
        return `(builtins.toXML { a = ${text}; })`
      case 5:
        return `(builtins.hashString "${random.pick(["md5", "sha1", "sha256", "sha512"])}" ${text})`
      case 6:
        return `(builtins.baseNameOf ${text})`
      case 7:
        return `(dirOf ${text})`
      case 8:
        return `(builtins.elemAt (builtins.split " " ${text}) 0)`
      case 9:
        return `(builtins.placeholder "${random.pick(PLACEHOLDERS)}")`
      case 10:
        return `(builtins.readFile ${this.#file()})`
      case 11:
        return `(toString [ ${text} ${this.reference()} ])`
      case 12:
        return `(builtins.fromJSON (builtins.unsafeDiscardStringContext (builtins.toJSON "\${${this.#object()}}")))`
      default:
        return `(${text} + ${this.#text()})`
    }
  }

  /** A text file in the store that refers to no derivation. */
  #file(): string {
    const random = this.#random
    const contents = random.chance(0.5) ? `"${random.pick(TEXTS)}"` : `"\${${this.#object()}} ${random.pick(TEXTS)}"`
    return `(builtins.toFile "${this.#name()}" ${contents})`
  }

  /** Something in the store that is not built. */
  #object(): string {
    const random = this.#random
    const source = random.pick(SOURCES)
    switch (random.below(8)) {
      case 0:
        return `(builtins.toFile "${this.#name()}" "${random.pick(TEXTS)}")`
      case 1:
        return `(builtins.toFile "${this.#name()}" "\${${source}} ${random.pick(TEXTS)}")`
      case 2:
        return `(builtins.path { path = ${source}; name = "${this.#name()}"; })`
      case 3: {
        const filter = random.pick([
          "p: t: true",
          "p: t: false",
          't: p: p != "symlink"',
          'p: t: t == "directory" || baseNameOf p == "found.nix"',
          "p: t: builtins.stringLength (baseNameOf p) > 4",
        ])
        return `(builtins.path { path = ./files; filter = ${filter}; })`
      }
      case 4:
        return `(builtins.filterSource (p: t: t != "regular") ${random.pick(["./files", "./files/tree"])})`
      case 5:
        return `(builtins.path { path = ./files/hello.txt; recursive = ${random.pick(["true", "false"])}; })`
      default:
        return `"\${${source}}"`
    }
  }

  /** Some 100 kB. */
  #bigText(): string {
    const text = this.#random.pick(TEXTS)
    return `(builtins.concatStringsSep "${text}" (builtins.genList (n: toString n) 20000))`
  }
}
