/** The limits of a build: how long it takes, how long it may be silent, how much it says, and its caller's patience. */
import { BuildError, type BuildProblem } from "./problem.ts"
import type { BuildOptions } from "./service.ts"

export interface Limited {
  /** Says that it is over: whoever works has to end. */
  readonly signal: AbortSignal
  readonly onLog: (bytes: Uint8Array) => void
  /** Whoever says nothing, but gets on, is not silent: C++ Nix' builders tell of all that arrives. */
  readonly onActivity: () => void
}

/**
 * Runs `work`, which is asked to end when it goes beyond a limit, and waited for.
 *
 * @param work is also given a way to end itself, and what it fails with then, as a limit would: whatever comes first counts
 * @throws {BuildError} `timeout`, `silence`, `log-limit`; the signal's reason
 */
export async function withinLimits<T>(
  { signal, onLog, timeoutMs, silenceMs, logBytesMax }: BuildOptions,
  work: (limited: Limited, fail: (error: unknown) => void) => Promise<T>,
): Promise<T> {
  const end = new AbortController()
  const fail = (error: unknown): void => end.abort(error)
  const give = (problem: BuildProblem) => (): void => fail(new BuildError(problem))
  const timer =
    timeoutMs === undefined ? undefined : setTimeout(give({ code: "timeout", limitMs: timeoutMs }), timeoutMs)
  let silence: ReturnType<typeof setTimeout> | undefined
  const onActivity = (): void => {
    if (silenceMs === undefined) return
    clearTimeout(silence)
    silence = setTimeout(give({ code: "silence", limitMs: silenceMs }), silenceMs)
  }
  onActivity()
  let said = 0
  const limited: Limited = {
    signal: signal === undefined ? end.signal : AbortSignal.any([signal, end.signal]),
    onActivity,
    onLog(bytes) {
      onActivity()
      said += bytes.length
      if (logBytesMax !== undefined && said > logBytesMax) give({ code: "log-limit", limit: logBytesMax })()
      else onLog?.(bytes)
    },
  }
  try {
    const made = await work(limited, fail)
    end.signal.throwIfAborted()
    return made
  } catch (error) {
    limited.signal.throwIfAborted()
    throw error
  } finally {
    clearTimeout(timer)
    clearTimeout(silence)
  }
}
