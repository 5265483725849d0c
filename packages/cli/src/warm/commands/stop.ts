/** `tvix warm stop` */
import type { Command, Tool } from "../../commands/command.ts"
import { misuse, readOptions } from "../../commands/usage.ts"
import { UsageError } from "../../options.ts"
import { findRunning } from "../running.ts"
import { atPlace } from "./shared.ts"

async function run(words: readonly string[], tool: Tool): Promise<number> {
  const operands = await readOptions(tool, "stop", words, [], {})
  if (typeof operands === "number") return operands
  if (operands.length > 0) return misuse(tool, new UsageError(`nothing to do with '${operands[0]}'`), "stop")
  return atPlace(async (place) => {
    const running = await findRunning(place)
    await running?.stop()
    return 0
  })
}

export const command: Command = {
  usage: "tvix warm stop",
  details: `Ends the process. What it evaluates for somebody just then begins anew in his own.

Examples:
  tvix warm stop`,
  options: [],
  operands: "none",
  run,
}
