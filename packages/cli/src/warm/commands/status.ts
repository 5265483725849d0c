/** `tvix warm status` */
import { byteStringOf } from "@tvix-ts/bytes"
import { formatBytes, formatCount, formatDuration } from "../../amounts.ts"
import type { Command, Tool } from "../../commands/command.ts"
import type { Option } from "../../options.ts"
import { writeOut } from "../../output.ts"
import { findRunning } from "../running.ts"
import { atPlace } from "./shared.ts"

interface StatusSettings {
  json: boolean
}

const OPTIONS: readonly Option<StatusSettings>[] = [
  { names: ["--json"], values: [], summary: "print JSON", set: (to) => void (to.json = true) },
]

async function run(words: readonly string[], tool: Tool): Promise<number> {
  const settings: StatusSettings = { json: false }
  return atPlace({ tool, name: "status", words, options: OPTIONS, settings }, async (place) => {
    const running = await findRunning(place)
    running?.leave()
    if (settings.json) {
      const { pid, busy, evaluations, age, memory, memoryPeak } = running ?? {}
      const { socket, log } = place
      const record = { running: running !== undefined, pid, busy, evaluations, age, memory, memoryPeak, socket, log }
      writeOut(byteStringOf(`${JSON.stringify(record)}\n`))
    } else if (running === undefined) {
      writeOut("there is none: tvix warm start starts one\n")
    } else {
      const { pid, busy, evaluations, age, memory } = running
      const parts = [
        `process ${pid}`,
        busy ? "evaluating" : "waiting",
        formatCount(evaluations, "evaluation"),
        `for ${formatDuration(age * 1000)}`,
        formatBytes(memory),
      ]
      writeOut(byteStringOf(`${parts.join("  ")}\n`))
    }
    return running === undefined ? 1 : 0
  })
}

export const command: Command = {
  usage: "tvix warm status [--json]",
  details: `Says whether there is a process that evaluates for others, and what it has done. Exits with 1 if there is none.

Examples:
  tvix warm status
  tvix warm status --json | jq .memory`,
  options: OPTIONS,
  operands: "none",
  run,
}
