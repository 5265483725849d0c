/** What the commands have in common that are called as C++ Nix's are. */
import { byteStringOf } from "@tvix-ts/bytes"
import { applySetting } from "./nix-config.ts"
import { UsageError, type Option, type OptionSyntax } from "./options.ts"
import { writeError } from "./output.ts"
import type { Settings } from "./settings.ts"

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
