/** `tvix-store info` */
import { byteStringOf } from "@tvix-ts/bytes"
import { formatStorePath } from "@tvix-ts/nix-compat"
import type { PathDescription, Store } from "@tvix-ts/store"
import type { Command, Tool } from "../../commands/command.ts"
import { readOptions } from "../../commands/usage.ts"
import { UsageError, type Option } from "../../options.ts"
import { Lines, writeOut } from "../../output.ts"
import { describePath, parsePathWord, STORE_PATH_HELP } from "../lookup.ts"
import { pathInfoRecord, pathInfoText } from "../path-info-record.ts"
import { withStore, type Session } from "../session.ts"
import { JSON_OPTION, SHARED_OPTIONS, storeSettings, type StoreSettings } from "../settings.ts"

interface InfoSettings extends StoreSettings {
  all: boolean
}

const OPTIONS: readonly Option<InfoSettings>[] = [
  { names: ["--all"], values: [], summary: "of every path in the store", set: (to) => void (to.all = true) },
  JSON_OPTION,
  ...SHARED_OPTIONS,
]

async function run(words: readonly string[], tool: Tool): Promise<number> {
  const settings: InfoSettings = { ...storeSettings(), all: false }
  const operands = await readOptions(tool, "info", words, OPTIONS, settings)
  if (typeof operands === "number") return operands
  return withStore(tool, "info", settings, async (store, session) => {
    if (settings.all === operands.length > 0) throw new UsageError("name store paths, or --all")
    const found = settings.all ? store.pathInfos.list({ signal: session.signal }) : named(operands, store, session)
    return settings.json ? printJson(found) : printText(found)
  })
}

/** A path that is not there does not keep the others from being shown. */
async function* named(words: readonly string[], store: Store, session: Session): AsyncGenerator<PathDescription> {
  const parsed = words.map(parsePathWord)
  let missing: unknown
  for (const word of parsed) {
    try {
      yield await describePath(word, store, { signal: session.signal })
    } catch (error) {
      session.signal.throwIfAborted()
      if (missing !== undefined) session.complain(missing)
      missing = error
    }
  }
  if (missing !== undefined) throw missing
}

async function printText(found: AsyncIterable<PathDescription>): Promise<number> {
  const lines = new Lines()
  try {
    for await (const pathInfo of found) lines.add(byteStringOf(pathInfoText(pathInfo)))
  } finally {
    lines.flush()
  }
  return 0
}

/** An object with a member for each path. It is printed only if all are there. */
async function printJson(found: AsyncIterable<PathDescription>): Promise<number> {
  const records: Record<string, object> = {}
  for await (const pathInfo of found) records[formatStorePath(pathInfo.storePath)] = pathInfoRecord(pathInfo)
  writeOut(`${byteStringOf(JSON.stringify(records))}\n`)
  return 0
}

export const command: Command = {
  usage: "tvix-store info [OPTION...] STOREPATH... | --all",
  details: `${STORE_PATH_HELP} The JSON is that of nix path-info --json, with
the castore's node as well, if it is known: of paths in a binary cache it is not.

Examples:
  tvix-store info s66mzxpvicwk07gjbjfw9izjfa797vsw-hello
  tvix-store info --json --all | jq 'map_values(.narSize)'`,
  options: OPTIONS,
  operands: "none",
  run,
}
