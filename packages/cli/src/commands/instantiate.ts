/** `tvix instantiate` */
import { instantiatePrograms, type InstantiateSettings } from "../instantiate.ts"
import { applyConfiguration } from "../nix-config.ts"
import type { Option } from "../options.ts"
import type { Program } from "../session.ts"
import { defaultSettings, EVALUATION_OPTIONS } from "../settings.ts"
import type { Command, Tool } from "./command.ts"
import { RUN_OPTIONS } from "./run-options.ts"
import { readOptions } from "./usage.ts"

interface CommandSettings extends InstantiateSettings {
  /** Expressions, in order. */
  readonly expressions: string[]
}

const SHARED: ReadonlySet<string> = new Set(["-A", "--arg", "--argstr", "-I", "--show-trace", "--no-cache"])
const OPTIONS: readonly Option<CommandSettings>[] = [
  {
    names: ["-E", "--expr"],
    values: ["EXPR"],
    summary: "the derivations of EXPR",
    set: (to, text) => void to.expressions.push(text),
  },
  ...EVALUATION_OPTIONS.filter(({ names }) => names.some((name) => SHARED.has(name))),
  {
    names: ["--json"],
    values: [],
    summary: "print JSON: one list, with an object for each derivation",
    set: (to) => void (to.output = "json"),
  },
  {
    names: ["--add-root"],
    values: ["PATH"],
    summary: "keep what is printed from tvix-store gc as long as the symbolic link PATH is there; print the link",
    set: (to, path) => void (to.addRoot = path),
  },
  {
    names: ["--dry-run"],
    values: [],
    summary: "write nothing to the store, only say what would be written",
    set: (to) => void (to.write = false),
  },
  ...RUN_OPTIONS,
]

async function run(words: readonly string[], tool: Tool): Promise<number> {
  const settings: CommandSettings = {
    ...defaultSettings(),
    write: true,
    addRoot: undefined,
    warning: undefined,
    expressions: [],
  }
  applyConfiguration(settings)
  const operands = await readOptions(tool, "instantiate", words, OPTIONS, settings)
  if (typeof operands === "number") return operands
  const programs = [
    ...settings.expressions.map((text): Program => ({ kind: "expression", text })),
    ...operands.map((text): Program => (text === "-" ? { kind: "stdin" } : { kind: "file", path: text })),
  ]
  if (programs.length === 0) programs.push({ kind: "file", path: "./default.nix" })
  return instantiatePrograms(settings, { programs, voice: "tvix" })
}

export const command: Command = {
  usage: "tvix instantiate [OPTION...] [FILE... | - | -E EXPR]",
  details: `FILE may be <name> for a file in the search path; - is standard input; without any it is ./default.nix. Prints the store paths of
the derivations that the programs evaluate to, and writes them to the store, with everything they need that is not
built. A program's value may be a derivation; a set or a list of them, of which the attributes that are derivations
count, and those sets that say recurseForDerivations = true; or a function that returns one of these, if --arg gives it
what has no default.

A derivation that stands for another output than out has its name behind the path, as in …-hello.drv!dev.

Examples:
  tvix instantiate -E 'derivation { name = "hello"; system = "x86_64-linux"; builder = "/bin/sh"; }'
  tvix instantiate '<nixpkgs>' -A git -A python3
  tvix instantiate release.nix --argstr system aarch64-linux --add-root ./result.drv
  tvix instantiate --dry-run --json '<nixpkgs>' -A hello | jq -r '.[].outputs.out'`,
  options: OPTIONS,
  operands: "files",
  run,
}
