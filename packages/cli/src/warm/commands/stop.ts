/** `tvix warm stop` */
import type { Command, Tool } from "../../commands/command.ts"
import { findRunning } from "../running.ts"
import { atPlace } from "./shared.ts"

async function run(words: readonly string[], tool: Tool): Promise<number> {
  return atPlace({ tool, name: "stop", words, options: [], settings: {} }, async (place) => {
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
