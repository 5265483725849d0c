/** `tvix build` */
import type { BuildCommandSettings } from "../build/build.ts"
import { applyConfiguration } from "../nix-config.ts"
import type { Option } from "../options.ts"
import type { Program } from "../session.ts"
import { defaultSettings, EVALUATION_OPTIONS, wholeNumber } from "../settings.ts"
import { parseDuration } from "../store/settings.ts"
import type { Command, Tool } from "./command.ts"
import { RUN_OPTIONS } from "./run-options.ts"
import { readOptions } from "./usage.ts"

interface CommandSettings extends BuildCommandSettings {
  /** Expressions, in order. */
  readonly expressions: string[]
}

const SHARED: ReadonlySet<string> = new Set(["-A", "--arg", "--argstr", "-I", "--show-trace", "--no-cache"])
const OPTIONS: readonly Option<CommandSettings>[] = [
  {
    names: ["-E", "--expr"],
    values: ["EXPR"],
    summary: "build the derivations of EXPR",
    set: (to, text) => void to.expressions.push(text),
  },
  ...EVALUATION_OPTIONS.filter(({ names }) => names.some((name) => SHARED.has(name))),
  {
    names: ["-o", "--out-link"],
    values: ["PATH"],
    summary: "link to what was built from PATH, rather than from ./result; it is kept as long as the link is there",
    set: (to, path) => void (to.outLink = path),
  },
  {
    names: ["--no-link"],
    values: [],
    summary: "make no links",
    set: (to) => void (to.outLink = undefined),
  },
  {
    names: ["--print-out-paths"],
    values: [],
    summary: "print the store paths of what was built",
    set: (to) => void (to.printPaths = true),
  },
  {
    names: ["--dry-run"],
    values: [],
    summary: "only say what would be built, and what fetched from the substituters",
    set: (to) => void (to.dryRun = true),
  },
  {
    names: ["--json"],
    values: [],
    summary: "print JSON: one list, with an object for each output",
    set: (to) => void (to.output = "json"),
  },
  {
    names: ["-L", "--print-build-logs"],
    values: [],
    summary: "show what builders say as it comes",
    set: (to) => void (to.logs = true),
  },
  {
    names: ["-j", "--max-jobs"],
    values: ["N"],
    summary: "build so many at once; by default as many as there are processors",
    set: (to, text) => void (to.build.jobs = wholeNumber("--max-jobs", text, 1)),
  },
  {
    names: ["--cores"],
    values: ["N"],
    summary: "let each build use so many processors; by default all",
    set: (to, text) => void (to.build.cores = wholeNumber("--cores", text, 1)),
  },
  {
    names: ["-k", "--keep-going"],
    values: [],
    summary: "if a build fails, go on with those that do not need it",
    set: (to) => void (to.build.keepGoing = true),
  },
  {
    names: ["--substituter"],
    values: ["URL"],
    summary: "take what this store has rather than build it; may be given several times",
    set: (to, url) => void to.build.substituters.push(url),
  },
  {
    names: ["--build-timeout"],
    values: ["TIME"],
    summary: "give a build up after so long: 90, 10m, 2h",
    set: (to, text) => void (to.build.timeoutMs = parseDuration("--build-timeout", text)),
  },
  {
    names: ["--max-silent-time"],
    values: ["TIME"],
    summary: "give a build up if it says nothing for so long",
    set: (to, text) => void (to.build.silenceMs = parseDuration("--max-silent-time", text)),
  },
  {
    names: ["--max-log-size"],
    values: ["BYTES"],
    summary: "give a build up if it says more than that",
    set: (to, text) => void (to.build.logBytesMax = wholeNumber("--max-log-size", text, 1)),
  },
  ...RUN_OPTIONS,
]

async function run(words: readonly string[], tool: Tool): Promise<number> {
  const settings: CommandSettings = {
    ...defaultSettings(),
    write: true,
    outLink: "result",
    printPaths: false,
    logs: false,
    dryRun: false,
    expressions: [],
  }
  applyConfiguration(settings)
  const operands = await readOptions(tool, "build", words, OPTIONS, settings)
  if (typeof operands === "number") return operands
  const programs = [
    ...settings.expressions.map((text): Program => ({ kind: "expression", text })),
    ...operands.map((text): Program => (text === "-" ? { kind: "stdin" } : { kind: "file", path: text })),
  ]
  if (programs.length === 0) programs.push({ kind: "file", path: "./default.nix" })
  const { buildPrograms } = await import("../build/build.ts")
  return buildPrograms(settings, { programs, voice: "tvix" })
}

export const command: Command = {
  usage: "tvix build [OPTION...] [FILE... | - | -E EXPR]",
  details: `Builds the derivations that the programs evaluate to, as tvix instantiate finds them, in a sandbox, and links to what was built.
What the store has is not built again; what a --substituter has is copied from there.

Examples:
  tvix build '<nixpkgs>' -A hello && ./result/bin/hello
  tvix build release.nix -A tests --keep-going --print-build-logs
  tvix build --no-link --print-out-paths -E 'import ./. { }'`,
  options: OPTIONS,
  operands: "files",
  run,
}
