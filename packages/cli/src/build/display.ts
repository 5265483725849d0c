/** What is said of builds while they run: a tree on a terminal, lines elsewhere, JSON for machines. */
import { byteStringFrom, byteStringOf, textOf } from "@tvix-ts/bytes"
import { nixMessage, type RealiseEvent } from "@tvix-ts/glue/build"
import { formatStorePath } from "@tvix-ts/nix-compat"
import { formatBytes } from "../amounts.ts"
import { colorsWanted, isTerminal, printable, terminalSize, uptime, writeError } from "../output.ts"
import { BuildTree, nameOf } from "./build-tree.ts"
import { BuildTimes } from "./times.ts"

export interface DisplayOptions {
  /** Says nothing, but what goes wrong. */
  readonly quiet: boolean
  /** Whether what builders say is shown as it comes. */
  readonly logs: boolean
  readonly format: "text" | "json"
  /** Where it is kept how long builds take. */
  readonly timesFile: string
}

const INTERVAL_MS = 100

export class BuildDisplay {
  readonly #options: DisplayOptions
  readonly #times: BuildTimes
  readonly #tree: BuildTree
  readonly #isLive: boolean
  readonly #timer: NodeJS.Timeout | undefined
  /** Lines of the tree that are on the screen. */
  #height = 0
  readonly #warned = new Set<string>()
  /** Beginnings of lines that builders have not ended. */
  readonly #lines = new Map<string, string>()

  constructor(options: DisplayOptions) {
    this.#options = options
    this.#times = new BuildTimes(options.timesFile)
    this.#tree = new BuildTree(this.#times.times)
    const { quiet, format } = options
    this.#isLive = !quiet && format === "text" && isTerminal(2) && (process.env["TERM"] ?? "dumb") !== "dumb"
    if (this.#isLive) this.#timer = setInterval(() => this.#draw(), INTERVAL_MS).unref()
  }

  readonly event = (event: RealiseEvent): void => {
    const now = uptime()
    this.#tree.event(event, now)
    if (event.kind === "build-done")
      this.#times.set(nameOf(event.derivation), this.#tree.elapsed(event.derivation, now))
    if (this.#options.format === "json") writeError(`${byteStringOf(JSON.stringify(recordOf(event)))}\n`)
    else if (!this.#options.quiet) this.#tell(event)
  }

  /** Takes the tree away: before anything else is written. */
  clear(): void {
    if (this.#height > 0) writeError(`\x1b[${this.#height}F\x1b[J`)
    this.#height = 0
  }

  close(): void {
    clearInterval(this.#timer)
    this.clear()
    this.#times.save()
  }

  #tell(event: RealiseEvent): void {
    switch (event.kind) {
      case "build-started":
        if (!this.#isLive) this.#say(`building '${textOf(event.derivation)}'`)
        break
      case "build-kept":
        this.clear()
        this.#say(`the folder of '${textOf(event.derivation)}' is ${event.folder}`)
        break
      case "build-elsewhere":
        if (!this.#isLive) this.#say(`waiting for another process to build '${textOf(event.derivation)}'`)
        break
      case "build-log":
        if (this.#options.logs) this.#log(event.derivation, event.bytes)
        break
      case "build-done":
      case "build-failed":
      case "build-cancelled": {
        const rest = this.#lines.get(event.derivation) ?? ""
        this.#lines.delete(event.derivation)
        if (rest !== "") this.#write(event.derivation, rest)
        break
      }
      case "fetch-started":
        if (!this.#isLive) this.#say(`fetching '${textOf(event.path)}' (${formatBytes(event.narSize)})`)
        break
      case "fetch-failed":
        this.#warn(event.error.message)
        break
      case "build-planned":
      case "build-waiting":
      case "build-found":
      case "build-phase":
      case "fetch-done":
        break
    }
  }

  /** Of what is wrong with a substituter, once. */
  #warn(message: string): void {
    if (this.#warned.has(message)) return
    this.#warned.add(message)
    this.clear()
    writeError(`${byteStringOf(`warning: ${message}`)}\n`)
  }

  #log(derivation: string, bytes: Uint8Array): void {
    const lines = ((this.#lines.get(derivation) ?? "") + byteStringFrom(bytes)).split("\n")
    this.#lines.set(derivation, lines.pop()!)
    for (const line of lines) this.#write(derivation, line)
  }

  #write(derivation: string, line: string): void {
    const message = nixMessage(line)
    if (message === undefined) this.#writeLine(derivation, line)
    else if (message.kind === "text") for (const one of message.text.split("\n")) this.#writeLine(derivation, one)
  }

  #writeLine(derivation: string, line: string): void {
    this.clear()
    // A terminal is not to obey what a builder says; whoever reads it from a file wants it as it was.
    writeError(`${byteStringOf(nameOf(derivation))}> ${this.#isLive ? printable(line) : line}\n`)
  }

  #say(text: string): void {
    writeError(`${byteStringOf(text)}\n`)
  }

  #draw(): void {
    // There may be nothing to do.
    if (this.#tree.isEmpty) return
    const { columns, rows } = terminalSize()
    const style = { width: columns - 1, height: Math.max(3, Math.min(rows - 2, 20)), color: colorsWanted() }
    const lines = this.#tree.lines(uptime(), style)
    this.clear()
    writeError(byteStringOf(lines.map((line) => `${line}\n`).join("")))
    this.#height = lines.length
  }
}

/** Texts, and what builders say as it would be on a terminal. */
function recordOf(event: RealiseEvent): object {
  switch (event.kind) {
    case "build-log":
      return { event: event.kind, derivation: textOf(event.derivation), text: textOf(byteStringFrom(event.bytes)) }
    case "build-done": {
      const outputs = event.outputs.map(({ storePath, narSize }) => ({
        path: textOf(formatStorePath(storePath)),
        narSize,
      }))
      return { event: event.kind, derivation: textOf(event.derivation), outputs }
    }
    case "build-failed": {
      const message = event.error instanceof Error ? event.error.message : String(event.error)
      return { event: event.kind, derivation: textOf(event.derivation), message }
    }
    case "build-phase":
      return { event: event.kind, derivation: textOf(event.derivation), phase: event.phase }
    case "build-planned":
      return { event: event.kind, derivation: textOf(event.derivation), inputs: event.inputs.map(textOf) }
    case "build-waiting":
    case "build-elsewhere":
    case "build-found":
    case "build-started":
    case "build-cancelled":
      return { event: event.kind, derivation: textOf(event.derivation) }
    case "build-kept":
      return { event: event.kind, derivation: textOf(event.derivation), folder: event.folder }
    case "fetch-started":
      return { event: event.kind, path: textOf(event.path), narSize: event.narSize }
    case "fetch-failed":
      return { event: event.kind, path: textOf(event.path), message: event.error.message }
    case "fetch-done":
      return { event: event.kind, path: textOf(event.path) }
  }
}
