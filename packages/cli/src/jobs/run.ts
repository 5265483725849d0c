/** One run of `tvix eval-jobs`: workers, progress, and the end, be it Ctrl-C. */
import { isatty } from "node:tty"
import { byteStringOf } from "@tvix-ts/bytes"
import { writeError } from "../output.ts"
import { formatBytes, formatCount, formatDuration } from "../amounts.ts"
import { Progress } from "../progress.ts"
import { onInterrupt } from "../signals.ts"
import { FatalProblem, Scheduler, type Totals } from "./scheduler.ts"
import { memoryBound, workerCount, type JobSettings } from "./settings.ts"

/** Prints the derivations of the program that `words` name. The result is the exit code. */
export async function runJobs(words: readonly string[], settings: JobSettings): Promise<number> {
  const started = performance.now()
  const progress = new Progress(settings.quiet)
  const scheduler = new Scheduler({
    words,
    workers: workerCount(settings),
    memoryMiB: memoryBound(settings),
    ordered: settings.ordered,
    writes: settings.write,
    message(bytes) {
      progress.clear()
      writeError(bytes.toString("latin1"))
    },
    progress: (totals) => progress.steps(progressText(totals), totals.done, totals.known),
  })
  const interrupt = onInterrupt()
  interrupt.signal.addEventListener("abort", () => {
    scheduler.stop()
    progress.clear()
    process.exit(interrupt.exitCode)
  })
  try {
    const totals = await scheduler.run()
    progress.clear()
    if (!settings.quiet && isatty(2)) writeError(byteStringOf(`${summary(totals, performance.now() - started)}\n`))
    return 0
  } catch (error) {
    progress.clear()
    if (!(error instanceof FatalProblem)) throw error
    writeError(`${error.text}\n`)
    return 1
  }
}

function progressText({ failed, memory }: Totals): string {
  const parts = ["evaluating"]
  if (failed > 0) parts.push(`${failed} failed`)
  parts.push(memory.map(formatBytes).join(" + "))
  return parts.join("  ")
}

function summary({ derivations, failed, replaced, memory }: Totals, ms: number): string {
  const parts = [formatCount(derivations, "derivation")]
  if (failed > 0) parts.push(`${failed} failed`)
  parts.push(formatDuration(ms), formatCount(memory.length, "worker"))
  if (replaced > 0) parts.push(`${replaced} replaced`)
  return parts.join(", ")
}
