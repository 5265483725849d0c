#!/usr/bin/env node
/** `nix-build`: C++ Nix's options, output and exit codes. */
import { byteStringOf } from "@tvix-ts/bytes"
import type { BuildCommandSettings } from "./build/build.ts"
import { fileProgram } from "./build/file-program.ts"
import { runMain } from "./main.ts"
import { applyConfiguration, settingOptions } from "./nix-config.ts"
import { NIX_SYNTAX, optionOption } from "./nix-options.ts"
import { parseOptions, UsageError, type Option } from "./options.ts"
import { writeError, writeOut } from "./output.ts"
import type { Program } from "./session.ts"
import { defaultSettings, EVALUATION_OPTIONS, wholeNumber } from "./settings.ts"
import { STORE_OPTION } from "./store/settings.ts"
import { NIX_VERSION, VERSION } from "./version.ts"

interface CommandSettings extends BuildCommandSettings {
  doing: "build" | "help" | "version"
}

const nothing = (): void => {}
const SHARED: ReadonlySet<string> = new Set(["-A", "--arg", "--argstr", "-I", "--show-trace", "--no-cache"])
/** Settings that have an option of their own. */
const TAKEN: ReadonlySet<string> = new Set(["--store", "--max-jobs", "--keep-going"])
const OPTIONS: readonly Option<CommandSettings>[] = [
  {
    names: ["-E", "--expr"],
    values: [],
    summary: "the operands are expressions, not files",
    set: (to) => void (to.expression = true),
  },
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
  {
    names: ["-j", "--max-jobs"],
    values: ["N"],
    summary: "build so many at once",
    set: (to, text) => void (to.build.jobs = text === "auto" ? undefined : wholeNumber("--max-jobs", text, 1)),
  },
  {
    names: ["-k", "--keep-going"],
    values: [],
    summary: "if a build fails, go on with those that do not need it",
    set: (to) => void (to.build.keepGoing = true),
  },
  {
    names: ["-Q", "--no-build-output"],
    values: [],
    summary: "do not show what builders say",
    set: (to) => void (to.logs = false),
  },
  optionOption,
  STORE_OPTION,
  { names: ["--help"], values: [], summary: "print this", set: (to) => void (to.doing = "help") },
  { names: ["--version"], values: [], summary: "print the version", set: (to) => void (to.doing = "version") },
  { names: ["--indirect"], values: [], set: nothing },
  { names: ["--impure"], values: [], set: (to) => void (to.pure = false) },
  { names: ["-v", "--verbose"], values: [], set: nothing },
  { names: ["--quiet"], values: [], summary: "say nothing but problems", set: (to) => void (to.quiet = true) },
  { names: ["-K", "--keep-failed"], values: [], set: nothing },
  { names: ["--log-format"], values: ["FORMAT"], set: nothing },
  ...settingOptions<CommandSettings>().filter(({ names }) => !TAKEN.has(names.at(-1)!)),
]

async function main(words: readonly string[]): Promise<number> {
  const settings: CommandSettings = {
    ...defaultSettings(),
    doing: "build",
    write: true,
    outLink: "result",
    printPaths: true,
    logs: true,
    logFormat: "text",
    dryRun: false,
  }
  let operands: string[]
  try {
    applyConfiguration(settings)
    operands = parseOptions(words, OPTIONS, settings, NIX_SYNTAX)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    writeError(`error: ${byteStringOf(error.message)}\nTry 'nix-build --help' for more information.\n`)
    return 1
  }
  switch (settings.doing) {
    case "version":
      writeOut(`nix-build (Tvix) ${VERSION}, the language of Nix ${NIX_VERSION}\n`)
      return 0
    case "help": {
      const { optionLines } = await import("./help.ts")
      writeOut(byteStringOf(`${USAGE}\nOptions:\n${optionLines(OPTIONS)}\n`))
      return 0
    }
    case "build": {
      const programs = operands.map((text): Program => {
        if (text === "-") return { kind: "stdin" }
        return settings.expression ? { kind: "expression", text } : fileProgram(text)
      })
      if (programs.length === 0 && !settings.expression) programs.push({ kind: "file", path: "./default.nix" })
      const { buildPrograms } = await import("./build/build.ts")
      return buildPrograms(settings, { programs, voice: "nix" })
    }
  }
}

const USAGE = `Usage: nix-build [OPTION]... [FILE... | - | -E EXPR...]

Builds the derivations that Nix programs evaluate to, links to what was built and prints where it is. As C++ Nix's
command of the same name does, with a store of ours.
`

void runMain(main)
