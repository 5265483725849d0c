/** `nix-store --add`, `--add-fixed` and `--print-fixed-path`. */
import { basename, resolve } from "node:path"
import { byteStringOf } from "@tvix-ts/bytes"
import { parseHash, parseHashAlgorithm } from "@tvix-ts/hash"
import { fixedOutputPath, formatStorePath } from "@tvix-ts/nix-compat"
import type { StoreTreeOptions } from "@tvix-ts/store"
import { importPath } from "@tvix-ts/store/node"
import { wordBytes } from "../command-line.ts"
import { UsageError } from "../options.ts"
import { writeOut } from "../output.ts"
import type { Context, Run, Words } from "./operation.ts"

export const add: Run = async ({ operands }, context) => addAll(operands, {}, context)

export const addFixed: Run = async ({ flags, operands }, context) => {
  const [algorithm, ...words] = operands
  if (algorithm === undefined) throw new UsageError("first argument must be hash algorithm")
  return addAll(words, { by: { method: methodOf(flags), algorithm: parseHashAlgorithm(algorithm) } }, context)
}

export const printFixedPath: Run = async ({ flags, operands }) => {
  const [algorithm, hash, name, ...others] = operands
  if (algorithm === undefined || hash === undefined || name === undefined || others.length > 0) {
    throw new UsageError("'--print-fixed-path' requires three arguments")
  }
  const parsed = parseHash(hash, parseHashAlgorithm(algorithm))
  writeOut(`${fixedOutputPath(byteStringOf(name), methodOf(flags), parsed)}\n`)
  return 0
}

function methodOf(flags: Words["flags"]): "nar" | "flat" {
  return flags.includes("--recursive") ? "nar" : "flat"
}

async function addAll(
  words: readonly string[],
  options: Pick<StoreTreeOptions, "by">,
  { open, signal }: Context,
): Promise<number> {
  const store = await open()
  for (const word of words) {
    const name = wordBytes(basename(resolve(word)))
    const { storePath } = await importPath(wordBytes(word), store, { ...options, name, signal })
    writeOut(`${formatStorePath(storePath)}\n`)
  }
  return 0
}
