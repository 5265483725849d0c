/**
 * Derivations as `nix derivation show` prints them. Two versions of the format are in use, and both are read and written:
 *
 *     4   C++ Nix 2.33 and newer: store paths without the store directory, `inputs` in one object, `structuredAttrs` as
 *         they are
 *     2   C++ Nix 2.23 to 2.31, which does not write the number: whole paths, `inputDrvs` and `inputSrcs`, structured
 *         attributes in the variable `__json`, the path of a fixed output beside its hash
 *
 * Version 3 was a step between the two, and only 2.32 has it. Source: libstore/derivations.cc, and
 * protocols/json/schema/derivation-v4.yaml of the manual. All texts are byte strings.
 */
import { byteStringOf, encodeHex, isUtf8, textOf } from "@tvix-ts/bytes"
import {
  formatHash,
  HashError,
  parseBareHash,
  parseHashAlgorithm,
  parseSriHash,
  type Hash,
  type HashAlgorithm,
} from "@tvix-ts/hash"
import { JSON_VARIABLE } from "./aterm.ts"
import { DYNAMIC_DEPTH_MAX, type Derivation, type DerivationOutput, type DynamicInput } from "./derivation.ts"
import { jsonObjectProblem, parseJson, type Json } from "./json.ts"
import { quoteJsonText, readJsonText, writeJsonText, type JsonText } from "./json-text.ts"
import { DerivationError, StorePathError } from "./problem.ts"
import { fixedOutputPath, outputName, parseStorePath, STORE_DIR, type HashMethod } from "./store-path.ts"

export type DerivationJsonVersion = 2 | 4
/** What is written unless another is asked for. */
const VERSION = 4

export interface DerivationJsonOptions {
  /** Default: 4. */
  readonly version?: DerivationJsonVersion
  /** Blanks a level; without, everything is on one line. */
  readonly indent?: number
  readonly storeDir?: string
}

/** @throws {DerivationError} if something in it is not UTF-8, which JSON has to be */
export function derivationJson(derivation: Derivation, options: DerivationJsonOptions = {}): string {
  return writeJsonText(jsonOf(derivation, options), options.indent)
}

/**
 * What `nix derivation show` prints of derivations, by their paths and without the newline, in pieces: it can be long.
 *
 * @param derivations in the order of their base names
 */
export function* derivationsJson(
  derivations: Iterable<readonly [path: string, derivation: Derivation]>,
  { indent, storeDir = STORE_DIR }: Omit<DerivationJsonOptions, "version"> = {},
): Generator<string> {
  const line = (level: number): string => (indent === undefined ? "" : `\n${" ".repeat(indent * level)}`)
  const colon = indent === undefined ? ":" : ": "
  let separator = ""
  yield `{${line(1)}"derivations"${colon}{`
  for (const [path, derivation] of derivations) {
    const name = quoteJsonText(baseOf(path, storeDir))
    const written = writeJsonText(jsonOf(derivation, { storeDir }), indent, 2)
    yield `${separator}${line(2)}${name}${colon}${written}`
    separator = ","
  }
  yield `${separator === "" ? "" : line(1)}},${line(1)}"version"${colon}${VERSION}${line(0)}}`
}

function jsonOf(derivation: Derivation, { version = VERSION, storeDir = STORE_DIR }: DerivationJsonOptions): JsonText {
  const writer = new Writer(version, storeDir)
  const { name, structuredAttrs } = derivation
  const env = new Map(derivation.env)
  if (env.has(JSON_VARIABLE)) throw new DerivationError({ code: "json-variable" })
  if (version === 2 && structuredAttrs !== undefined) env.set(JSON_VARIABLE, structuredAttrs)
  const drvs = writer.inputs(derivation)
  const srcs = [...derivation.inputSources].sort().map((path) => writer.path(path))
  const json = new Map<string, JsonText>([
    ["name", writer.string(name, "the name")],
    ["outputs", mapped(derivation.outputs, (output) => writer.output(output))],
    ["system", writer.string(derivation.system, "the system")],
    ["builder", writer.string(derivation.builder, "the builder")],
    ["args", derivation.args.map((arg, i) => writer.string(arg, `argument ${i + 1}`))],
    ["env", mapped(env, (value, variable) => writer.string(value, `variable '${variable}'`))],
  ])
  if (version === 2) return json.set("inputDrvs", drvs).set("inputSrcs", srcs)
  json.set("inputs", new Map<string, JsonText>([["drvs", drvs], ["srcs", srcs]])) // prettier-ignore
  json.set("version", String(version))
  if (structuredAttrs !== undefined) json.set("structuredAttrs", readJsonText(structuredAttrs))
  return json
}

