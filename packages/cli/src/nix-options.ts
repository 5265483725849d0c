/** What the commands have in common that are called as C++ Nix's are. */
import { byteStringOf } from "@tvix-ts/bytes"
import { KEEP_OPTIONS } from "./build/options.ts"
import { applyConfiguration, applySetting } from "./nix-config.ts"
import { parseOptions, UsageError, type Option, type OptionSyntax } from "./options.ts"
import { writeError, writeOut } from "./output.ts"
import { wholeNumber, type Settings } from "./settings.ts"
import { NIX_VERSION, VERSION } from "./version.ts"

export interface NixCommandSettings extends Settings {
  /** What is to be printed instead of doing anything. */
  asked: "help" | "version" | undefined
}

export const INFORMATION_OPTIONS: readonly Option<NixCommandSettings>[] = [
  { names: ["--help"], values: [], summary: "print this", set: (to) => void (to.asked = "help") },
  { names: ["--version"], values: [], summary: "print the version", set: (to) => void (to.asked = "version") },
]

export const expressionOption: Option<Settings> = {
  names: ["-E", "--expr"],
  values: [],
  summary: "the operands are expressions, not files",
  set: (to) => void (to.expression = true),
}

/** What C++ Nix takes and we have no use for: `names`, and those of its values. */
export function ignored(names: readonly string[], values: readonly string[] = []): Option<unknown> {
  return { names, values, set: () => {} }
}

/** Of commands that build. */
export const BUILD_OPTIONS: readonly Option<Settings & { logs: boolean }>[] = [
  {
    names: ["-j", "--max-jobs"],
    values: ["N"],
    summary: "build so many at once",
    set: (to, text) => void (to.build.jobs = text === "auto" ? undefined : wholeNumber("--max-jobs", text)),
  },
  ...KEEP_OPTIONS,
  {
    names: ["-Q", "--no-build-output"],
    values: [],
    summary: "do not show what builders say",
    set: (to) => void (to.logs = false),
  },
]

export const optionOption: Option<Settings> = {
  names: ["--option"],
  values: ["NAME", "VALUE"],
  summary: "set NAME of Nix's configuration",
  set: setLeniently,
}

/** As C++ Nix takes `--option`; `--NAME VALUE` has to be right. */
function setLeniently(to: Settings, name: string, value: string): void {
  const warn = (what: string): void => writeError(`warning: ${byteStringOf(what)}\n`)
  try {
    if (!applySetting(to, name, value)) warn(`unknown setting '${name}'`)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    warn(error.message)
  }
}

/** Options that C++ Nix reads in another place, and whose lack of a value it therefore words otherwise. */
const LEGACY_VALUES: ReadonlySet<string> = new Set(["-A", "--attr", "--add-root"])
export const NIX_SYNTAX: OptionSyntax = {
  clusters: true,
  unknown: (name) => `unrecognised flag '${name}'`,
  missing: ({ values }, name, given) =>
    LEGACY_VALUES.has(name)
      ? `'${name}' requires an argument`
      : `flag '${name}' requires ${values.length} argument(s), but only ${given} were given`,
}

interface NixCommand<To extends NixCommandSettings> {
  readonly name: string
  /** The first part of its help, its options follow; or all of it. */
  readonly usage: string | (() => Promise<string>)
  readonly options: readonly Option<To>[]
  readonly syntax?: OptionSyntax
  /** As they are before the configuration and the words have their say. */
  readonly settings: To
}

/** Reads the words of a command line and gives its operands to `run`. Settles to an exit code, 1 for wrong usage. */
export async function runNixCommand<To extends NixCommandSettings>(
  words: readonly string[],
  { name, usage, options, syntax = NIX_SYNTAX, settings }: NixCommand<To>,
  run: (operands: readonly string[]) => Promise<number>,
): Promise<number> {
  try {
    applyConfiguration(settings)
    const operands = parseOptions(words, options, settings, syntax)
    if (settings.asked === undefined) return await run(operands)
    if (settings.asked === "version") {
      writeOut(`${name} (Tvix) ${VERSION}, the language of Nix ${NIX_VERSION}\n`)
    } else if (typeof usage === "function") {
      writeOut(byteStringOf(await usage()))
    } else {
      const { optionLines } = await import("./help.ts")
      writeOut(byteStringOf(`${usage}\nOptions:\n${optionLines(options)}\n`))
    }
    return 0
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    writeError(`error: ${byteStringOf(error.message)}\nTry '${name} --help' for more information.\n`)
    return 1
  }
}
