/** One run of a command that evaluates: problems in its own words, progress, Ctrl-C, and stores closed in the end. */
import { byteStringOf } from "@tvix-ts/bytes"
import { colored, Failure, frameText, nixText, plain, problemRecord, type Palette } from "@tvix-ts/eval"
import { dirname } from "node:path"
import { caller, Declined } from "./caller.ts"
import { wordBytes } from "./command-line.ts"
import { EvaluationProgress } from "./evaluation-progress.ts"
import { failureOf } from "./failure.ts"
import { colorsWanted, writeError } from "./output.ts"
import { Session, type Program } from "./session.ts"
import type { Settings } from "./settings.ts"
import { onInterrupt } from "./signals.ts"

/** Whose words problems are told in. */
export type Voice = "nix" | "tvix"

export interface EvaluationRun {
  readonly session: Session
  readonly progress: EvaluationProgress
  /** Aborted by Ctrl-C, if that has to end in order; it is enough to pass problems on. */
  readonly signal: AbortSignal | undefined
}

export interface RunOptions {
  readonly programs: readonly Program[]
  readonly voice: Voice
  /** Whether to write down what the programs learn of the world. */
  readonly record?: boolean
}

/** Runs `work` with a session of its own; the result is the exit code. */
export async function withEvaluation(
  settings: Settings,
  { programs, voice, record = false }: RunOptions,
  work: (run: EvaluationRun) => Promise<void>,
): Promise<number> {
  // Of others there is memory in the same heap; and who watches each step says more than can wait to be sent.
  if (caller !== undefined && (settings.memoryMax !== undefined || settings.show.size > 0)) throw new Declined()
  const progress = new EvaluationProgress(settings.quiet)
  // Where nothing is written, the system's way of ending a program is as good, and costs nothing.
  const interrupt = settings.write || caller !== undefined ? onInterrupt() : undefined
  const signal = interrupt?.signal
  const session = new Session(settings, {
    palette,
    folders: voice === "tvix" ? foldersOf(programs) : [],
    beforeMessage: progress.clear,
    onSlice: progress.tick,
    onItem: progress.item,
    onFetch: progress.fetch,
    ...(signal && { signal }),
    record,
  })
  progress.watch(session)
  try {
    session.loadArguments()
    await work({ session, progress, signal })
    return 0
  } catch (problem) {
    progress.clear()
    if (interrupt?.exitCode !== undefined) return interrupt.exitCode
    writeError(report(failureOf(problem), session, settings, voice))
    return 1
  } finally {
    progress.clear()
    await session.close()
    interrupt?.release()
  }
}

/** Unlike C++ Nix, which has no use for files in pure evaluations, we let a program see the folder it is in. */
function foldersOf(programs: readonly Program[]): string[] {
  return programs.flatMap((program) => (program.kind === "file" ? [wordBytes(dirname(program.path))] : []))
}

function report(failure: Failure, session: Session, settings: Settings, voice: Voice): string {
  const { positions, globals } = session.evaluation
  const { showTrace, errorFormat, timeoutMs } = settings
  const problem =
    failure.problem.code === "interrupted" && timeoutMs !== undefined
      ? new Failure({ code: "limit", limit: "time" }, failure.at, failure.trace)
      : failure
  if (errorFormat === "json") return `${byteStringOf(JSON.stringify(problemRecord(problem, positions, globals)))}\n`
  const options = { positions, globals, showTrace, palette: palette() }
  return `${voice === "tvix" ? frameText(problem, options) : nixText(problem, options)}\n`
}

/** Found out only when there is something to colour: looking for a terminal loads a good part of Node. */
const palette = (): Palette => (colorsWanted() ? colored : plain)
