/** `tvix-store root` */
import { byteStringOf } from "@tvix-ts/bytes"
import { CastoreError } from "@tvix-ts/castore"
import { formatStorePath, storePathBase, type StorePath } from "@tvix-ts/nix-compat"
import type { Store } from "@tvix-ts/store"
import type { Command, Tool } from "../../commands/command.ts"
import { readOptions, unknownWord } from "../../commands/usage.ts"
import { UsageError, type Option } from "../../options.ts"
import { writeOut } from "../../output.ts"
import { findPathInfo, parsePathWord, STORE_PATH_HELP } from "../lookup.ts"
import { localStore } from "../local-store.ts"
import { withStore, type Session } from "../session.ts"
import { JSON_OPTION, SHARED_OPTIONS, storeSettings, type StoreSettings } from "../settings.ts"

const OPTIONS: readonly Option<StoreSettings>[] = [JSON_OPTION, ...SHARED_OPTIONS]

type Action = (store: Store, operands: readonly string[], session: Session) => Promise<number>

const ACTIONS: Readonly<Record<string, Action>> = {
  async add(store, [name, word, ...more], { signal }) {
    if (name === undefined || word === undefined || more.length > 0) {
      throw new UsageError("root add needs a name and a store path")
    }
    const { roots } = localStore(store, ROOTS)
    const { storePath } = await findPathInfo(parsePathWord(word), store, { signal })
    roots.add(name, storePath)
    return 0
  },
  async remove(store, names) {
    if (names.length === 0) throw new UsageError("root remove needs names of roots")
    const { roots } = localStore(store, ROOTS)
    for (const name of names) {
      if (!roots.remove(name)) throw new CastoreError({ code: "missing", what: `a root called '${name}'` })
    }
    return 0
  },
  async pin(store, words, { signal }) {
    if (words.length === 0) throw new UsageError("root pin needs store paths")
    const { roots } = localStore(store, ROOTS)
    for (const word of words) {
      // oxlint-disable-next-line no-await-in-loop -- they are few, and at hand
      const { storePath } = await findPathInfo(parsePathWord(word), store, { signal })
      roots.add(pinName(storePath), storePath)
    }
    return 0
  },
  async unpin(store, words) {
    if (words.length === 0) throw new UsageError("root unpin needs store paths")
    const { roots } = localStore(store, ROOTS)
    for (const word of words) {
      const { object } = parsePathWord(word)
      const digest = object.kind === "path" ? object.path.digest : object.digest
      const pin = roots.list().find(({ name, path }) => path.digest === digest && name === pinName(path))
      if (pin === undefined) throw new CastoreError({ code: "missing", what: `a pin of '${word}'` })
      roots.remove(pin.name)
    }
    return 0
  },
  async list(store, operands, { settings }) {
    if (operands.length > 0) throw new UsageError("root list takes no words")
    const roots = localStore(store, ROOTS).roots.list()
    if (settings.json) {
      const records = roots.map(({ name, path }) => ({ name, path: formatStorePath(path) }))
      writeOut(`${byteStringOf(JSON.stringify(records))}\n`)
    } else {
      const width = Math.max(0, ...roots.map(({ name }) => name.length))
      for (const { name, path } of roots) writeOut(byteStringOf(`${name.padEnd(width)}  ${formatStorePath(path)}\n`))
    }
    return 0
  },
}
const ROOTS = "keep roots"

/** Of the root that keeps a path for its own sake. */
function pinName(path: StorePath): string {
  return `pin:${storePathBase(path)}`
}

async function run(words: readonly string[], tool: Tool): Promise<number> {
  const settings = storeSettings()
  const operands = await readOptions(tool, "root", words, OPTIONS, settings)
  if (typeof operands === "number") return operands
  return withStore(tool, "root", settings, async (store, session) => {
    const [action = "", ...rest] = operands
    const known = Object.keys(ACTIONS)
    if (action === "") throw new UsageError(`say what to do with roots: ${known.join(", ")}`)
    if (!known.includes(action)) unknownWord("action", action, known)
    return ACTIONS[action]!(store, rest, session)
  })
}

export const command: Command = {
  usage:
    "tvix-store root add NAME STOREPATH\ntvix-store root remove NAME...\ntvix-store root pin STOREPATH...\n" +
    "tvix-store root unpin STOREPATH...\ntvix-store root list [--json]",
  details: `A root keeps a store path, and everything it refers to, from tvix-store gc. Its name is any text of one line; adding one of the same
name replaces it. Those whose names begin with link: are symbolic links, as tvix instantiate --add-root makes them: they
end when the link is removed. A pin is a root without a name of its own, for a path that is to stay. ${STORE_PATH_HELP}

Examples:
  tvix-store root add current-system /nix/store/s66mzxpvicwk07gjbjfw9izjfa797vsw-hello
  tvix-store root pin s66mzxpvicwk07gjbjfw9izjfa797vsw
  tvix-store root list
  tvix-store root remove current-system`,
  options: OPTIONS,
  operands: Object.keys(ACTIONS),
  run,
}
