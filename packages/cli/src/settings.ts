/** What the commands that evaluate can be told: one record, whichever command line it came from. */
import { UsageError, type Option } from "./options.ts"

export interface Settings {
  /** Whether the operands are expressions, not files. */
  expression: boolean
  attributes: string[]
  strict: boolean
  output: "nix" | "json" | "xml" | "raw"
  /** Whether XML says where things are. */
  location: boolean
  /** `--arg`: Nix expressions; `--argstr`: strings. */
  args: Map<string, { readonly kind: "expression" | "string"; readonly text: string }>
  /** `-I`: `PREFIX=PATH` or `PATH`. */
  includes: string[]
  showTrace: boolean
  pure: boolean
  restricted: boolean
  pipeOperators: boolean
  traceVerbose: boolean
  abortOnWarn: boolean
  /** `max-call-depth` */
  depthMax: number | undefined
  /** Undefined if `NIX_PATH` decides. */
  nixPath: string[] | undefined
  system: string | undefined
  errorFormat: "text" | "json"
  timeoutMs: number | undefined
  stepsMax: number | undefined
  /** Bytes */
  memoryMax: number | undefined
}

export function defaultSettings(): Settings {
  return {
    expression: false,
    attributes: [],
    strict: false,
    output: "nix",
    location: true,
    args: new Map(),
    includes: [],
    showTrace: false,
    pure: false,
    restricted: false,
    pipeOperators: false,
    traceVerbose: false,
    abortOnWarn: false,
    depthMax: undefined,
    nixPath: undefined,
    system: undefined,
    errorFormat: "text",
    timeoutMs: undefined,
    stepsMax: undefined,
    memoryMax: undefined,
  }
}

/** Options that `tvix eval` and `nix-instantiate` share. */
export const EVALUATION_OPTIONS: readonly Option<Settings>[] = [
  {
    names: ["-E", "--expr"],
    values: [],
    summary: "the operands are expressions, not files",
    set: (to) => void (to.expression = true),
  },
  {
    names: ["-A", "--attr"],
    values: ["PATH"],
    summary: "select PATH, such as a.b.0, from the value",
    set: (to, path) => void to.attributes.push(path!),
  },
  {
    names: ["--strict"],
    values: [],
    summary: "evaluate everything in the value, not only its outside",
    set: (to) => void (to.strict = true),
  },
  { names: ["--json"], values: [], summary: "print JSON", set: (to) => void (to.output = "json") },
  { names: ["--xml"], values: [], summary: "print XML", set: (to) => void (to.output = "xml") },
  {
    names: ["--raw"],
    values: [],
    summary: "print a string as it is, with no quotes and no line end",
    set: (to) => void (to.output = "raw"),
  },
  {
    names: ["--no-location"],
    values: [],
    summary: "leave the places of definitions out of XML",
    set: (to) => void (to.location = false),
  },
  {
    names: ["--arg"],
    values: ["NAME", "EXPR"],
    summary: "call functions at the top with EXPR as argument NAME",
    set: (to, name, text) => void to.args.set(name!, { kind: "expression", text: text! }),
  },
  {
    names: ["--argstr"],
    values: ["NAME", "STRING"],
    summary: "the same with a string",
    set: (to, name, text) => void to.args.set(name!, { kind: "string", text: text! }),
  },
  {
    names: ["-I", "--include"],
    values: ["PATH"],
    summary: "look <name> up in PATH first; NAME=PATH for one name only",
    set: (to, path) => void to.includes.push(path!),
  },
  {
    names: ["--show-trace"],
    values: [],
    summary: "show the whole chain of what was being evaluated when it failed",
    set: (to) => void (to.showTrace = true),
  },
]

/** A whole number of at least `min`. @throws {UsageError} */
export function wholeNumber(name: string, text: string, min = 0): number {
  const number = Number(text)
  if (!/^[0-9]+$/.test(text) || !Number.isSafeInteger(number) || number < min) {
    throw new UsageError(`${name} takes a whole number, at least ${min}; got '${text}'`)
  }
  return number
}
