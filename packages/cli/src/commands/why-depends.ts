/** `tvix why-depends` */
import { byteStringOf, textOf } from "@tvix-ts/bytes"
import { formatStorePath, storePathBase } from "@tvix-ts/nix-compat"
import { whyDepends } from "@tvix-ts/store"
import { linkedPath } from "../build/linked-path.ts"
import { UsageError, type Option } from "../options.ts"
import { writeOut } from "../output.ts"
import { findPathInfo, parsePathWord } from "../store/lookup.ts"
import { withStore } from "../store/session.ts"
import { JSON_OPTION, SHARED_OPTIONS, storeSettings, type StoreSettings } from "../store/settings.ts"
import type { Command, Tool } from "./command.ts"
import { readOptions } from "./usage.ts"

const OPTIONS: readonly Option<StoreSettings>[] = [JSON_OPTION, ...SHARED_OPTIONS]
/** Files that are named; the others are counted. */
const MENTIONS_MAX = 5

async function run(words: readonly string[], tool: Tool): Promise<number> {
  const settings = storeSettings()
  const operands = await readOptions(tool, "why-depends", words, OPTIONS, settings)
  if (typeof operands === "number") return operands
  return withStore(tool, "why-depends", settings, async (store, { signal }) => {
    const [from, to, ...others] = operands
    if (from === undefined || to === undefined || others.length > 0) throw new UsageError("name two store paths")
    const find = async (word: string) =>
      (await findPathInfo(parsePathWord(linkedPath(word)), store, { signal })).storePath
    const steps = await whyDepends(await find(from), await find(to), store, { signal })
    if (settings.json) {
      const record = steps?.map(({ path, mentions }) => ({
        path: textOf(formatStorePath(path)),
        mentions: mentions.map(textOf),
      }))
      writeOut(`${byteStringOf(JSON.stringify(record ?? null))}\n`)
      return 0
    }
    if (steps === undefined) {
      writeOut(`${byteStringOf(`${from} does not depend on ${to}`)}\n`)
      return 1
    }
    for (const [depth, { path, mentions }] of steps.entries()) {
      writeOut(`${"    ".repeat(depth)}${depth === 0 ? "" : "-> "}${formatStorePath(path)}\n`)
      const margin = "    ".repeat(depth + 1)
      for (const name of mentions.slice(0, MENTIONS_MAX)) writeOut(`${margin}in ${name || storePathBase(path)}\n`)
      if (mentions.length > MENTIONS_MAX) writeOut(`${margin}and ${mentions.length - MENTIONS_MAX} more\n`)
    }
    return 0
  })
}

export const command: Command = {
  usage: "tvix why-depends [OPTION...] STOREPATH STOREPATH",
  details: `Prints the shortest way from the first store path to the second, and which files of each mention the next. The status is 1 if
there is none. Links such as ./result are followed.

Examples:
  tvix why-depends ./result /nix/store/l3fh2iqh6rrydj3dlf67g411rc3qllf9-words
  tvix why-depends --json ./result ./result-2 | jq -r '.[].path'`,
  options: OPTIONS,
  operands: "files",
  run,
}
