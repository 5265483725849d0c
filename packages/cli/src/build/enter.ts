/** Programs that were built find each other below /nix/store: they are run where their store paths are. */
import { Failure } from "@tvix-ts/eval"
import { formatStorePath, parseStorePath, STORE_DIR } from "@tvix-ts/nix-compat"
import { closureOf, type Store } from "@tvix-ts/store"
import { textOf } from "@tvix-ts/bytes"
import { findProgram } from "@tvix-ts/build/node"
import { lstatSync, readdirSync, readlinkSync } from "node:fs"
import type { Places } from "./places.ts"

/** The beginning of a command line, with the path of its program; the command itself is the rest of it. */
export type EnterCommand = readonly string[]

/**
 * How to run something with `paths`, and all that they refer to, in their places. Where these are not real: this machine as it is,
 * seen from a mount namespace of its own, with a store directory in which they are. It takes no rights. The machine's own
 * store, if it has one, cannot be seen from there.
 *
 * @param paths store paths, byte strings
 * @throws {Failure} without bubblewrap
 */
export async function enterCommand(paths: readonly string[], store: Store, places: Places): Promise<EnterCommand> {
  const closure = await closureOf(
    paths.map((path) => parseStorePath(path)),
    store.pathInfos,
  )
  if (places.areReal) {
    for (const pathInfo of closure) await places.place(pathInfo)
    // It looks in PATH, as bubblewrap does.
    return [findProgram("env") ?? "/usr/bin/env"]
  }
  const bwrap = findProgram("bwrap")
  if (bwrap === undefined) {
    // oxlint-disable-next-line no-throw-literal -- a Failure is not an Error on purpose
    throw new Failure({
      code: "invalid-argument",
      message: "running what was built needs bubblewrap: there is no 'bwrap' in PATH",
    })
  }
  const words = [bwrap]
  const [storeRoot = ""] = STORE_DIR.split("/").filter((name) => name !== "")
  for (const name of readdirSync("/")) {
    const path = `/${name}`
    if (name === storeRoot) continue
    if (lstatSync(path).isSymbolicLink()) words.push("--symlink", readlinkSync(path), path)
    else words.push("--dev-bind", path, path)
  }
  for (const { storePath, node } of closure) {
    const path = textOf(formatStorePath(storePath))
    if (node.type === "symlink") words.push("--symlink", textOf(node.target), path)
    else words.push("--ro-bind", await places.trees.place(path, node), path)
  }
  // What is not bound from the machine would be lost: better not to let it be written.
  words.push("--remount-ro", "/")
  return [...words, "--chdir", process.cwd(), "--"]
}

/** Becomes another program, as a shell's `exec` does. */
export function become(enter: EnterCommand, command: readonly string[], env: NodeJS.ProcessEnv): never {
  const words = [...enter, ...command]
  process.execve!(words[0]!, words, env)
  throw new Error("execve came back")
}
