/** `tvix build` */
import { checkOption } from "../build/options.ts"
import type { Option } from "../options.ts"
import { BUILD_OPTIONS, programSettings, programsOf, type ProgramSettings } from "./build-options.ts"
import type { Command, Tool } from "./command.ts"
import { readOptions } from "./usage.ts"

const OPTIONS: readonly Option<ProgramSettings>[] = [
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
  checkOption,
  {
    names: ["--json"],
    values: [],
    summary: "print JSON: one list, with an object for each output",
    set: (to) => void (to.output = "json"),
  },
  ...BUILD_OPTIONS,
]

async function run(words: readonly string[], tool: Tool): Promise<number> {
  const settings = programSettings()
  const operands = await readOptions(tool, "build", words, OPTIONS, settings)
  if (typeof operands === "number") return operands
  const programs = programsOf(operands, settings)
  const { buildPrograms } = await import("../build/build.ts")
  return buildPrograms(settings, { programs, voice: "tvix" })
}

export const command: Command = {
  usage: "tvix build [OPTION...] [FILE... | - | -E EXPR]",
  details: `Builds the derivations that the programs evaluate to, as tvix instantiate finds them, in a sandbox, and links to what was built.
What the store has is not built again; what a --substituter has is copied from there. A derivation may be named by its store path.

Examples:
  tvix build '<nixpkgs>' -A hello && ./result/bin/hello
  tvix build release.nix -A tests --keep-going --print-build-logs
  tvix build --no-link --print-out-paths -E 'import ./. { }'
  tvix build --check -A hello`,
  options: OPTIONS,
  operands: "files",
  run,
}
