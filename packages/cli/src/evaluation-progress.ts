/** How far an evaluation is: what is being evaluated, and how much was so far. One line, on a terminal only. */
import { textOf } from "@tvix-ts/bytes"
import type { FetchProgress } from "@tvix-ts/glue/node"
import { formatCount, formatDuration } from "./amounts.ts"
import { Progress } from "./progress.ts"
import type { Session } from "./session.ts"

export class EvaluationProgress {
  readonly #progress: Progress
  #session: Session | undefined
  #path: (string | number)[] = []
  /** How much of it is not of the value that is walked through. */
  #baseLength = 0
  #interruptible = false

  /** @param quiet shows nothing, terminal or not */
  constructor(quiet: boolean) {
    this.#progress = new Progress(quiet)
  }

  watch(session: Session): void {
    this.#session = session
  }

  /** Says which attribute is evaluated from now on: names, byte strings. */
  readonly attribute = (path: readonly string[]): void => {
    this.#path = [...path]
    this.#baseLength = path.length
  }
  /** The same where the value there is walked through. */
  readonly item = (depth: number, item: string | number): void => {
    this.#path.length = Math.min(this.#baseLength + depth, this.#path.length)
    this.#path.push(item)
  }

  /** To be called now and then. Whether the process should have a look at what else there is: a Ctrl-C, say. */
  readonly tick = (): boolean => {
    const drawn = this.#progress.line((elapsedMs) => this.#line(elapsedMs))
    if (drawn && !this.#interruptible) this.#endInOrder()
    return drawn
  }

  /** Shows what is being fetched instead. */
  readonly fetch = ({ activity, done, total, unit, finished }: FetchProgress): void => {
    if (finished) this.clear()
    else if (unit === "bytes") this.#progress.update(textOf(activity), { bytes: done }, total)
    else this.#progress.line(() => `${textOf(activity)}  ${done} %`)
  }

  /** Takes the line away: before anything else is written, and at the end. */
  readonly clear = (): void => this.#progress.clear()

  /** Whoever presses Ctrl-C gets a clean line; nothing else is different from what happens without us. */
  #endInOrder(): void {
    this.#interruptible = true
    if (process.listenerCount("SIGINT") > 0) return
    process.once("SIGINT", () => {
      this.clear()
      process.kill(process.pid, "SIGINT")
    })
  }

  #line(elapsedMs: number): string {
    const derivations = this.#session?.store.derivationCount ?? 0
    const files = this.#session?.evaluation.fileCount ?? 0
    return evaluationLine(this.path, { derivations, files, elapsedMs })
  }

  /** Of what is evaluated, a byte string. */
  get path(): string {
    return this.#path.join(".")
  }
}

/** @param path a byte string */
export function evaluationLine(
  path: string,
  {
    derivations,
    files,
    elapsedMs,
  }: { readonly derivations: number; readonly files: number; readonly elapsedMs: number },
): string {
  const parts = [`evaluating ${textOf(path)}`.trimEnd()]
  if (derivations > 0) parts.push(formatCount(derivations, "derivation"))
  if (files > 0) parts.push(formatCount(files, "file"))
  parts.push(formatDuration(elapsedMs))
  return parts.join("  ")
}
