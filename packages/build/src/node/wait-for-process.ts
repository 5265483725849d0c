import { readFileSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"

/** A process, told from a later one of the same number by when it started. */
export interface ProcessId {
  readonly pid: number
  /** Ticks since the machine started; field 22 of proc(5)'s stat. */
  readonly started: string
}

/** `undefined` if there is none. */
export function processId(pid: number): ProcessId | undefined {
  const state = stateOf(pid)
  return state === undefined ? undefined : { pid, started: state.started }
}

/** Kills it, unless it has ended. */
export function killProcess({ pid, started }: ProcessId): void {
  if (stateOf(pid)?.started === started) killIfThere(pid)
}

/** @param pid of a process, or the negative of a group's */
export function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error
  }
}

/**
 * Resolves when the process has ended. For the first one of a process namespace, that is when all others in it have: the
 * kernel ends it last.
 */
export async function processEnd({ pid, started }: ProcessId): Promise<void> {
  for (let ms = 0; ; ms = Math.min(50, ms + 1)) {
    const state = stateOf(pid)
    // A zombie has ended; whoever adopted it may never ask how.
    if (state === undefined || state.started !== started || ENDED.has(state.letter)) return
    await sleep(ms)
  }
}

const ENDED: ReadonlySet<string> = new Set(["Z", "X", "x"])

function stateOf(pid: number): { readonly letter: string; readonly started: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1")
    // The name of the program is in parentheses, and may contain any.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ")
    return { letter: fields[0]!, started: fields[19]! }
  } catch {
    return undefined
  }
}
