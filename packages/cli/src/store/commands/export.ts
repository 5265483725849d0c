/** `tvix-store export` */
import { walkNode } from "@tvix-ts/castore"
import { WriteTree } from "@tvix-ts/castore/node"
import type { Command, Tool } from "../../commands/command.ts"
import { wordBytes } from "../../command-line.ts"
import { readOptions } from "../../commands/usage.ts"
import { UsageError } from "../../options.ts"
import { formatBytes, formatCount } from "../../amounts.ts"
import { find, parseStoreWord, STORE_PATH_HELP } from "../lookup.ts"
import { withStore } from "../session.ts"
import { SHARED_OPTIONS, storeSettings } from "../settings.ts"
import { MeteredTree } from "../metered-tree.ts"

async function run(words: readonly string[], tool: Tool): Promise<number> {
  const settings = storeSettings()
  const operands = await readOptions(tool, "export", words, SHARED_OPTIONS, settings)
  if (typeof operands === "number") return operands
  return withStore(tool, "export", settings, async (store, session) => {
    const [word, destination, ...more] = operands
    if (word === undefined || destination === undefined || more.length > 0) {
      throw new UsageError("name a store path and where to put it")
    }
    const { signal, progress } = session
    const parsed = parseStoreWord(word)
    const { node, pathInfo } = await find(parsed, store, { signal })
    const total = parsed.below.length === 0 ? pathInfo?.narSize : undefined
    const tree = new WriteTree(wordBytes(destination))
    const metered = new MeteredTree(tree, ({ files, bytes, narBytes }) =>
      progress.update(
        `exporting to ${destination}`,
        { files: files!, bytes: total === undefined ? bytes : narBytes },
        total,
      ),
    )
    try {
      await walkNode(node, store, metered, { signal })
      signal.throwIfAborted()
      tree.finish()
    } catch (error) {
      tree.abort()
      throw error
    }
    session.note(`${destination}: ${formatCount(metered.files, "file")}, ${formatBytes(metered.bytes)}`)
    return 0
  })
}

export const command: Command = {
  usage: "tvix-store export [OPTION...] STOREPATH[/FILE] DEST",
  details: `Writes the tree to DEST, which must not be there yet. It appears when it is complete. Files get the permissions of new
files, those that are executable can be executed; times and owners are no part of a store.
${STORE_PATH_HELP}

Examples:
  tvix-store export /nix/store/s66mzxpvicwk07gjbjfw9izjfa797vsw-hello ./hello
  tvix-store export s66mzxpvicwk07gjbjfw9izjfa797vsw/share/doc ./doc`,
  options: SHARED_OPTIONS,
  operands: "files",
  run,
}
