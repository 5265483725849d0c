/** Ctrl-C, for commands that have something to bring to an end. */

import { caller, type Caller } from "./caller.ts"

/** What shells report of commands killed by these. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const

export interface Interrupt {
  /** Aborted when somebody wants the command to end. */
  readonly signal: AbortSignal
  /** What it then ends with; undefined as long as nobody does. */
  readonly exitCode: number | undefined
  /** From now on the system's way of ending a program is right again. */
  release(): void
}

/** From now on Ctrl-C is a request. The second one is not. */
export function onInterrupt(): Interrupt {
  if (caller !== undefined) return interruptOf(caller)
  const controller = new AbortController()
  let exitCode: number | undefined
  const interrupt = (name: keyof typeof EXIT_CODES): void => {
    if (exitCode !== undefined) process.exit(exitCode)
    exitCode = EXIT_CODES[name]
    controller.abort(new Error("interrupted"))
  }
  process.on("SIGINT", interrupt)
  process.on("SIGTERM", interrupt)
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode
    },
    release() {
      process.off("SIGINT", interrupt)
      process.off("SIGTERM", interrupt)
    },
  }
}

/** Whoever presses Ctrl-C ends the caller, and does not see what we end with. */
function interruptOf({ signal }: Caller): Interrupt {
  return {
    signal,
    get exitCode() {
      return signal.aborted ? EXIT_CODES.SIGINT : undefined
    },
    release() {},
  }
}
