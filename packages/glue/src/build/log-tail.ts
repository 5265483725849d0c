import { byteStringFrom } from "@tvix-ts/bytes"

/** Bytes of a line that are kept. */
const LINE_MAX = 1000

/** The last lines of a log, of any length. */
export class LogTail {
  readonly #count: number
  readonly #lines: string[] = []
  #line = ""

  constructor(count: number) {
    this.#count = count
  }

  add(bytes: Uint8Array): void {
    // Only the end of a large piece can matter.
    const text = byteStringFrom(bytes.subarray(Math.max(0, bytes.length - this.#count * LINE_MAX)))
    const [first = "", ...others] = text.split("\n")
    this.#line = (this.#line + first).slice(0, LINE_MAX)
    for (const line of others) {
      this.#push()
      this.#line = line.slice(0, LINE_MAX)
    }
  }

  #push(): void {
    this.#lines.push(this.#line)
    if (this.#lines.length > this.#count) this.#lines.shift()
  }

  /** Byte strings, at most as many as were asked for. */
  lines(): string[] {
    const all = this.#line === "" ? this.#lines : [...this.#lines, this.#line]
    return all.slice(-this.#count)
  }
}
