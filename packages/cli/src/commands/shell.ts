/** `tvix shell` */
import { textOf } from "@tvix-ts/bytes"
import type { Deliver } from "../build/build.ts"
import type { EnterCommand } from "../build/enter.ts"
import { UsageError } from "../options.ts"
import { BUILD_OPTIONS, programSettings, programsOf } from "./build-options.ts"
import type { Command, Tool } from "./command.ts"
import { misuse, readOptions } from "./usage.ts"

async function run(words: readonly string[], tool: Tool): Promise<number> {
  const settings = programSettings()
  // What is behind it is a command to run in place of a shell.
  const end = words.indexOf("--")
  const operands = await readOptions(tool, "shell", end < 0 ? words : words.slice(0, end), BUILD_OPTIONS, settings)
  if (typeof operands === "number") return operands
  if (process.platform !== "linux") return misuse(tool, new UsageError("only Linux can run what was built"), "shell")
  const { buildPrograms } = await import("../build/build.ts")
  const { become, enterCommand } = await import("../build/enter.ts")
  let enter: EnterCommand | undefined
  let folders: readonly string[] = []
  const deliver: Deliver = async (built, store, { places }) => {
    const paths = built.map(({ storePath }) => storePath)
    folders = paths.map((path) => `${textOf(path)}/bin`)
    enter = await enterCommand(paths, store, places)
  }
  const status = await buildPrograms(settings, { programs: programsOf(operands, settings), voice: "tvix" }, deliver)
  if (status !== 0 || enter === undefined) return status
  const { PATH = "", SHELL } = process.env
  const asked = end < 0 ? [] : words.slice(end + 1)
  const command = asked.length > 0 ? asked : [SHELL || "/bin/sh"]
  return become(enter, command, { ...process.env, PATH: [...folders, PATH].join(":") })
}

export const command: Command = {
  usage: "tvix shell [OPTION...] [FILE... | - | -E EXPR] [-- COMMAND [ARGUMENT...]]",
  details: `Builds derivations, as tvix build does, and starts a shell, or COMMAND, that has their programs first in its PATH.

Examples:
  tvix shell '<nixpkgs>' -A git -A ripgrep
  tvix shell tools.nix -A lua -- lua -e 'print(_VERSION)'`,
  options: BUILD_OPTIONS,
  operands: "files",
  run,
}
