import { TVIX } from "./commands/registry.ts"
import { runTool } from "./tool.ts"

/** `tvix`; the result is the exit code. */
export async function tvix(words: readonly string[]): Promise<number> {
  return runTool(TVIX, words)
}
