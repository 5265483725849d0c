/** How far a long command is: one line on standard error, drawn again and again. Nothing if that is not a terminal. */
import { byteStringOf } from "@tvix-ts/bytes"
import { CLEAR_LINE, isTerminal, printable, terminalSize, uptime, writeError } from "./output.ts"
import { formatBytes, formatCount, formatDuration, formatNumber } from "./amounts.ts"

const INTERVAL_MS = 100
/** Commands that are done before this show nothing. */
const PATIENCE_MS = 300
/** The rate is that of the last seconds: what a reader compares with the disk at hand. */
const RATE_WINDOW_MS = 5000

export interface Amounts {
  readonly bytes: number
  readonly files?: number
}

export class Progress {
  readonly #quiet: boolean
  /** Whether there is a terminal; not found out by commands that are done at once, since it loads a good part of Node. */
  #terminal: boolean | undefined
  readonly #started = uptime()
  readonly #samples: { readonly at: number; readonly bytes: number }[] = []
  #drawn = 0
  #visible = false

  /** @param quiet shows nothing, terminal or not */
  constructor(quiet: boolean) {
    this.#quiet = quiet
  }

  /**
   * Says how far it is. To be called as often as one likes.
   *
   * @param what as in "importing src"
   * @param bytesTotal if it is known
   */
  update(what: string, amounts: Amounts, bytesTotal?: number): void {
    const now = this.#due()
    if (now !== undefined) this.#draw(progressLine(what, amounts, this.#rate(now, amounts.bytes), bytesTotal))
  }

  /** The same for work that is not in bytes. */
  steps(what: string, done: number, total: number | undefined): void {
    if (this.#due() === undefined) return
    this.#draw(`${what}  ${formatNumber(done)}${total === undefined ? "" : ` of ${formatNumber(total)}`}`)
  }

  /** The same for anything else; the line is not made unless it is shown. Whether it was. */
  line(make: (elapsedMs: number) => string): boolean {
    const now = this.#due()
    if (now === undefined) return false
    this.#draw(make(now - this.#started))
    return true
  }

  /** What time it is, if it is time to draw. */
  #due(): number | undefined {
    if (this.#quiet || this.#terminal === false) return undefined
    const now = uptime()
    if (now - this.#drawn < INTERVAL_MS || now - this.#started < PATIENCE_MS) return undefined
    this.#terminal ??= isTerminal(2) && (process.env["TERM"] ?? "dumb") !== "dumb"
    return this.#terminal ? now : undefined
  }

  #draw(line: string): void {
    this.#drawn = uptime()
    this.#visible = true
    const shown = line.slice(0, Math.max(20, terminalSize().columns - 1))
    writeError(CLEAR_LINE + printable(byteStringOf(shown)))
  }

  /** Takes the line away: before anything else is written, and at the end. */
  clear(): void {
    if (this.#visible) writeError(CLEAR_LINE)
    this.#visible = false
  }

  /** Bytes a second. */
  #rate(now: number, bytes: number): number {
    const samples = this.#samples
    // Another task, which counts from 0.
    if (samples.length > 0 && samples.at(-1)!.bytes > bytes) samples.length = 0
    samples.push({ at: now, bytes })
    while (samples.length > 2 && samples[1]!.at < now - RATE_WINDOW_MS) samples.shift()
    const [first] = samples
    return now === first!.at ? 0 : ((bytes - first!.bytes) / (now - first!.at)) * 1000
  }
}

/** @param rate bytes a second, 0 if not known yet */
export function progressLine(what: string, { bytes, files }: Amounts, rate: number, bytesTotal?: number): string {
  const parts = [what]
  if (files !== undefined) parts.push(formatCount(files, "file"))
  if (bytesTotal === undefined) parts.push(formatBytes(bytes))
  else parts.push(`${formatBytes(bytes)} of ${formatBytes(bytesTotal)}`)
  if (rate > 0) {
    parts.push(`${formatBytes(rate)}/s`)
    if (bytesTotal !== undefined && bytesTotal > bytes) {
      parts.push(`${formatDuration(((bytesTotal - bytes) / rate) * 1000)} left`)
    }
  }
  return parts.join("  ")
}
