/**
 * What a derivation asks of whoever builds it, from its environment or from its structured attributes. What is there, and
 * what is made of values of the wrong type, is C++ Nix's (libstore/derivation-options.cc). All texts are byte strings.
 */
import { byteStringOf, textOf } from "@tvix-ts/bytes"
import { encodeNix32, hashByteString } from "@tvix-ts/hash"
import { outputKind, type Derivation } from "./derivation.ts"
import { JsonError, parseJson, type Json } from "./json.ts"
import { DerivationError, StorePathError } from "./problem.ts"
import { DERIVATION_SUFFIX, outputName, parseStorePath, STORE_DIR } from "./store-path.ts"

export interface DerivationOptions {
  readonly outputChecks: OutputChecksOf
  /** By output: whether the store paths in it are not looked for. Structured only. */
  readonly unsafeDiscardReferences: ReadonlyMap<string, boolean>
  /** Variables that are given as a file. Unstructured only. */
  readonly passAsFile: ReadonlySet<string>
  /** By file, or structured by attribute: whose closure is written there. */
  readonly exportReferencesGraph: ReadonlyMap<string, readonly InputReference[]>
  /** `__sandboxProfile`, for macOS. */
  readonly sandboxProfile: string
  /** `__noChroot` */
  readonly noChroot: boolean
  /** `__impureHostDeps`: paths of the machine, for macOS. */
  readonly impureHostDeps: ReadonlySet<string>
  /** Variables of whoever builds it, for downloads. */
  readonly impureEnvVars: ReadonlySet<string>
  /** `__darwinAllowLocalNetworking` */
  readonly allowLocalNetworking: boolean
  readonly requiredSystemFeatures: ReadonlySet<string>
  readonly preferLocalBuild: boolean
  readonly allowSubstitutes: boolean
}

/** The same checks for all outputs, or, with structured attributes, those of each. */
export type OutputChecksOf =
  | { readonly scope: "all"; readonly checks: OutputChecks }
  | { readonly scope: "each"; readonly checks: ReadonlyMap<string, OutputChecks> }

export interface OutputChecks {
  /** Whether an output may refer to itself whatever {@link allowedReferences} says. */
  readonly ignoreSelfReferences: boolean
  /** Bytes. */
  readonly maxSize?: number
  readonly maxClosureSize?: number
  /** Without, all are. */
  readonly allowedReferences?: readonly Reference[]
  readonly disallowedReferences: readonly Reference[]
  readonly allowedRequisites?: readonly Reference[]
  readonly disallowedRequisites: readonly Reference[]
}

export type InputReference =
  | { readonly kind: "path"; readonly path: string }
  /** An output whose path is not known before it is built. */
  | { readonly kind: "built"; readonly derivation: string; readonly output: string }

/** An output of the derivation itself, or an input. */
export type Reference = InputReference | { readonly kind: "output"; readonly output: string }

/** @throws {DerivationError} if an option is not of its type */
export function derivationOptions(derivation: Derivation, storeDir: string = STORE_DIR): DerivationOptions {
  const { structuredAttrs } = derivation
  const paths = new Paths(derivation, storeDir)
  const source =
    structuredAttrs === undefined ? new Variables(derivation.env, paths) : new Attributes(structuredAttrs, paths)
  return {
    outputChecks: source.outputChecks(),
    unsafeDiscardReferences: source.unsafeDiscardReferences(),
    passAsFile: source.passAsFile(),
    exportReferencesGraph: source.exportReferencesGraph(),
    sandboxProfile: source.string("__sandboxProfile") ?? "",
    noChroot: source.boolean("__noChroot") ?? false,
    impureHostDeps: source.strings("__impureHostDeps") ?? new Set(),
    impureEnvVars: source.strings("impureEnvVars") ?? new Set(),
    allowLocalNetworking: source.boolean("__darwinAllowLocalNetworking") ?? false,
    requiredSystemFeatures: source.strings("requiredSystemFeatures") ?? new Set(),
    preferLocalBuild: source.boolean("preferLocalBuild") ?? false,
    allowSubstitutes: source.boolean("allowSubstitutes") ?? true,
  }
}

/**
 * What a machine must have to build it: `requiredSystemFeatures`, and `ca-derivations` if its paths are not known yet.
 *
 * @throws {DerivationError}
 */
