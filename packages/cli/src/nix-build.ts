#!/usr/bin/env node
/** `nix-build`: C++ Nix's options, output and exit codes. */
import type { BuildCommandSettings } from "./build/build.ts"
import { fileProgram } from "./build/file-program.ts"
import { checkOption } from "./build/options.ts"
import { runMain } from "./main.ts"
import { settingOptions } from "./nix-config.ts"
import {
  BUILD_OPTIONS,
  expressionOption,
  ignored,
  INFORMATION_OPTIONS,
  optionOption,
  runNixCommand,
  type NixCommandSettings,
} from "./nix-options.ts"
import type { Option } from "./options.ts"
import type { Program } from "./session.ts"
import { defaultSettings, EVALUATION_OPTIONS } from "./settings.ts"
import { STORE_OPTION } from "./store/settings.ts"

interface CommandSettings extends BuildCommandSettings, NixCommandSettings {}

const SHARED: ReadonlySet<string> = new Set(["-A", "--arg", "--argstr", "-I", "--show-trace", "--no-cache"])
/** Settings that have an option of their own. */
const TAKEN: ReadonlySet<string> = new Set(["--store", "--max-jobs", "--keep-going"])
const OPTIONS: readonly Option<CommandSettings>[] = [
  expressionOption,
  ...EVALUATION_OPTIONS.filter(({ names }) => names.some((name) => SHARED.has(name))),
  {
    names: ["-o", "--out-link"],
    values: ["PATH"],
    summary: "link to what was built from PATH, rather than from ./result",
    set: (to, path) => void (to.outLink = path),
  },
  {
    names: ["--no-out-link", "--no-link"],
    values: [],
    summary: "make no links",
    set: (to) => void (to.outLink = undefined),
  },
  {
    names: ["--dry-run"],
    values: [],
    summary: "only say what would be built, and what fetched",
    set: (to) => void (to.dryRun = true),
  },
  checkOption,
  ...BUILD_OPTIONS,
  optionOption,
  STORE_OPTION,
  ...INFORMATION_OPTIONS,
  ignored(["--indirect"]),
  { names: ["--impure"], values: [], set: (to) => void (to.pure = false) },
  ignored(["-v", "--verbose"]),
  { names: ["--quiet"], values: [], summary: "say nothing but problems", set: (to) => void (to.quiet = true) },
  ignored(["--log-format"], ["FORMAT"]),
  ...settingOptions<CommandSettings>().filter(({ names }) => !TAKEN.has(names.at(-1)!)),
]

async function main(words: readonly string[]): Promise<number> {
  const settings: CommandSettings = {
    ...defaultSettings(),
    asked: undefined,
    write: true,
    outLink: "result",
    printPaths: true,
    logs: true,
    logFormat: "text",
    dryRun: false,
    check: false,
  }
  return runNixCommand(words, { name: "nix-build", usage: USAGE, options: OPTIONS, settings }, async (operands) => {
    const programs = operands.map((text): Program => {
      if (text === "-") return { kind: "stdin" }
      return settings.expression ? { kind: "expression", text } : fileProgram(text)
    })
    if (programs.length === 0 && !settings.expression) programs.push({ kind: "file", path: "./default.nix" })
    const { buildPrograms } = await import("./build/build.ts")
    return buildPrograms(settings, { programs, voice: "nix" })
  })
}

const USAGE = `Usage: nix-build [OPTION]... [FILE... | - | -E EXPR...]

Builds the derivations that Nix programs evaluate to, links to what was built and prints where it is. As C++ Nix's
command of the same name does, with a store of ours.
`

void runMain(main)
