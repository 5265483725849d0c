/** `tvix log` */
import { CastoreError } from "@tvix-ts/castore"
import { BuildLogs } from "@tvix-ts/glue/build/node"
import { DERIVATION_SUFFIX, formatStorePath } from "@tvix-ts/nix-compat"
import { textOf } from "@tvix-ts/bytes"
import { logFolder } from "../build/folders.ts"
import { linkedPath } from "../build/linked-path.ts"
import { UsageError } from "../options.ts"
import { writeOutBytes } from "../output.ts"
import { findPathInfo, parsePathWord } from "../store/lookup.ts"
import { withStore } from "../store/session.ts"
import { SHARED_OPTIONS, storeSettings } from "../store/settings.ts"
import type { Command, Tool } from "./command.ts"
import { readOptions } from "./usage.ts"

async function run(words: readonly string[], tool: Tool): Promise<number> {
  const settings = storeSettings()
  const operands = await readOptions(tool, "log", words, SHARED_OPTIONS, settings)
  if (typeof operands === "number") return operands
  return withStore(tool, "log", settings, async (store, { signal }) => {
    const [operand, ...others] = operands
    if (operand === undefined || others.length > 0) throw new UsageError("name one store path, or a link to one")
    const word = parsePathWord(linkedPath(operand))
    const { object } = word
    let path = object.kind === "path" && object.path.name.endsWith(DERIVATION_SUFFIX) ? object.path : undefined
    path ??= (await findPathInfo(word, store, { signal })).deriver
    const log = path && new BuildLogs(logFolder(store)).read(formatStorePath(path))
    if (log === undefined) {
      const reason =
        path === undefined ? "nobody knows what built it" : `${textOf(formatStorePath(path))} was not built here`
      throw new CastoreError({ code: "invalid", field: `'${operand}'`, reason })
    }
    writeOutBytes(log)
    return 0
  })
}

export const command: Command = {
  usage: "tvix log [OPTION...] STOREPATH | LINK",
  details: `Prints what the builder said when the store path, or what the derivation builds, was built here.

Examples:
  tvix log ./result
  tvix log /nix/store/jrrckwa6jjkcxn9vkvg7xab9cm7wkqgg-hello.drv`,
  options: SHARED_OPTIONS,
  operands: "files",
  run,
}