/** As it is: not all that a path may have in it is in its parts. */
function baseOf(path: string, storeDir: string): string {
  parseStorePath(path, storeDir)
  return path.slice(storeDir.length + 1)
}

class Writer {
  readonly #version: DerivationJsonVersion
  readonly #storeDir: string
  constructor(version: DerivationJsonVersion, storeDir: string) {
    this.#version = version
    this.#storeDir = storeDir
  }

  string(text: string, part: string): JsonText {
    if (!isUtf8(text)) throw new DerivationError({ code: "json-utf8", part })
    return quoteJsonText(text)
  }

  path(path: string): JsonText {
    return quoteJsonText(this.#written(path))
  }
  #written(path: string): string {
    return this.#version === 2 ? path : baseOf(path, this.#storeDir)
  }

  inputs({ inputDerivations, dynamicInputs }: Derivation): JsonText {
    const inputs = new Map<string, JsonText>()
    for (const [path, outputs] of inputDerivations) {
      inputs.set(this.#written(path), this.#input(outputs, dynamicInputs?.get(path)))
    }
    return inputs
  }

  #input(outputs: ReadonlySet<string>, dynamic: DynamicInput["dynamic"] = new Map()): JsonText {
    return new Map<string, JsonText>([
      ["outputs", [...outputs].sort().map((output) => this.string(output, "an input"))],
      ["dynamicOutputs", mapped(dynamic, (input) => this.#input(input.outputs, input.dynamic))],
    ])
  }

  output(output: DerivationOutput): JsonText {
    switch (output.kind) {
      case "input-addressed":
        return new Map([["path", this.path(output.path)]])
      case "fixed":
        return this.#fixed(output)
      case "floating":
      case "impure": {
        const json = hashJson(output.method, output.algorithm)
        return output.kind === "impure" ? json.set("impure", "true") : json
      }
      case "deferred":
        return new Map()
    }
  }

  #fixed({ path, method, hash }: DerivationOutput & { readonly kind: "fixed" }): JsonText {
    if (this.#version === 2) {
      const json = hashJson(method, hash.algorithm)
      return json.set("path", this.path(path)).set("hash", quoteJsonText(encodeHex(hash.digest)))
    }
    return new Map([["method", quoteJsonText(method)], ["hash", quoteJsonText(formatHash(hash, "sri"))]]) // prettier-ignore
  }
}

function hashJson(method: HashMethod, algorithm: HashAlgorithm): Map<string, JsonText> {
  return new Map([["method", quoteJsonText(method)], ["hashAlgo", quoteJsonText(algorithm)]]) // prettier-ignore
}

/** With names that are UTF-8. */
function mapped<T>(map: ReadonlyMap<string, T>, write: (value: T, name: string) => JsonText): Map<string, JsonText> {
  const json = new Map<string, JsonText>()
  for (const [name, value] of map) {
    if (!isUtf8(name)) throw new DerivationError({ code: "json-utf8", part: `the name '${name}'` })
    json.set(name, write(value, name))
  }
  return json
}

/**
 * Reads what {@link derivationJson} and C++ Nix write. The paths of fixed outputs follow from their hashes; whether other
 * paths are right is for checkDerivation to say.
 *
 * @param text a byte string
 * @throws {JsonError} which says where
 */
export function parseDerivationJson(text: string, storeDir: string = STORE_DIR): Derivation {
  const json = parseJson(textOf(text))
  const version = json.member("version")
  if (version !== undefined && version.value !== 4) version.refuse("4, or none at all for the format of Nix 2.26")
  const reader = new Reader(version === undefined ? 2 : 4, storeDir)
  const name = json.required("name").string()
  const inputs = version === undefined ? json : json.required("inputs")
  const env = namedValues(json.required("env"), (value) => value.string())
  const structuredAttrs =
    version === undefined ? reader.jsonVariable(json.required("env"), env) : structuredAttrsOf(json, env, text)
  return {
    name,
    outputs: namedValues(json.required("outputs"), (output, one) => reader.output(output, name, one)),
    ...reader.inputs(inputs.required(version === undefined ? "inputDrvs" : "drvs")),
    inputSources: new Set(
      inputs
        .required(version === undefined ? "inputSrcs" : "srcs")
        .list()
        .map((source) => reader.path(source)),
    ),
    system: json.required("system").string(),
    builder: json.required("builder").string(),
    args: json
      .required("args")
      .list()
      .map((arg) => arg.string()),
    env,
    ...(structuredAttrs !== undefined && { structuredAttrs }),
  }
}

/** As they are written, which is not what they are parsed to: that has no integers above 2^53. */
function structuredAttrsOf(json: Json, env: ReadonlyMap<string, string>, text: string): string | undefined {
  if (env.has(JSON_VARIABLE)) json.required("env").refuse(`no variable ${JSON_VARIABLE}`)
  const attrs = json.member("structuredAttrs")
  if (attrs === undefined) return undefined
  attrs.members()
  return writeJsonText((readJsonText(text) as ReadonlyMap<string, JsonText>).get("structuredAttrs")!)
}

class Reader {
  readonly #version: DerivationJsonVersion
  readonly #storeDir: string
  constructor(version: DerivationJsonVersion, storeDir: string) {
    this.#version = version
    this.#storeDir = storeDir
  }

