/** What `tvix eval` and `nix-instantiate --eval` do with their programs, problems included. */
import { byteStringOf } from "@tvix-ts/bytes"
import { colored, Failure, frameText, nixText, plain, problemRecord, type Palette } from "@tvix-ts/eval"
import { dirname } from "node:path"
import { parse, printParsed } from "@tvix-ts/syntax"
import { colorsWanted, writeError, writeOut } from "./output.ts"
import { Session, type Program } from "./session.ts"
import type { Settings } from "./settings.ts"

export interface Task {
  readonly programs: readonly Program[]
  /** `parse` prints the programs as they were understood; `find` the files that search paths lead to. */
  readonly doing: "evaluate" | "instantiate" | "parse" | "find"
  /** Whose words problems are told in. */
  readonly voice: "nix" | "tvix"
}

/** Prints what the programs evaluate to; the result is the exit code. */
export async function evaluatePrograms(settings: Settings, task: Task): Promise<0 | 1> {
  const session = new Session(settings, palette, task.voice === "tvix" ? foldersOf(task.programs) : [])
  try {
    session.loadArguments()
    for (const program of task.programs) {
      switch (task.doing) {
        case "parse":
          writeOut(parsed(session, program))
          break
        case "find":
          writeOut(`${session.find(program.kind === "file" ? byteStringOf(program.path) : "")}\n`)
          break
        case "instantiate":
        case "evaluate": {
          const root = session.load(program)
          if (task.doing === "instantiate") {
            // Problems of the program come first.
            session.evaluation.runSync(root)
            throw new Failure({ code: "needs-store", what: "instantiating derivations" })
          }
          if (settings.compileOnly) break
          for (const path of settings.attributes.length === 0 ? [""] : settings.attributes) {
            writeOut(await session.print(root, byteStringOf(path)))
          }
        }
      }
    }
    return 0
  } catch (problem) {
    writeError(report(asProblem(problem), session, settings, task.voice))
    return 1
  }
}

/** Unlike C++ Nix, which has no use for files in pure evaluations, we let a program see the folder it is in. */
function foldersOf(programs: readonly Program[]): string[] {
  return programs.flatMap((program) => (program.kind === "file" ? [byteStringOf(dirname(program.path))] : []))
}

/** A problem of the program; or a bug of ours, told as one and without a JavaScript stack. */
function asProblem(problem: unknown): Failure {
  if (problem instanceof Failure) return problem
  if (process.env["TVIX_DEBUG"] !== undefined) throw problem
  return new Failure({ code: "internal", cause: problem })
}

function report(failure: Failure, session: Session, settings: Settings, voice: Task["voice"]): string {
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

function parsed(session: Session, program: Program): string {
  const { evaluation } = session
  const { source, basePath } = session.source(program)
  // For its checks: a program with undefined variables does not parse, says C++ Nix.
  evaluation.load(source, basePath)
  const { expr } = parse(source, { pipeOperators: evaluation.options.pipeOperators === true })
  return `${printParsed(expr, { basePath, home: evaluation.options.home ?? "" })}\n`
}
