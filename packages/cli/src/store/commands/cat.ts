/** `tvix-store cat` */
import { textOf } from "@tvix-ts/bytes"
import { CastoreError, formatDigest } from "@tvix-ts/castore"
import type { Command, Tool } from "../../commands/command.ts"
import { readOptions } from "../../commands/usage.ts"
import { UsageError } from "../../options.ts"
import { writeOutBytes } from "../../output.ts"
import { find, parseStoreWord, STORE_PATH_HELP } from "../lookup.ts"
import { withStore } from "../session.ts"
import { SHARED_OPTIONS, storeSettings } from "../settings.ts"

async function run(words: readonly string[], tool: Tool): Promise<number> {
  const settings = storeSettings()
  const operands = await readOptions(tool, "cat", words, SHARED_OPTIONS, settings)
  if (typeof operands === "number") return operands
  return withStore(tool, "cat", settings, async (store, { signal }) => {
    if (operands.length === 0) throw new UsageError("nothing to print: name a file in a store path")
    for (const word of operands) {
      const { node } = await find(parseStoreWord(word), store, { signal })
      if (node.type !== "file") {
        const reason =
          node.type === "directory" ? "is a directory" : `is a symbolic link to '${textOf(node.target)}', not a file`
        throw new CastoreError({ code: "invalid", field: `'${word}'`, reason })
      }
      const contents = await store.blobs.read(node.digest, { signal })
      if (contents === undefined) throw new CastoreError({ code: "missing", what: `blob ${formatDigest(node.digest)}` })
      for await (const piece of contents) writeOutBytes(piece)
    }
    return 0
  })
}

export const command: Command = {
  usage: "tvix-store cat [OPTION...] STOREPATH[/FILE]...",
  details: `${STORE_PATH_HELP}

Examples:
  tvix-store cat /nix/store/s66mzxpvicwk07gjbjfw9izjfa797vsw-hello/share/doc/README
  tvix-store cat s66mzxpvicwk07gjbjfw9izjfa797vsw/bin/hello | file -`,
  options: SHARED_OPTIONS,
  operands: "none",
  run,
}
