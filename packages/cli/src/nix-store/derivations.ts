/** `nix-store --read-log` and `--print-env`. */
import { BuildLogs } from "@tvix-ts/glue/build/node"
import { DERIVATION_SUFFIX, formatStorePath } from "@tvix-ts/nix-compat"
import { logFolder } from "../build/folders.ts"
import { UsageError } from "../options.ts"
import { writeOut, writeOutBytes } from "../output.ts"
import type { Run } from "./operation.ts"
import { NixStoreError } from "./problem.ts"
import { storePathOf } from "./store-view.ts"

export const readLog: Run = async ({ operands }, { view }) => {
  const paths = await view()
  const logs = new BuildLogs(logFolder(paths.store))
  for (const word of operands) {
    const path = storePathOf(word)
    const built = path.name.endsWith(DERIVATION_SUFFIX) ? path : (await paths.find(path))?.deriver
    const log = built && logs.read(formatStorePath(built))
    if (log === undefined) throw new NixStoreError({ code: "log-missing", path: formatStorePath(path) })
    writeOutBytes(log)
  }
  return 0
}

export const printEnvironment: Run = async ({ operands }, { view }) => {
  const [word, ...others] = operands
  if (word === undefined || others.length > 0) {
    throw new UsageError("'--print-env' requires one derivation store path")
  }
  const { env, args } = await (await view()).derivation(storePathOf(word))
  for (const [name, value] of env) writeOut(`export ${name}; ${name}=${quoted(value)}\n`)
  writeOut(`export _args; _args=${quoted(args.join(" "))}\n`)
  return 0
}

/** For a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}