  path(json: Json): string {
    return this.#path(json, json.string())
  }
  #path(json: Json, text: string): string {
    const path = this.#version === 2 ? text : `${this.#storeDir}/${text}`
    checked(json, "a store path", () => parseStorePath(path, this.#storeDir))
    return path
  }

  output(json: Json, derivation: string, output: string): DerivationOutput {
    const members = json
      .members()
      .map(([name]) => name)
      .sort()
      .join()
    switch (members) {
      case "":
        return { kind: "deferred" }
      case "path":
        return { kind: "input-addressed", path: this.path(json.required("path")) }
      case "hashAlgo,method":
        return { kind: "floating", method: methodOf(json), algorithm: algorithmOf(json) }
      case "hashAlgo,impure,method":
        if (json.required("impure").value !== true) json.required("impure").refuse("true")
        return { kind: "impure", method: methodOf(json), algorithm: algorithmOf(json) }
      case this.#version === 2 ? "hash,hashAlgo,method,path" : "hash,method": {
        const method = methodOf(json)
        const hash = this.#hash(json)
        const name = outputName(derivation, output)
        const path = checked(json, "a hash", () => fixedOutputPath(name, method, hash, this.#storeDir))
        if (this.#version === 2 && this.path(json.required("path")) !== path) json.required("path").refuse(path)
        return { kind: "fixed", path, method, hash }
      }
      default:
        return json.refuse("an output: a path, or method and hash, or method and hashAlgo, or nothing")
    }
  }

  #hash(json: Json): Hash {
    const written = json.required("hash")
    return checked(written, "a hash", () =>
      this.#version === 2 ? parseBareHash(written.string(), algorithmOf(json)) : parseSriHash(written.string()),
    )
  }

  inputs(json: Json): Pick<Derivation, "inputDerivations" | "dynamicInputs"> {
    const inputDerivations = new Map<string, ReadonlySet<string>>()
    const dynamicInputs = new Map<string, ReadonlyMap<string, DynamicInput>>()
    for (const [name, input] of json.members()) {
      const path = this.#path(input, byteStringOf(name))
      const { outputs, dynamic } = inputOf(input, 0)
      inputDerivations.set(path, outputs)
      if (dynamic !== undefined) dynamicInputs.set(path, dynamic)
    }
    return { inputDerivations, ...(dynamicInputs.size > 0 && { dynamicInputs }) }
  }

  /** Taken out of `env`. */
  jsonVariable(json: Json, env: Map<string, string>): string | undefined {
    const written = env.get(JSON_VARIABLE)
    if (written === undefined) return undefined
    env.delete(JSON_VARIABLE)
    const reason = jsonObjectProblem(written)
    return reason === undefined ? written : json.required(JSON_VARIABLE).refuse(`a JSON object (${reason})`)
  }
}

function inputOf(json: Json, depth: number): DynamicInput {
  const outputs = new Set(
    json
      .required("outputs")
      .list()
      .map((output) => output.string()),
  )
  const nested = json.required("dynamicOutputs")
  if (nested.members().length === 0) return { outputs }
  if (depth === DYNAMIC_DEPTH_MAX) nested.refuse(`no more than ${DYNAMIC_DEPTH_MAX} in each other`)
  return { outputs, dynamic: namedValues(nested, (input) => inputOf(input, depth + 1)) }
}

const METHODS: ReadonlySet<string> = new Set<HashMethod>(["flat", "nar", "text", "git"])
function methodOf(json: Json): HashMethod {
  const written = json.required("method")
  const method = written.string()
  return METHODS.has(method) ? (method as HashMethod) : written.refuse("flat, nar, text or git")
}

function algorithmOf(json: Json): HashAlgorithm {
  const written = json.required("hashAlgo")
  return checked(written, "a hash algorithm", () => parseHashAlgorithm(written.string()))
}

function namedValues<T>(json: Json, read: (value: Json, name: string) => T): Map<string, T> {
  const values = new Map<string, T>()
  for (const [text, value] of json.members()) {
    const name = byteStringOf(text)
    values.set(name, read(value, name))
  }
  return values
}

function checked<T>(json: Json, expected: string, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (!(error instanceof StorePathError) && !(error instanceof HashError)) throw error
    return json.refuse(`${expected} (${error.message})`)
  }
}
