/** What a program with subcommands does with its words: finds the subcommand and hands over. */
import { byteStringOf } from "@tvix-ts/bytes"
import type { Tool } from "./commands/command.ts"
import { misuse, unknownWord } from "./commands/usage.ts"
import { writeOut } from "./output.ts"

/** The result is the exit code. */
export async function runTool(tool: Tool, allWords: readonly string[]): Promise<number> {
  const { front, rest } = splitShared(tool, allWords)
  const [name, ...words] = rest
  if (name === "--version" || name === "-V") {
    writeOut(`${tool.version}\n`)
    return 0
  }
  try {
    if (name === undefined || name === "--help" || name === "-h" || name === "help") {
      writeOut(byteStringOf(await helpOn(tool, words[0])))
      return 0
    }
    if (!Object.hasOwn(tool.commands, name)) {
      if (!name.startsWith("-")) unknownWord("command", name, [...Object.keys(tool.commands), "help"])
      unknownWord("option", name, [...tool.shared.flatMap(({ names }) => names), "--help", "--version"])
    }
  } catch (error) {
    return misuse(tool, error)
  }
  const command = await tool.commands[name]!.load()
  return command.run([...front, ...words], tool)
}

async function helpOn(tool: Tool, topic: string | undefined): Promise<string> {
  if (topic !== undefined && Object.hasOwn(tool.topics, topic)) return tool.topics[topic]!.load()
  const { commandHelp, toolHelp } = await import("./help.ts")
  if (topic === undefined || topic.startsWith("-")) return toolHelp(tool)
  if (Object.hasOwn(tool.commands, topic)) return commandHelp(tool, topic)
  return unknownWord("command", topic, [...Object.keys(tool.commands), ...Object.keys(tool.topics)])
}

/** Options of every command may stand in front of its name; it finds them among its own. */
function splitShared(tool: Tool, words: readonly string[]): { front: readonly string[]; rest: readonly string[] } {
  let at = 0
  for (let word = words[at]; word !== undefined; word = words[at]) {
    const [name] = word.split("=", 1)
    const option = tool.shared.find(({ names }) => names.includes(name!))
    if (option === undefined) break
    at += name === word ? 1 + option.values.length : 1
  }
  return { front: words.slice(0, at), rest: words.slice(at) }
}
