/**
 * What a builder finds in its environment, and in files beside: the attributes of a derivation, as C++ Nix gives them
 * (libstore/build/derivation-env-desugar.cc, libstore/parsed-derivations.cc, libstore/unix/build/derivation-builder.cc).
 * All texts are byte strings.
 */
import { encodeNix32, hashByteString } from "@tvix-ts/hash"
import {
  isJsonArray,
  jsonTextString,
  quoteJsonText,
  readJsonText,
  writeJsonText,
  type Derivation,
  type DerivationOptions,
  type JsonText,
} from "@tvix-ts/nix-compat"

export interface BuilderSettings {
  readonly storeDir: string
  /** The folder that it is started in, and that is gone afterwards: an absolute path, as the builder sees it. */
  readonly buildDir: string
  /** How many processors it may use. */
  readonly cores: number
  /** The machine's environment, of which downloads may see what they ask for. */
  readonly impure: (name: string) => string | undefined
  /** What is written for `exportReferencesGraph`: the text of a file, or with structured attributes a member. */
  readonly graphs: ReadonlyMap<string, string>
}

export interface BuilderEnvironment {
  readonly variables: ReadonlyMap<string, string>
  /** In {@link BuilderSettings.buildDir}. */
  readonly files: ReadonlyMap<string, string>
}

export function builderEnvironment(
  derivation: Derivation,
  options: DerivationOptions,
  settings: BuilderSettings,
): BuilderEnvironment {
  const { storeDir, buildDir, cores, impure, graphs } = settings
  const isFixed = [...derivation.outputs.values()].some(({ kind }) => kind === "fixed")
  const files = new Map<string, string>()
  const variables = new Map([
    // Shells that find none make one up.
    ["PATH", "/path-not-set"],
    // Programs that find none look into /etc/passwd.
    ["HOME", "/homeless-shelter"],
    ["NIX_STORE", storeDir],
    ["NIX_BUILD_CORES", String(cores)],
  ])
  const inFile = (variable: string, file: string, contents: string): void => {
    files.set(file, contents)
    variables.set(variable, `${buildDir}/${file}`)
  }
  if (derivation.structuredAttrs === undefined) {
    for (const [name, value] of derivation.env) {
      if (!options.passAsFile.has(name)) variables.set(name, value)
      else inFile(`${name}Path`, `.attr-${encodeNix32(hashByteString("sha256", name))}`, value)
    }
    for (const [file, text] of graphs) files.set(file, text)
  } else {
    const json = structuredAttributes(derivation, derivation.structuredAttrs, graphs)
    inFile("NIX_ATTRS_SH_FILE", ".attrs.sh", shellDeclarations(json))
    inFile("NIX_ATTRS_JSON_FILE", ".attrs.json", writeJsonText(json))
  }
  variables.set("NIX_BUILD_TOP", buildDir)
  for (const name of ["TMPDIR", "TEMPDIR", "TMP", "TEMP", "PWD"]) variables.set(name, buildDir)
  if (isFixed) {
    variables.set("NIX_OUTPUT_CHECKED", "1")
    for (const name of options.impureEnvVars) variables.set(name, impure(name) ?? "")
  }
  variables.set("NIX_LOG_FD", "2")
  variables.set("TERM", "xterm-256color")
  return { variables, files }
}

/** What stands for the path of an output in what its own derivation says. */
export function outputPlaceholder(output: string): string {
  return `/${encodeNix32(hashByteString("sha256", `nix-output:${output}`))}`
}

type JsonObject = ReadonlyMap<string, JsonText>

function structuredAttributes(
  { outputs }: Derivation,
  structuredAttrs: string,
  graphs: ReadonlyMap<string, string>,
): JsonObject {
  const json = new Map(readJsonText(structuredAttrs) as JsonObject)
  json.set("outputs", new Map([...outputs.keys()].map((name) => [name, quoteJsonText(outputPlaceholder(name))])))
  for (const [name, text] of graphs) json.set(name, readJsonText(text))
  return json
}

const SHELL_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

/** For shells: variables, arrays and associative arrays. What none of these can hold is left out. */
function shellDeclarations(json: JsonObject): string {
  let text = ""
  for (const [name, value] of sortedMembers(json)) {
    if (!SHELL_NAME.test(name)) continue
    if (typeof value === "string") {
      const simple = shellWord(value)
      if (simple !== undefined) text += `declare ${name}=${simple}\n`
    } else if (isJsonArray(value)) {
      const words = value.map(shellWord)
      if (!words.includes(undefined)) text += `declare -a ${name}=(${words.map((word) => `${word} `).join("")})\n`
    } else {
      const members = sortedMembers(value).map(([key, member]) => [quoteForShell(key), shellWord(member)])
      if (members.some(([, word]) => word === undefined)) continue
      text += `declare -A ${name}=(${members.map(([key, word]) => `[${key}]=${word} `).join("")})\n`
    }
  }
  return text
}

function sortedMembers(object: JsonObject): (readonly [name: string, value: JsonText])[] {
  return [...object].sort(([a], [b]) => (a < b ? -1 : 1))
}

/** Undefined for what is no text, number, Boolean or null, and for fractions. */
function shellWord(json: JsonText): string | undefined {
  const text = jsonTextString(json)
  if (text !== undefined) return quoteForShell(text)
  switch (json) {
    case "null":
      return "''"
    case "true":
      return "1"
    case "false":
      return ""
  }
  return typeof json === "string" ? shellNumber(json) : undefined
}

const INT_MIN = -(2 ** 31)

/** C++ Nix looks at a number as a float of 32 bits, and writes an integer of as many. */
function shellNumber(json: string): string | undefined {
  // What is beyond its integers is a float to its library.
  if (/^-?[0-9]+$/.test(json) && BigInt(json) >= -(2n ** 63n) && BigInt(json) < 2n ** 64n) {
    return String(BigInt.asIntN(32, BigInt(json)))
  }
  const value = Number(json)
  const float = Math.fround(value)
  if (Number.isFinite(float) && !Number.isInteger(float)) return undefined
  const whole = Math.trunc(value)
  // What the processor makes of it where there is no such integer.
  return String(whole >= INT_MIN && whole < -INT_MIN ? whole || 0 : INT_MIN)
}

function quoteForShell(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
