/** A process and all that it starts, with an eye on the time and on how much it says. */
import { spawn, type SpawnOptions } from "node:child_process"
import type { Readable, Writable } from "node:stream"
import { BuildError, type BuildProblem } from "../problem.ts"
import type { BuildOptions } from "../service.ts"
import { withoutInherited } from "./inherited.ts"
import type { LogPipe } from "./log-pipe.ts"

export interface Started {
  readonly pid: number
  /** What was asked for beyond the standard ones, from 3 on: sockets to the process. */
  readonly channels: readonly (Readable & Writable)[]
}

export interface CommandOptions extends BuildOptions {
  readonly spawn: SpawnOptions
  /** How many {@link Started.channels} there are to be. */
  readonly channels?: number
  /** @param fail ends it, and is what the promise fails with */
  readonly onStart?: (started: Started, fail: (error: unknown) => void) => void
  /** Ends everything that was started. Called more than once if need be. */
  readonly kill: (started: Started) => void
  /** Resolves when nothing of it runs any more, after the process itself has ended. */
  readonly gone: (started: Started) => Promise<void>
}

/** How it ended, and the last bytes that it wrote. */
export interface Ended {
  readonly status: number | undefined
  readonly signal: string | undefined
  readonly lastWords: Uint8Array
}

/** Bytes; a line of a program that starts others. */
const LAST_WORDS = 1024

/**
 * Runs the command until nothing of it is left, whatever happens.
 *
 * @throws {BuildError} `start`, `timeout`, `silence`, `log-limit`; or the signal's reason
 */
export async function runCommand(
  file: string,
  words: readonly string[],
  log: LogPipe,
  options: CommandOptions,
): Promise<Ended> {
  const { signal, onLog, timeoutMs, silenceMs, logBytesMax } = options
  signal?.throwIfAborted()
  const channelCount = options.channels ?? 0
  const child = spawn(file, words, {
    ...options.spawn,
    stdio: withoutInherited([
      "ignore",
      log.input,
      log.input,
      ...Array.from({ length: channelCount }, () => "pipe" as const),
    ]),
  })
  const exit = new Promise<{ status: number | null; signal: string | null }>((resolve, reject) => {
    child.once("exit", (status, by) => resolve({ status, signal: by }))
    child.once("error", reject)
  })
  log.closeInput()
  const { pid } = child
  if (pid === undefined) {
    const error = await exit.then(
      () => undefined,
      (reason: Error) => reason,
    )
    throw new BuildError({ code: "start", reason: `${file} cannot be started: ${error?.message}` }, { cause: error })
  }
  const started: Started = {
    pid,
    channels: child.stdio.slice(3, 3 + channelCount) as unknown as (Readable & Writable)[],
  }
  // They break when the process ends, which is said elsewhere.
  for (const channel of started.channels) channel.on("error", () => {})

  let failure: { readonly error: unknown } | undefined
  const fail = (error: unknown): void => {
    failure ??= { error }
    options.kill(started)
  }
  const give = (problem: BuildProblem): void => fail(new BuildError(problem))
  const timers: NodeJS.Timeout[] = []
  if (timeoutMs !== undefined) timers.push(setTimeout(() => give({ code: "timeout", limitMs: timeoutMs }), timeoutMs))
  const silence =
    silenceMs === undefined ? undefined : setTimeout(() => give({ code: "silence", limitMs: silenceMs }), silenceMs)
  if (silence !== undefined) timers.push(silence)
  const onAbort = (): void => fail(signal!.reason)
  signal?.addEventListener("abort", onAbort, { once: true })

  let said = 0
  let lastWords: Uint8Array = new Uint8Array()
  log.output.on("data", (bytes: Buffer) => {
    silence?.refresh()
    if (failure !== undefined) return
    said += bytes.length
    if (logBytesMax !== undefined && said > logBytesMax) {
      give({ code: "log-limit", limit: logBytesMax })
      return
    }
    lastWords = bytes.length >= LAST_WORDS ? bytes.subarray(-LAST_WORDS) : Buffer.concat([lastWords, bytes])
    if (lastWords.length > LAST_WORDS) lastWords = lastWords.subarray(-LAST_WORDS)
    try {
      onLog?.(bytes)
    } catch (error) {
      fail(error)
    }
  })
  const silent = new Promise<void>((resolve) => log.output.once("close", resolve))

  try {
    try {
      options.onStart?.(started, fail)
    } catch (error) {
      fail(error)
    }
    const ended = await exit
    // What is left in the pipe is read after all who could write to it are gone.
    options.kill(started)
    await options.gone(started)
    await silent
    if (failure !== undefined) throw failure.error
    return { status: ended.status ?? undefined, signal: ended.signal ?? undefined, lastWords }
  } finally {
    signal?.removeEventListener("abort", onAbort)
    for (const timer of timers) clearTimeout(timer)
    for (const channel of started.channels) channel.destroy()
  }
}