export function requiredSystemFeatures(
  derivation: Derivation,
  options: DerivationOptions = derivationOptions(derivation),
): ReadonlySet<string> {
  const kind = outputKind(derivation)
  if (kind === "input-addressed" || kind === "fixed") return options.requiredSystemFeatures
  return new Set([...options.requiredSystemFeatures, "ca-derivations"])
}

/**
 * What stands in a derivation for the path of an output of its input, where that is not known before it is built.
 *
 * @throws {StorePathError} if `derivation` is not a store path
 */
export function inputPlaceholder(derivation: string, output: string, storeDir: string = STORE_DIR): string {
  const { digest, name } = parseStorePath(derivation, storeDir)
  const wanted = outputName(name.slice(0, -DERIVATION_SUFFIX.length), output)
  return `/${encodeNix32(hashByteString("sha256", `nix-upstream-output:${digest}:${wanted}`))}`
}

interface Source {
  string(option: string): string | undefined
  boolean(option: string): boolean | undefined
  strings(option: string): ReadonlySet<string> | undefined
  outputChecks(): OutputChecksOf
  unsafeDiscardReferences(): ReadonlyMap<string, boolean>
  passAsFile(): ReadonlySet<string>
  exportReferencesGraph(): ReadonlyMap<string, readonly InputReference[]>
}

class Variables implements Source {
  readonly #env: ReadonlyMap<string, string>
  readonly #paths: Paths
  constructor(env: ReadonlyMap<string, string>, paths: Paths) {
    this.#env = env
    this.#paths = paths
  }

  string(option: string): string | undefined {
    return this.#env.get(option)
  }
  boolean(option: string): boolean | undefined {
    const value = this.#env.get(option)
    return value === undefined ? undefined : value === "1"
  }
  strings(option: string): ReadonlySet<string> | undefined {
    const value = this.#env.get(option)
    return value === undefined ? undefined : new Set(words(value))
  }
  #references(option: string): readonly Reference[] | undefined {
    const texts = this.strings(option)
    return texts && [...texts].sort().map((text) => this.#paths.reference(text))
  }

