import { byteStringFrom } from "@tvix-ts/bytes"
import { nixMessage } from "./nix-message.ts"
import type { LogEnd } from "./problem.ts"

/** Bytes of a line that are kept. */
const LINE_MAX = 1000

/** The last lines of a log, of any length. */
export class LogTail {
  readonly #count: number
  readonly #onPhase: (phase: string) => void
  readonly #lines: string[] = []
  #line = ""
  #omitted = 0

  /** @param onPhase is told what the builder says that it is at */
  constructor(count: number, onPhase: (phase: string) => void) {
    this.#count = count
    this.#onPhase = onPhase
  }

  add(bytes: Uint8Array): void {
    const [first = "", ...others] = byteStringFrom(bytes).split("\n")
    this.#line = (this.#line + first).slice(0, LINE_MAX)
    for (const line of others) {
      this.#push(this.#line)
      this.#line = line.slice(0, LINE_MAX)
    }
  }

  #push(line: string): void {
    const message = nixMessage(line)
    if (message?.kind === "phase") this.#onPhase(message.phase)
    if (message !== undefined && message.kind !== "text") return
    this.#lines.push(message?.text ?? line)
    if (this.#lines.length <= this.#count) return
    this.#lines.shift()
    this.#omitted++
  }

  /** Ends the last line. Nothing may be added then. */
  end(): LogEnd {
    if (this.#line !== "") this.#push(this.#line)
    return { lines: this.#lines, omitted: this.#omitted }
  }
}
