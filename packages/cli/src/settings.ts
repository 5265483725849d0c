/** What the commands that evaluate can be told: one record, whichever command line it came from. */
import { accessSync, constants } from "node:fs"
import type { NodeFetcherOptions } from "@tvix-ts/glue/node"
import { UsageError, type Option } from "./options.ts"

type FetchSetting = Exclude<keyof NodeFetcherOptions, "store" | "cacheFolder" | "onProgress" | "onWarning" | "env">

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
  /** Names of experimental features. */
  features: Set<string>
  traceVerbose: boolean
  abortOnWarn: boolean
  /** `max-call-depth` */
  depthMax: number | undefined
  /** Entries of the search path after those of `-I`; undefined if nobody said anything. */
  nixPath: string[] | undefined
  system: string | undefined
  /** How to fetch what programs ask for. */
  fetch: { -readonly [Name in FetchSetting]?: NodeFetcherOptions[Name] }
  /** What they may ask for where that is restricted. */
  allowedUris: string[]
  /** How to build what programs describe. */
  readonly build: BuildSettings
  errorFormat: "text" | "json"
  timeoutMs: number | undefined
  stepsMax: number | undefined
  /** Bytes */
  memoryMax: number | undefined
  /** Whether to keep what files are compiled to, what sources are hashed to and what is printed, and use what was kept. */
  cache: boolean
  /** What to show, on standard error, of how programs are run. */
  show: Set<"ast" | "bytecode" | "execution">
  /** Whether to stop after compiling. */
  compileOnly: boolean
  /** Address of the store; the user's own unless given. */
  store: string | undefined
  /** Whether what programs add to the store is written there; else it is only told where it would be. */
  write: boolean
  /** Whether programs may look into what derivations build, which is built then. */
  importFromDerivation: boolean
  /** Whether collections of garbage keep the derivations of what they keep. */
  keepDerivations: boolean
  /** Whether to show no progress. */
  quiet: boolean
}

export interface BuildSettings {
  /** Builds at once, and processors for each; as many as there are without. */
  jobs: number | undefined
  cores: number | undefined
  /** Whether to go on with what does not need what failed. */
  keepGoing: boolean
  /** Whether the folders of builds that fail are kept. */
  keepFailed: boolean
  /** How long a build may take, and say nothing; how many bytes it may say. */
  timeoutMs: number | undefined
  silenceMs: number | undefined
  logBytesMax: number | undefined
  /** Address of a machine that builds; this one without. */
  builder: string | undefined
  /** What this machine has, and what kinds of it there are besides its own. */
  features: string[]
  platforms: string[]
  /** Addresses of stores, or of binary caches as C++ Nix has them, that may have what would be built. */
  substituters: string[]
  /** Public keys whose signatures count, for binary caches. */
  trustedKeys: string[]
  /** Files of secret keys that sign what is built. */
  secretKeyFiles: string[]
  /** Addresses below which downloads are by their hash. */
  hashedMirrors: string[]
  /** What of this machine its sandboxes show: words of C++ Nix's `sandbox-paths`. */
  sandboxPaths: string[]
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
    features: new Set(),
    traceVerbose: false,
    abortOnWarn: false,
    depthMax: undefined,
    nixPath: undefined,
    system: undefined,
    fetch: {},
    allowedUris: [],
    build: {
      jobs: undefined,
      cores: undefined,
      keepGoing: false,
      keepFailed: false,
      timeoutMs: undefined,
      silenceMs: undefined,
      logBytesMax: undefined,
      builder: undefined,
      features: ["benchmark", "big-parallel", "nixos-test", ...(hasVirtualMachines() ? ["kvm"] : [])],
      // Its processors are these, too.
      platforms: process.platform === "linux" && process.arch === "x64" ? ["i686-linux"] : [],
      substituters: [],
      trustedKeys: [],
      secretKeyFiles: [],
      hashedMirrors: [],
      sandboxPaths: [],
    },
    errorFormat: "text",
    timeoutMs: undefined,
    stepsMax: undefined,
    memoryMax: undefined,
    cache: true,
    show: new Set(),
    compileOnly: false,
    store: undefined,
    write: false,
    importFromDerivation: true,
    keepDerivations: true,
    quiet: false,
  }
}

/** As far as we can tell: who builds may not be allowed to, as with C++ Nix. */
function hasVirtualMachines(): boolean {
  try {
    accessSync("/dev/kvm", constants.R_OK | constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** The entries of a `NIX_PATH`: a colon ends one, except within a URL. */
export function splitNixPath(text: string): string[] {
  const isUrl = /^(?:channel:|flake:|(?:https?|file|channel|git|s3|ssh):\/\/)/
  const entries: string[] = []
  let from = 0
  let pathFrom = 0
  for (let i = 0; i <= text.length; i++) {
    if (text[i] === "=") pathFrom = i + 1
    if (i < text.length && text[i] !== ":") continue
    const start = text.slice(Math.max(from, pathFrom))
    // The colon of `https:` ends nothing; the next one does.
    if (i < text.length && isUrl.test(start) && !text.slice(Math.max(from, pathFrom), i).includes(":")) continue
    if (i > from) entries.push(text.slice(from, i))
    from = i + 1
  }
  return entries
}

/** Options that `tvix eval` and `nix-instantiate` share. */
export const EVALUATION_OPTIONS: readonly Option<Settings>[] = [
  {
    names: ["-A", "--attr"],
    values: ["PATH"],
    summary: "select PATH, such as a.b.0, from the value",
    set: (to, path) => void to.attributes.push(path),
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
    set: (to, name, text) => void to.args.set(name, { kind: "expression", text: text }),
  },
  {
    names: ["--argstr"],
    values: ["NAME", "STRING"],
    summary: "the same with a string",
    set: (to, name, text) => void to.args.set(name, { kind: "string", text: text }),
  },
  {
    names: ["-I", "--include"],
    values: ["PATH"],
    summary: "look <name> up in PATH first; NAME=PATH for one name only",
    set: (to, path) => void to.includes.push(path),
  },
  {
    names: ["--no-cache"],
    values: [],
    summary: "compile and evaluate everything anew, and keep nothing of it for the next time",
    set: (to) => void (to.cache = false),
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
