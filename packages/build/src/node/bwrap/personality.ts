import { spawnSync } from "node:child_process"
import { findProgram } from "../program.ts"
import { quoted } from "../shell.ts"

/** By kind of machine, what setarch(8) calls it. */
const MACHINES: Readonly<Record<string, string>> = {
  "x86_64-linux": "x86_64",
  "i686-linux": "i686",
  "aarch64-linux": "aarch64",
}

/**
 * What makes the kernel show itself as a machine of that kind to a program that it becomes: words of a shell. Addresses are
 * always the same then, as in sandboxes of C++ Nix, so that what depends on them is. Nothing where that is not to be had.
 */
export function personalityOf(): (system: string) => string {
  const setarch = findProgram("setarch")
  // Containers may refuse.
  const refused = setarch === undefined || spawnSync(setarch, ["-R", "true"], { stdio: "ignore" }).status !== 0
  return (system) => {
    const machine = MACHINES[system]
    return refused || machine === undefined ? "" : `${quoted(setarch)} ${machine} -R `
  }
}
