/** wrk, which asks for more than a server can give. */
import { run } from "../acceptance/program.ts"

/** A script for wrk that asks for one path after the other. */
export function wrkScript(paths: readonly string[]): string {
  return `local requests = {}
init = function()
  for i, path in ipairs({ ${paths.map((path) => JSON.stringify(path)).join(", ")} }) do requests[i] = wrk.format("GET", path) end
end
local at = 0
request = function()
  at = at % #requests + 1
  return requests[at]
end
`
}

export async function wrk(url: string, script: string, connections: number, seconds: number): Promise<string> {
  const words = ["wrk", "-t1", `-c${connections}`, `-d${seconds}s`, "--latency", "--timeout", "20s", "-s", script, url]
  const { status, out, error } = await run(words)
  if (status !== 0) throw new Error(`wrk ended with ${status}: ${error}`)
  return out
}

export function field(report: string, pattern: RegExp): string {
  return pattern.exec(report)?.[1] ?? "?"
}
