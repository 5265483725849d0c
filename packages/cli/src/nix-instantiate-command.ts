/** `nix-instantiate`: C++ Nix's options, output and messages. */
import { evaluatePrograms } from "./evaluate.ts"
import type { InstantiateSettings } from "./instantiate.ts"
import { settingOptions } from "./nix-config.ts"
import {
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

interface CommandSettings extends InstantiateSettings, NixCommandSettings {
  doing: "evaluate" | "parse" | "find" | "instantiate"
  /** `--read-write-mode`: an evaluation writes to the store. */
  readWrite: boolean
  /** `--readonly-mode`, `--dry-run`: nothing does. */
  readOnly: boolean
  /** Whether to say that what is printed might be collected. */
  warns: boolean
  evalStore: string | undefined
}

const OPTIONS: readonly Option<CommandSettings>[] = [
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
  expressionOption,
  ...EVALUATION_OPTIONS,
  optionOption,
  ...INFORMATION_OPTIONS,
  {
    names: ["--add-root"],
    values: ["PATH"],
    summary: "keep the result from being collected as long as the symbolic link PATH is there; print the link",
    set: (to, path) => void (to.addRoot = path),
  },
  STORE_OPTION,
  { names: ["--eval-store"], values: ["URL"], set: (to, url) => void (to.evalStore = url) },
  {
    names: ["--dry-run", "--readonly-mode"],
    values: [],
    summary: "write nothing to the store",
    set: (to) => void (to.readOnly = true),
  },
  {
    names: ["--read-write-mode"],
    values: [],
    summary: "write to the store, with --eval too",
    set: (to) => void (to.readWrite = true),
  },
  {
    names: ["--no-gc-warning"],
    values: [],
    summary: "do not say that without --add-root the result might be collected",
    set: (to) => void (to.warns = false),
  },
  ignored(["--indirect"]),
  { names: ["--impure"], values: [], set: (to) => void (to.pure = false) },
  ignored(["--repair"]),
  ignored(["-v", "--verbose"]),
  { names: ["--quiet"], values: [], summary: "show no progress", set: (to) => void (to.quiet = true) },
  ignored(["--debug"]),
  ignored(["-Q", "--no-build-output"]),
  ignored(["-K"]),
  ignored(["-k"]),
  ignored(["-j"], ["JOBS"]),
  ignored(["--log-format"], ["FORMAT"]),
  ...settingOptions<CommandSettings>().filter(({ names }) => !names.includes("--store")),
]

/** The result is the exit code. */
export async function nixInstantiate(words: readonly string[]): Promise<number> {
  const settings: CommandSettings = {
    ...defaultSettings(),
    asked: undefined,
    doing: "instantiate",
    addRoot: undefined,
    warning: undefined,
    readWrite: false,
    readOnly: false,
    warns: true,
    evalStore: undefined,
  }
  return runNixCommand(
    words,
    { name: "nix-instantiate", usage: USAGE, options: OPTIONS, settings },
    async (operands) => {
      const programs = programsOf(operands, settings)
      settings.store = storeOf(settings)
      if (settings.doing === "instantiate") {
        settings.write = !settings.readOnly
        // As in C++ Nix, it is only for evaluations.
        settings.output = "nix"
        if (settings.warns && settings.addRoot === undefined) settings.warning = GC_WARNING
        const { instantiatePrograms } = await import("./instantiate.ts")
        return instantiatePrograms(settings, { programs, voice: "nix" })
      }
      settings.write = settings.doing === "evaluate" && settings.readWrite && !settings.readOnly
      return evaluatePrograms(settings, { programs, doing: settings.doing, voice: "nix" })
    },
  )
}

const GC_WARNING = "warning: you did not specify '--add-root'; the result might be removed by the garbage collector\n"

/** Addresses that only C++ Nix knows: those of its own store mean ours, and its dummy one that forgets everything. */
function storeOf({ store, evalStore }: CommandSettings): string | undefined {
  const address = evalStore ?? store
  if (address === undefined || /^(?:auto|daemon|local)?(?:\?|$)/.test(address)) return undefined
  return address.startsWith("dummy://") ? "memory:" : address
}

/** Standard input comes first, wherever `-` stood. */
function programsOf(operands: readonly string[], { expression, doing }: CommandSettings): Program[] {
  const named = operands
    .filter((operand) => operand !== "-")
    .map((text): Program => (expression ? { kind: "expression", text } : { kind: "file", path: text }))
  if (operands.includes("-")) return [{ kind: "stdin" }, ...named]
  return named.length === 0 && !expression && doing !== "find" ? [{ kind: "file", path: "./default.nix" }] : named
}

const USAGE = `Usage: nix-instantiate [OPTION]... [FILE... | - | -E EXPR...]
       nix-instantiate --eval [OPTION]... [FILE... | - | -E EXPR...]
       nix-instantiate --parse [FILE... | - | -E EXPR...]

Writes the derivations that Nix programs evaluate to, and prints where they are; or evaluates programs and prints what
they are. As C++ Nix's command of the same name does, with a store of ours.
`
