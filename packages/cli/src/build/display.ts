/** What is said of builds while they run: lines, and on a terminal one more that says how far they are. */
import { byteStringFrom, byteStringOf, textOf } from "@tvix-ts/bytes"
import type { RealiseEvent } from "@tvix-ts/glue/build"
import { parseStorePath } from "@tvix-ts/nix-compat"
import { formatBytes, formatDuration } from "../amounts.ts"
import { printable, writeError } from "../output.ts"
import { Progress } from "../progress.ts"

export interface DisplayOptions {
  /** Says nothing. */
  readonly quiet: boolean
  /** Whether what builders say is shown as it comes. */
  readonly logs: boolean
}

export class BuildDisplay {
  readonly #options: DisplayOptions
  readonly #progress: Progress
  /** Derivations that are being built, by path; paths that are being fetched. */
  readonly #building = new Set<string>()
  readonly #fetching = new Set<string>()
  #built = 0
  #fetched = 0
  #waiting = 0
  /** Beginnings of lines that builders have not ended. */
  readonly #lines = new Map<string, string>()
  readonly #timer: NodeJS.Timeout

  constructor(options: DisplayOptions) {
    this.#options = options
    this.#progress = new Progress(options.quiet)
    this.#timer = setInterval(() => this.#draw(), 200).unref()
  }

  readonly event = (event: RealiseEvent): void => {
    switch (event.kind) {
      case "build-waiting":
        this.#waiting++
        break
      case "build-started":
        this.#waiting--
        this.#building.add(event.derivation)
        this.#say(`building '${textOf(event.derivation)}'`)
        break
      case "build-log":
        if (this.#options.logs && !this.#options.quiet) this.#log(event.derivation, event.bytes)
        break
      case "build-done":
        this.#built++
        this.#end(event.derivation)
        break
      case "build-failed":
      case "build-cancelled":
        this.#end(event.derivation)
        break
      case "fetch-started":
        this.#fetching.add(event.path)
        this.#say(`fetching '${textOf(event.path)}' (${formatBytes(event.narSize)})`)
        break
      case "fetch-done":
        this.#fetched++
        this.#fetching.delete(event.path)
    }
    this.#draw()
  }

  /** Takes the line away: before anything else is written. */
  clear(): void {
    this.#progress.clear()
  }

  close(): void {
    clearInterval(this.#timer)
    this.clear()
  }

  #end(derivation: string): void {
    this.#building.delete(derivation)
    const rest = this.#lines.get(derivation)
    if (rest !== undefined && rest !== "") this.#write(derivation, rest)
    this.#lines.delete(derivation)
  }

  #log(derivation: string, bytes: Uint8Array): void {
    const lines = ((this.#lines.get(derivation) ?? "") + byteStringFrom(bytes)).split("\n")
    this.#lines.set(derivation, lines.pop()!)
    for (const line of lines) this.#write(derivation, line)
  }

  #write(derivation: string, line: string): void {
    this.clear()
    writeError(`${nameOf(derivation)}> ${line}\n`)
  }

  #say(text: string): void {
    if (this.#options.quiet) return
    this.clear()
    writeError(`${byteStringOf(text)}\n`)
  }

  #draw(): void {
    this.#progress.line((elapsedMs) => {
      const parts = [`${this.#built} built`]
      if (this.#building.size > 0) parts.push(`building ${namesOf(this.#building)}`)
      if (this.#fetching.size > 0) parts.push(`fetching ${namesOf(this.#fetching)}`)
      if (this.#fetched > 0) parts.push(`${this.#fetched} fetched`)
      if (this.#waiting > 0) parts.push(`${this.#waiting} waiting`)
      parts.push(formatDuration(elapsedMs))
      return parts.join("  ")
    })
  }
}

function nameOf(path: string): string {
  return printable(parseStorePath(path).name.replace(/\.drv$/, ""))
}
function namesOf(paths: ReadonlySet<string>): string {
  return [...paths].map((path) => textOf(nameOf(path))).join(", ")
}
