/** `tvix derivation show` */
import { derivationsJson, type Derivation } from "@tvix-ts/nix-compat"
import type { Command, Tool } from "../../commands/command.ts"
import { readOptions } from "../../commands/usage.ts"
import { UsageError, type Option } from "../../options.ts"
import { isTerminal, writeOut } from "../../output.ts"
import { withSession } from "../../store/session.ts"
import { SHARED_OPTIONS, storeAddress, storeSettings, type StoreSettings } from "../../store/settings.ts"
import { addClosure, DERIVATION_HELP, Derivations } from "../derivations.ts"

interface ShowSettings extends StoreSettings {
  recursive: boolean
  /** Without, it is on a terminal. */
  pretty: boolean | undefined
}

const OPTIONS: readonly Option<ShowSettings>[] = [
  {
    names: ["-r", "--recursive"],
    values: [],
    summary: "everything that they need, too",
    set: (to) => void (to.recursive = true),
  },
  {
    names: ["--pretty"],
    values: [],
    summary: "indent it: the default on a terminal",
    set: (to) => void (to.pretty = true),
  },
  {
    names: ["--no-pretty"],
    values: [],
    summary: "all on one line: the default otherwise",
    set: (to) => void (to.pretty = false),
  },
  ...SHARED_OPTIONS,
]

/** Bytes that are written at a time. */
const PIECE_LENGTH = 65_536

async function run(words: readonly string[], tool: Tool): Promise<number> {
  const settings: ShowSettings = { ...storeSettings(), recursive: false, pretty: undefined }
  const operands = await readOptions(tool, "show", words, OPTIONS, settings)
  if (typeof operands === "number") return operands
  return withSession(tool, "show", settings, async (session) => {
    if (operands.length === 0) throw new UsageError("name one derivation, or more")
    const derivations = new Derivations(() => session.open(storeAddress(settings)), session.signal)
    const shown = new Map<string, Derivation>()
    for (const word of operands) {
      const found = await derivations.find(word)
      if (settings.recursive) await addClosure(found, shown)
      else shown.set(found.path, found.derivation)
    }
    const sorted = [...shown].sort(([a], [b]) => (a < b ? -1 : 1))
    const indent = (settings.pretty ?? isTerminal(1)) ? { indent: 2 } : {}
    let text = ""
    for (const piece of derivationsJson(sorted, indent)) {
      text += piece
      if (text.length < PIECE_LENGTH) continue
      writeOut(text)
      text = ""
    }
    writeOut(`${text}\n`)
    return 0
  })
}

export const command: Command = {
  usage: "tvix derivation show [OPTION...] DERIVATION...",
  details: `The JSON is that of nix derivation show, version 4 of it, as C++ Nix 2.34 has it.

${DERIVATION_HELP}

Examples:
  tvix derivation show /nix/store/h8kcr7y65ayj0wp8dfl8c59f488swkz4-greeting.drv
  tvix derivation show ./chroot/nix/store/*-hello-2.12.1.drv
  tvix derivation show -r "$(tvix instantiate . -A hello)" | jq '.derivations[].env.url | values'`,
  options: OPTIONS,
  operands: "files",
  run,
}
