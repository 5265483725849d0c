/** Programs that are run, and what they say. */
import { spawn } from "node:child_process"
import process from "node:process"

export interface Outcome {
  readonly status: number | null
  readonly out: string
  readonly error: string
  readonly ms: number
}

export interface ProgramOptions {
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly input?: string
}

/** No program here takes longer, unless something is wrong. */
const TIME_MAX_MS = 1_800_000

/** Runs a program to its end. */
export function run(words: readonly string[], { env = {}, cwd, input = "" }: ProgramOptions = {}): Promise<Outcome> {
  const [command = "", ...args] = words
  const started = performance.now()
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    timeout: TIME_MAX_MS,
    stdio: ["pipe", "pipe", "pipe"],
  })
  const texts = { out: "", error: "" }
  child.stdout.setEncoding("utf8").on("data", (text: string) => (texts.out += text))
  child.stderr.setEncoding("utf8").on("data", (text: string) => (texts.error += text))
  child.stdin.on("error", () => {}).end(input)
  return new Promise((resolve, reject) => {
    child.on("error", reject)
    child.on("close", (status) => resolve({ status, ...texts, ms: performance.now() - started }))
  })
}

/** What a program prints, without the last line's end. @throws {Error} if it fails, with what it complains of */
export async function output(words: readonly string[], options: ProgramOptions = {}): Promise<string> {
  const { status, out, error } = await run(words, options)
  if (status !== 0) throw new Error(`${words.join(" ")} ended with ${status}: ${error.trim()}`)
  return out.trimEnd()
}