  outputChecks(): OutputChecksOf {
    return { scope: "all", checks: outputChecks((option) => this.#references(option), true) }
  }
  unsafeDiscardReferences(): ReadonlyMap<string, boolean> {
    return new Map()
  }
  passAsFile(): ReadonlySet<string> {
    return this.strings("passAsFile") ?? new Set()
  }
  exportReferencesGraph(): ReadonlyMap<string, readonly InputReference[]> {
    const option = "exportReferencesGraph"
    const value = this.#env.get(option) ?? ""
    const pairs = words(value)
    if (pairs.length % 2 !== 0) refuse(option, `odd number of tokens in '${option}': '${value}'`)
    const graph = new Map<string, readonly InputReference[]>()
    for (let i = 0; i < pairs.length; i += 2) {
      const file = pairs[i]!
      if (!/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(file)) refuse(option, `invalid file name '${file}' in '${option}'`)
      graph.set(file, [this.#paths.input(pairs[i + 1]!, option)])
    }
    return graph
  }
}

class Attributes implements Source {
  readonly #json: Json
  readonly #paths: Paths
  constructor(structuredAttrs: string, paths: Paths) {
    this.#json = attempt("__json", () => parseJson(textOf(structuredAttrs)))
    this.#paths = paths
  }

  #read<T>(option: string, read: (json: Json) => T): T | undefined {
    return attempt(option, () => {
      const json = this.#json.member(option)
      return json === undefined ? undefined : read(json)
    })
  }
  string(option: string): string | undefined {
    return this.#read(option, (json) => json.string())
  }
  boolean(option: string): boolean | undefined {
    return this.#read(option, (json) => json.boolean())
  }
  strings(option: string): ReadonlySet<string> | undefined {
    return this.#read(option, stringsOf)
  }

  outputChecks(): OutputChecksOf {
    const checks = this.#read("outputChecks", (json) =>
      named(json, (one) => {
        const references = (option: string): readonly Reference[] | undefined => {
          const texts = one.member(option)
          return texts && [...stringsOf(texts)].sort().map((text) => this.#paths.reference(text))
        }
        const size = (option: "maxSize" | "maxClosureSize"): Partial<OutputChecks> => {
          const bytes = one.member(option)?.count()
          return bytes === undefined ? {} : { [option]: bytes }
        }
        return { ...outputChecks(references, false), ...size("maxSize"), ...size("maxClosureSize") }
      }),
    )
    return { scope: "each", checks: checks ?? new Map() }
  }
  unsafeDiscardReferences(): ReadonlyMap<string, boolean> {
    return this.#read("unsafeDiscardReferences", (json) => named(json, (one) => one.boolean())) ?? new Map()
  }
  passAsFile(): ReadonlySet<string> {
    return new Set()
  }
  exportReferencesGraph(): ReadonlyMap<string, readonly InputReference[]> {
    const option = "exportReferencesGraph"
    const graph = this.#read(option, (json) => {
      // C++ Nix warns, and goes on as if there were none.
      if (typeof json.value !== "object" || Array.isArray(json.value)) return new Map<string, never>()
      return named(json, (one) => [...leaves(one)].sort().map((path) => this.#paths.input(path, option)))
    })
    return graph ?? new Map()
  }
}

function outputChecks(
  references: (option: string) => readonly Reference[] | undefined,
  ignoreSelfReferences: boolean,
): OutputChecks {
  const allowedReferences = references("allowedReferences")
  const allowedRequisites = references("allowedRequisites")
  return {
    ignoreSelfReferences,
    ...(allowedReferences !== undefined && { allowedReferences }),
    disallowedReferences: references("disallowedReferences") ?? [],
    ...(allowedRequisites !== undefined && { allowedRequisites }),
    disallowedRequisites: references("disallowedRequisites") ?? [],
  }
}

/** Texts that stand for inputs. */
class Paths {
  readonly #derivation: Derivation
  readonly #storeDir: string
  /** Made when it is first needed: hardly any derivation has one in its options. */
  #placeholders: Map<string, InputReference> | undefined
  constructor(derivation: Derivation, storeDir: string) {
    this.#derivation = derivation
    this.#storeDir = storeDir
  }

  reference(text: string): Reference {
    const built = this.#placeholder(text)
    if (built !== undefined) return built
    try {
      parseStorePath(text, this.#storeDir)
      return { kind: "path", path: text }
    } catch (error) {
      if (error instanceof StorePathError) return { kind: "output", output: text }
      throw error
    }
  }

  /** The store object that `text` is in. */
  input(text: string, option: string): InputReference {
    const built = this.#placeholder(text)
    if (built !== undefined) return built
    const inside = text.startsWith(`${this.#storeDir}/`) ? text.slice(this.#storeDir.length + 1) : text
    const [base = ""] = inside.split("/", 1)
    const path = inside === text ? text : `${this.#storeDir}/${base}`
    attempt(option, () => parseStorePath(path, this.#storeDir))
    return { kind: "path", path }
  }

  #placeholder(text: string): InputReference | undefined {
    if (!text.startsWith("/") || text.startsWith(`${this.#storeDir}/`)) return undefined
    if (this.#placeholders === undefined) {
      this.#placeholders = new Map()
      for (const [derivation, outputs] of this.#derivation.inputDerivations) {
        for (const output of outputs) {
          const placeholder = inputPlaceholder(derivation, output, this.#storeDir)
          this.#placeholders.set(placeholder, { kind: "built", derivation, output })
        }
      }
    }
    return this.#placeholders.get(text)
  }
}

function words(text: string): string[] {
  return text.split(/[ \t\n\r]+/).filter((word) => word !== "")
}

function stringsOf(json: Json): Set<string> {
  return new Set(json.list().map((one) => one.string()))
}

function named<T>(json: Json, read: (value: Json) => T): Map<string, T> {
  return new Map(json.members().map(([name, value]) => [byteStringOf(name), read(value)]))
}

/** The strings in lists in lists. */
function leaves(json: Json): Set<string> {
  const found = new Set<string>()
  const rest = [json]
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    if (Array.isArray(next.value)) for (const one of next.list()) rest.push(one)
    else found.add(next.string())
  }
  return found
}

function attempt<T>(option: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof JsonError || error instanceof StorePathError) refuse(option, error.message)
    throw error
  }
}

function refuse(option: string, reason: string): never {
  throw new DerivationError({ code: "option", option, reason })
}
