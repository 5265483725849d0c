/** `tvix derivation diff` */
import { isUtf8 } from "@tvix-ts/bytes"
import { diffDerivations, type Side } from "@tvix-ts/nix-compat"
import type { Command, Tool } from "../../commands/command.ts"
import { readOptions } from "../../commands/usage.ts"
import { UsageError, type Option } from "../../options.ts"
import { colorsWanted, Lines } from "../../output.ts"
import { withSession } from "../../store/session.ts"
import { JSON_OPTION, SHARED_OPTIONS, storeAddress, storeSettings, type StoreSettings } from "../../store/settings.ts"
import { DERIVATION_HELP, Derivations, type Found } from "../derivations.ts"
import { diffJson, printDiff } from "../print-diff.ts"

interface DiffSettings extends StoreSettings {
  full: boolean
}

const OPTIONS: readonly Option<DiffSettings>[] = [
  {
    names: ["--full"],
    values: [],
    summary: "long values, long lists and everything around what differs",
    set: (to) => void (to.full = true),
  },
  JSON_OPTION,
  ...SHARED_OPTIONS,
]

/** As diff(1) has it. */
const EXIT_SAME = 0
const EXIT_DIFFERENT = 1
const EXIT_TROUBLE = 2

/** Bytes of a source whose lines are compared. */
const SOURCE_MAX = 1 << 20

async function run(words: readonly string[], tool: Tool): Promise<number> {
  const settings: DiffSettings = { ...storeSettings(), full: false }
  const operands = await readOptions(tool, "diff", words, OPTIONS, settings)
  if (typeof operands === "number") return operands
  let verdict: number | undefined
  const exitCode = await withSession(tool, "diff", settings, async (session) => {
    const [before, after, ...more] = operands
    if (before === undefined || after === undefined || more.length > 0) {
      throw new UsageError("name two derivations: the one before, and the one after")
    }
    const derivations = new Derivations(() => session.open(storeAddress(settings)), session.signal)
    const sides = [await derivations.find(before), await derivations.find(after)] as const
    const diff = await diffDerivations(side(sides[0]), side(sides[1]), {
      signal: session.signal,
      onProgress: (compared) => session.progress.steps("comparing derivations", compared, undefined),
    })
    session.progress.clear()
    const lines = new Lines()
    const colors = colorsWanted(process.env, 1)
    if (settings.json) lines.add(diffJson(diff))
    else for (const line of printDiff(diff, { colors, full: settings.full })) lines.add(line)
    lines.flush()
    verdict = diff.verdict === "different" ? EXIT_DIFFERENT : EXIT_SAME
    return verdict
  })
  // What went wrong must not look like a difference.
  return verdict === undefined && exitCode === 1 ? EXIT_TROUBLE : exitCode
}

function side({ path, derivation, load, text }: Found): Side {
  return {
    path,
    derivation,
    load,
    async text(source) {
      const contents = await text(source, SOURCE_MAX)
      return contents !== undefined && isUtf8(contents) && !contents.includes("\0") ? contents : undefined
    },
  }
}

export const command: Command = {
  usage: "tvix derivation diff [OPTION...] DERIVATION DERIVATION",
  details: `What really differs between two derivations, and why the second would be built anew: inputs are compared
with what they correspond to, and told of only where something differs in themselves. What is the same on both sides but for
its path is written as /nix/store/*-name.

With --json: an object of before, after, verdict (same, equivalent or different), causes (the derivations that have changes
of their own), affected (those that only need such) and downloads (fixed outputs that are made differently and are the same).

The exit code is 0 if they build the same (where downloads come from may differ), 1 if not, and 2 if there was trouble.

${DERIVATION_HELP}

Examples:
  tvix derivation diff "$(tvix instantiate old -A hello)" "$(tvix instantiate new -A hello)"
  tvix derivation diff old/nix/store/*-hello-2.12.drv new/nix/store/*-hello-2.12.1.drv
  tvix derivation diff --json before.drv after.drv | jq '.causes[].name'`,
  options: OPTIONS,
  operands: "files",
  run,
}
