/** `tvix-store ls` */
import { isatty } from "node:tty"
import { textOf, byteStringOf } from "@tvix-ts/bytes"
import type { Node } from "@tvix-ts/castore"
import { formatStorePath } from "@tvix-ts/nix-compat"
import type { Store } from "@tvix-ts/store"
import type { Command, Tool } from "../../commands/command.ts"
import { readOptions } from "../../commands/usage.ts"
import { UsageError, type Option } from "../../options.ts"
import { Lines, printable } from "../../output.ts"
import { find, getDirectory, parseStoreWord, STORE_PATH_HELP } from "../lookup.ts"
import { withStore, type Session } from "../session.ts"
import { JSON_OPTION, SHARED_OPTIONS, storeSettings, type StoreSettings } from "../settings.ts"

interface LsSettings extends StoreSettings {
  long: boolean
  recursive: boolean
}

const OPTIONS: readonly Option<LsSettings>[] = [
  {
    names: ["-l", "--long"],
    values: [],
    summary: "permissions, sizes and targets of links, too",
    set: (to) => void (to.long = true),
  },
  {
    names: ["-R", "--recursive"],
    values: [],
    summary: "what is in directories below, too",
    set: (to) => void (to.recursive = true),
  },
  JSON_OPTION,
  ...SHARED_OPTIONS,
]

async function run(words: readonly string[], tool: Tool): Promise<number> {
  const settings: LsSettings = { ...storeSettings(), long: false, recursive: false }
  const operands = await readOptions(tool, "ls", words, OPTIONS, settings)
  if (typeof operands === "number") return operands
  return withStore(tool, "ls", settings, async (store, session) => {
    const [word, ...more] = operands
    if (more.length > 0) throw new UsageError("name one store path, or none to list them all")
    if (word === undefined) return listStore(store, settings, session)
    const { node } = await find(parseStoreWord(word), store, session)
    if (settings.json) await listJson(node, store, settings.recursive, session)
    else await listText(node, store, settings, session)
    return 0
  })
}

/** The store paths. */
async function listStore(store: Store, { long, json }: LsSettings, { signal }: Session): Promise<number> {
  const lines = new Lines()
  const all: object[] = []
  for await (const { storePath, node, narSize } of store.pathInfos.list({ signal })) {
    const path = formatStorePath(storePath)
    if (json) all.push({ path, type: jsonType(node), narSize })
    else lines.add(long ? `${permissions(node)} ${String(narSize).padStart(14)} ${path}` : path)
  }
  if (json) lines.add(JSON.stringify(all))
  lines.flush()
  return 0
}

/** `drwx…` as the tree would be on disk, its owner's write permission aside. */
function permissions(node: Node): string {
  switch (node.type) {
    case "directory":
      return "dr-xr-xr-x"
    case "symlink":
      return "lrwxrwxrwx"
    case "file":
      return node.executable ? "-r-xr-xr-x" : "-r--r--r--"
  }
}

/** One line an entry, as `nix store ls` prints them. */
async function listText(root: Node, store: Store, settings: LsSettings, session: Session): Promise<void> {
  const lines = new Lines()
  const onTerminal = isatty(1)
  const add = (path: string, node: Node): void => {
    const size = String(node.type === "file" ? node.size : 0)
    const arrow = node.type === "symlink" ? ` -> ${node.target}` : ""
    const line = settings.long ? `${permissions(node)} ${size.padStart(20)} ${path}${arrow}` : path
    lines.add(onTerminal ? printable(line) : line)
  }
  if (root.type !== "directory") {
    add(".", root)
    return lines.flush()
  }
  // The last is the next: directories may be nested deeper than calls can be.
  const queue: (readonly [path: string, node: Node])[] = []
  const push = async (prefix: string, node: Node & { type: "directory" }): Promise<void> => {
    const { entries } = await getDirectory(node.digest, store, session)
    for (const [name, entry] of entries.toReversed()) queue.push([prefix + name, entry])
  }
  await push(settings.recursive ? "./" : "", root)
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const [path, node] = next
    add(path, node)
    if (settings.recursive && node.type === "directory") await push(`${path}/`, node)
  }
  lines.flush()
}

/** What `nix store ls --json` prints: directories below are only filled if it is recursive. */
async function listJson(root: Node, store: Store, recursive: boolean, session: Session): Promise<void> {
  const lines = new Lines()
  let text = ""
  const queue: (string | readonly [node: Node, enter: boolean])[] = [[root, true]]
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (typeof next === "string") {
      text += next
      continue
    }
    const [node, enter] = next
    switch (node.type) {
      case "symlink":
        text += byteStringOf(JSON.stringify({ type: "symlink", target: textOf(node.target) }))
        break
      case "file":
        text += JSON.stringify({ type: "regular", size: node.size, ...(node.executable && { executable: true }) })
        break
      case "directory": {
        text += '{"type":"directory","entries":{'
        queue.push("}}")
        if (!enter) break
        const { entries } = await getDirectory(node.digest, store, session)
        for (const [i, [name, entry]] of [...entries.entries()].reverse()) {
          queue.push([entry, recursive], `${i > 0 ? "," : ""}${byteStringOf(JSON.stringify(textOf(name)))}:`)
        }
      }
    }
  }
  lines.add(text)
  lines.flush()
}

function jsonType({ type }: Node): string {
  return type === "file" ? "regular" : type
}

export const command: Command = {
  usage: "tvix-store ls [OPTION...] [STOREPATH[/FILE]]",
  details: `Without a path, the store paths that there are.
${STORE_PATH_HELP}

Examples:
  tvix-store ls
  tvix-store ls -l s66mzxpvicwk07gjbjfw9izjfa797vsw-hello
  tvix-store ls -R --json /nix/store/s66mzxpvicwk07gjbjfw9izjfa797vsw-hello/share | jq`,
  options: OPTIONS,
  operands: "none",
  run,
}
