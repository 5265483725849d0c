#!/usr/bin/env node
/** `nix-instantiate`, as far as it evaluates: C++ Nix's options, output and messages. */
import { byteStringOf } from "@tvix-ts/bytes"
import { evaluatePrograms } from "./evaluate.ts"
import { runMain } from "./main.ts"
import { applyConfiguration, applySetting, settingOptions } from "./nix-config.ts"
import { parseOptions, UsageError, type Option, type OptionSyntax } from "./options.ts"
import { writeError, writeOut } from "./output.ts"
import type { Program } from "./session.ts"
import { defaultSettings, EVALUATION_OPTIONS, type Settings } from "./settings.ts"
import { NIX_VERSION, VERSION } from "./version.ts"

interface InstantiateSettings extends Settings {
  doing: "evaluate" | "parse" | "find" | "instantiate" | "help" | "version"
}

const nothing = (): void => {}
const OPTIONS: readonly Option<InstantiateSettings>[] = [
  {
    names: ["--eval-only", "--eval"],
    values: [],
    summary: "evaluate the programs and print what they are",
    set: (to) => void (to.doing = to.doing === "instantiate" ? "evaluate" : to.doing),
  },
  {
    names: ["--parse-only", "--parse"],
    values: [],
    summary: "print the programs as they were parsed",
    set: (to) => void (to.doing = "parse"),
  },
  {
    names: ["--find-file"],
    values: [],
    summary: "print where the operands lead in the search path",
    set: (to) => void (to.doing = "find"),
  },
  {
    names: ["-E", "--expr"],
    values: [],
    summary: "the operands are expressions, not files",
    set: (to) => void (to.expression = true),
  },
  ...EVALUATION_OPTIONS,
  {
    names: ["--option"],
    values: ["NAME", "VALUE"],
    summary: "set NAME of Nix's configuration",
    set: (to, name, value) => {
      if (!applySetting(to, name, value)) writeError(`warning: unknown setting '${byteStringOf(name)}'\n`)
    },
  },
  { names: ["--help"], values: [], summary: "print this", set: (to) => void (to.doing = "help") },
  { names: ["--version"], values: [], summary: "print the version", set: (to) => void (to.doing = "version") },
  { names: ["--read-write-mode"], values: [], summary: "allow writing to a store", set: nothing },
  { names: ["--readonly-mode"], values: [], set: nothing },
  { names: ["--dry-run"], values: [], set: nothing },
  { names: ["--indirect"], values: [], set: nothing },
  { names: ["--no-gc-warning"], values: [], set: nothing },
  { names: ["--impure"], values: [], set: (to) => void (to.pure = false) },
  { names: ["--repair"], values: [], set: nothing },
  { names: ["-v", "--verbose"], values: [], set: nothing },
  { names: ["--quiet"], values: [], set: nothing },
  { names: ["--debug"], values: [], set: nothing },
  { names: ["-Q", "--no-build-output"], values: [], set: nothing },
  { names: ["-K"], values: [], set: nothing },
  { names: ["-k"], values: [], set: nothing },
  { names: ["-j"], values: ["JOBS"], set: nothing },
  { names: ["--add-root"], values: ["PATH"], set: nothing },
  { names: ["--log-format"], values: ["FORMAT"], set: nothing },
  { names: ["--eval-store"], values: ["STORE"], set: nothing },
  ...settingOptions<InstantiateSettings>(),
]

/** Options that C++ Nix reads in another place, and whose lack of a value it therefore words otherwise. */
const LEGACY_VALUES: ReadonlySet<string> = new Set(["-A", "--attr", "--add-root"])
const SYNTAX: OptionSyntax = {
  clusters: true,
  unknown: (name) => `unrecognised flag '${name}'`,
  missing: ({ values }, name, given) =>
    LEGACY_VALUES.has(name)
      ? `'${name}' requires an argument`
      : `flag '${name}' requires ${values.length} argument(s), but only ${given} were given`,
}

async function main(words: readonly string[]): Promise<number> {
  const settings: InstantiateSettings = { ...defaultSettings(), doing: "instantiate" }
  let operands: string[]
  try {
    applyConfiguration(settings)
    operands = parseOptions(words, OPTIONS, settings, SYNTAX)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    writeError(`error: ${byteStringOf(error.message)}\nTry 'nix-instantiate --help' for more information.\n`)
    return 1
  }
  switch (settings.doing) {
    case "version":
      writeOut(`nix-instantiate (Tvix) ${VERSION}, the language of Nix ${NIX_VERSION}\n`)
      return 0
    case "help": {
      const { optionLines } = await import("./help.ts")
      writeOut(byteStringOf(`${USAGE}\nOptions:\n${optionLines(OPTIONS)}\n`))
      return 0
    }
    default:
      return evaluatePrograms(settings, {
        programs: programsOf(operands, settings),
        doing: settings.doing,
        voice: "nix",
      })
  }
}

/** Standard input comes first, wherever `-` stood. */
function programsOf(operands: readonly string[], { expression, doing }: InstantiateSettings): Program[] {
  const named = operands
    .filter((operand) => operand !== "-")
    .map((text): Program => (expression ? { kind: "expression", text } : { kind: "file", path: text }))
  if (operands.includes("-")) return [{ kind: "stdin" }, ...named]
  return named.length === 0 && !expression && doing !== "find" ? [{ kind: "file", path: "./default.nix" }] : named
}

const USAGE = `Usage: nix-instantiate --eval [OPTION]... [FILE... | - | -E EXPR...]
       nix-instantiate --parse [FILE... | - | -E EXPR...]

Evaluates Nix programs and prints what they are, as C++ Nix's command of the same name does.
`

void runMain(main)
