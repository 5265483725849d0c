/** The command line under test, as a process that can be killed. */
import { spawn, spawnSync } from "node:child_process"
import { join } from "node:path"
import { ROOT } from "../toolchain.mjs"

export const TVIX_STORE = join(ROOT, "bin", "tvix-store")
const TVIX = join(ROOT, "bin", "tvix")

export interface Outcome {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  /** Whole lines that were printed: what the command acknowledged. */
  readonly lines: readonly string[]
  readonly stdout: string
  readonly stderr: string
  readonly ms: number
}

/** Runs to the end. */
export function tvixStore(store: string, ...words: readonly string[]): Outcome {
  const started = performance.now()
  const { status, signal, stdout, stderr } = spawnSync(TVIX_STORE, ["--store", store, ...words], {
    encoding: "utf8",
    maxBuffer: 2 ** 30,
  })
  return { status, signal, lines: wholeLines(stdout), stdout, stderr, ms: performance.now() - started }
}

/**
 * Runs until it ends, or until `killAfter` ms have passed: kill -9.
 *
 * @param words of `tvix-store`, or of `tvix` if the first is `instantiate`
 */
export function killed(store: string, words: readonly string[], killAfter: number): Promise<Outcome> {
  const started = performance.now()
  const [command = "", ...rest] = words
  const isTvix = command === "instantiate"
  const line = isTvix ? [command, "--store", store, ...rest] : ["--store", store, ...words]
  // The launcher becomes Node, so that the signal reaches the program itself.
  const child = spawn(isTvix ? TVIX : TVIX_STORE, line, { stdio: ["ignore", "pipe", "pipe"] })
  let stdout = ""
  let stderr = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text))
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text))
  const timer = setTimeout(() => child.kill("SIGKILL"), killAfter)
  return new Promise((resolve, reject) => {
    child.on("error", reject)
    child.on("close", (status, signal) => {
      clearTimeout(timer)
      resolve({ status, signal, lines: wholeLines(stdout), stdout, stderr, ms: performance.now() - started })
    })
  })
}

function wholeLines(text: string): string[] {
  return text.split("\n").slice(0, -1)
}
