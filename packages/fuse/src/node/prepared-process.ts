import { spawn, type ChildProcess, type StdioOptions } from "node:child_process"
import type { Writable } from "node:stream"

/** What a process is told by that it may begin. */
const GO_FD = 3
const WAIT = `read -r _ <&${GO_FD} || exit 0; exec "$@" ${GO_FD}<&-`

/**
 * A process that was started before it is wanted, by whoever is going to answer for a folder: when Node starts a process, it does
 * nothing else until its program has been found and read, which may be in that folder. A shell waits instead of it, and ends
 * if we do.
 */
export class PreparedProcess {
  readonly child: ChildProcess

  /** @param stdio of the three standard files */
  constructor(
    words: readonly string[],
    stdio: readonly ["ignore" | "inherit", "ignore" | "inherit", "inherit" | "pipe"],
  ) {
    const all: StdioOptions = [...stdio, "pipe"]
    this.child = spawn("/bin/sh", ["-c", WAIT, "sh", ...words], { stdio: all })
    // It may have ended, which whoever waits for that is told.
    this.#signal.on("error", () => {})
    this.child.on("error", () => {})
  }

  get #signal(): Writable {
    return this.child.stdio[GO_FD] as Writable
  }

  /** Lets it begin. */
  go(): void {
    this.#signal.end("\n")
  }

  /** It is not wanted any more. */
  dismiss(): void {
    this.#signal.end()
  }
}
