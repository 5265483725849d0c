#!/usr/bin/env node
/** `tvix`: finds the subcommand and hands over. */
import { byteStringOf } from "@tvix-ts/bytes"
import { COMMANDS } from "./commands/registry.ts"
import { misuse, unknownWord } from "./commands/usage.ts"
import { runMain } from "./main.ts"
import { writeOut } from "./output.ts"
import { NIX_VERSION, VERSION } from "./version.ts"

async function main([name, ...words]: readonly string[]): Promise<number> {
  if (name === "--version" || name === "-V") {
    writeOut(`tvix ${VERSION}, the language of Nix ${NIX_VERSION}\n`)
    return 0
  }
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    const { commandHelp, programHelp } = await import("./help.ts")
    const [topic] = words
    const known = topic !== undefined && Object.hasOwn(COMMANDS, topic)
    writeOut(byteStringOf(known ? await commandHelp(topic) : programHelp()))
    return 0
  }
  try {
    if (!Object.hasOwn(COMMANDS, name)) {
      unknownWord(name.startsWith("-") ? "option" : "command", name, Object.keys(COMMANDS))
    }
  } catch (error) {
    return misuse(error)
  }
  const command = await COMMANDS[name]!.load()
  return command.run(words)
}

void runMain(main)
