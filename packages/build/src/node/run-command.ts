/** A process and all that it starts, with an eye on the time and on how much it says. */
import { spawn, type SpawnOptions } from "node:child_process"
import { withinLimits } from "../limits.ts"
import { BuildError } from "../problem.ts"
import type { BuildOptions } from "../service.ts"
import { withoutInherited } from "./inherited.ts"
import type { LogPipe } from "./log-pipe.ts"

/** A process and all that it starts. */
export interface Running {
  /** How the process itself ended. @throws {BuildError} if it was not started */
  readonly exit: Promise<{ readonly status: number | undefined; readonly signal: string | undefined }>
  /** Ends everything. Called more than once if need be. */
  kill(): void
  /** Resolves when nothing of it runs any more, after the process itself has ended. */
  gone(): Promise<void>
}

/** How it ended, and the last bytes that it wrote. */
export interface Ended {
  readonly status: number | undefined
  readonly signal: string | undefined
  readonly lastWords: Uint8Array
}

/** @returns its number, if it was started, and how it ends */
export function startProcess(
  file: string,
  words: readonly string[],
  log: LogPipe,
  options: SpawnOptions,
): Pick<Running, "exit"> & { readonly pid: number | undefined } {
  const child = spawn(file, words, { ...options, stdio: withoutInherited(["ignore", log.input, log.input]) })
  log.closeInput()
  const exit = new Promise<Awaited<Running["exit"]>>((resolve, reject) => {
    child.once("exit", (status, signal) => resolve({ status: status ?? undefined, signal: signal ?? undefined }))
    child.once("error", (error) => {
      const reason = `${file} cannot be started: ${error.message}`
      reject(new BuildError({ code: "start", reason }, { cause: error }))
    })
  })
  return { pid: child.pid, exit }
}

/** Bytes; a line of a program that starts others. */
const LAST_WORDS = 1024

/**
 * Runs a command until nothing of it is left, whatever happens.
 *
 * @param start it; what `fail` is called with ends it, and is what the promise fails with
 * @throws {BuildError} `timeout`, `silence`, `log-limit`; or the signal's reason
 */
export function runCommand(
  start: (fail: (error: unknown) => void) => Running,
  log: LogPipe,
  options: BuildOptions,
): Promise<Ended> {
  return withinLimits(options, async ({ signal, onLog }, fail) => {
    signal.throwIfAborted()
    const running = start(fail)
    const kill = (): void => running.kill()
    signal.addEventListener("abort", kill, { once: true })
    try {
      let lastWords: Uint8Array = new Uint8Array()
      log.output.on("data", (bytes: Buffer) => {
        if (signal.aborted) return
        lastWords = bytes.length >= LAST_WORDS ? bytes.subarray(-LAST_WORDS) : Buffer.concat([lastWords, bytes])
        if (lastWords.length > LAST_WORDS) lastWords = lastWords.subarray(-LAST_WORDS)
        try {
          onLog(bytes)
        } catch (error) {
          fail(error)
        }
      })
      const silent = new Promise<void>((resolve) => log.output.once("close", resolve))
      const ended = await running.exit
      // What is left in the pipe is read after all who could write to it are gone.
      kill()
      await running.gone()
      await silent
      signal.throwIfAborted()
      return { ...ended, lastWords }
    } finally {
      // By then its numbers, and its pipe, may be somebody else's.
      signal.removeEventListener("abort", kill)
    }
  })
}
