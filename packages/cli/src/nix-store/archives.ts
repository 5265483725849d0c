/** `nix-store --dump`, `--restore`, `--export` and `--import`. */
import { lstatSync } from "node:fs"
import { readTree, WriteTree } from "@tvix-ts/castore/node"
import { formatStorePath, NarReader, NarWriter, STORE_DIR } from "@tvix-ts/nix-compat"
import { exportPaths, importPaths, writeNar, type PathInfo } from "@tvix-ts/store"
import { wordBytes, wordPath } from "../command-line.ts"
import { UsageError } from "../options.ts"
import { writeOut, writeOutBytes } from "../output.ts"
import { inputPieces } from "../store/input.ts"
import { isLocal } from "../store/local-store.ts"
import { find, parseStoreWord } from "../store/lookup.ts"
import type { Run } from "./operation.ts"
import { storePathOf } from "./store-view.ts"

const STDIN = "-"

export const dump: Run = async ({ operands }, { open, signal }) => {
  const [word, ...others] = operands
  if (word === undefined || others.length > 0) throw new UsageError("only one argument allowed")
  const isOnDisk = lstatSync(wordPath(word), { throwIfNoEntry: false }) !== undefined
  if (isOnDisk || !wordBytes(word).startsWith(`${STORE_DIR}/`)) {
    const writer = new NarWriter(writeOutBytes)
    await readTree(wordBytes(word), writer, { signal })
    void writer.end()
    return 0
  }
  const store = await open()
  const { node } = await find(parseStoreWord(word), store, { signal })
  await writeNar(node, store, writeOutBytes, { signal })
  return 0
}

export const restore: Run = async ({ operands }, { signal }) => {
  const [word, ...others] = operands
  if (word === undefined || others.length > 0) throw new UsageError("only one argument allowed")
  const tree = new WriteTree(wordBytes(word))
  try {
    const reader = new NarReader(tree, { isFollowed: true })
    for await (const piece of inputPieces(STDIN, signal)) {
      await reader.write(piece)
      if (reader.rest !== undefined) break
    }
    reader.end()
    tree.finish()
    return 0
  } catch (error) {
    tree.abort()
    throw error
  }
}

export const exportTo: Run = async ({ operands }, { view, signal }) => {
  const paths = await view()
  const pathInfos = new Map<string, PathInfo>()
  for (const word of operands) {
    const pathInfo = await paths.get(storePathOf(word))
    pathInfos.set(pathInfo.storePath.digest, pathInfo)
  }
  await exportPaths(pathInfos.values(), paths.store, writeOutBytes, { signal })
  return 0
}

export const importFrom: Run = async ({ operands }, { open, signal }) => {
  if (operands.length > 0) throw new UsageError("no arguments expected")
  const store = await open()
  // From here on nothing is collected that we were told is there.
  if (isLocal(store)) await store.castore.startWriting()
  for await (const { storePath } of importPaths(inputPieces(STDIN, signal), store, { signal })) {
    writeOut(`${formatStorePath(storePath)}\n`)
  }
  return 0
}
