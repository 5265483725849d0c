/** Runs a command and watches how much memory it takes. */
import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"

export interface Watched {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
  /** Peak resident set in bytes; 0 where there is no /proc. */
  readonly peak: number
}

const SAMPLE_MS = 2

/**
 * Node does not tell what its children used, so the kernel's own high-water mark is read while the command runs. What
 * it takes in its last {@link SAMPLE_MS} is missed.
 */
export function peakMemory(words: readonly string[], env: NodeJS.ProcessEnv, input = ""): Promise<Watched> {
  const [command = "", ...args] = words
  const child = spawn(command, args, { env, stdio: ["pipe", "pipe", "pipe"] })
  // Who does not read it may have ended by then.
  child.stdin.on("error", () => {}).end(input)
  let peak = 0
  const timer = setInterval(() => {
    peak = Math.max(peak, highWaterMark(child.pid ?? 0))
  }, SAMPLE_MS)
  let stdout = ""
  let stderr = ""
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk))
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk))
  return new Promise((resolve, reject) => {
    child.on("error", (error) => {
      clearInterval(timer)
      reject(error)
    })
    child.on("close", (status) => {
      clearInterval(timer)
      resolve({ status, stdout, stderr, peak })
    })
  })
}

function highWaterMark(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024
  } catch {
    return 0 // it has ended, or this is not Linux
  }
}
