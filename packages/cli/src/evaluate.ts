/** What `tvix eval` and `nix-instantiate --eval` do with their programs. */
import { parse, printParsed } from "@tvix-ts/syntax"
import { wordBytes } from "./command-line.ts"
import { evaluationCache } from "./evaluation-cache.ts"
import { writeOut } from "./output.ts"
import { withEvaluation, type EvaluationRun, type RunOptions } from "./run-evaluation.ts"
import type { Program, Session } from "./session.ts"
import type { Settings } from "./settings.ts"

export interface Task extends RunOptions {
  /** `parse` prints the programs as they were understood; `find` the files that search paths lead to. */
  readonly doing: "evaluate" | "parse" | "find"
}

/** Prints what the programs evaluate to; the result is the exit code. */
export async function evaluatePrograms(settings: Settings, task: Task): Promise<number> {
  const isPlain = task.doing === "evaluate" && !settings.compileOnly && !settings.write
  const cache = isPlain ? evaluationCache("evaluate", settings, task) : undefined
  const known = cache?.find()
  if (known !== undefined) {
    writeOut(known.output)
    return 0
  }
  return withEvaluation(settings, { ...task, record: cache !== undefined }, async (run) => {
    const { session } = run
    let output = ""
    for (const program of task.programs) {
      switch (task.doing) {
        case "parse":
          writeOut(await parsed(session, program))
          break
        case "find":
          writeOut(`${await session.find(program.kind === "file" ? wordBytes(program.path) : "")}\n`)
          break
        case "evaluate":
          output += await evaluate(run, settings, program)
      }
    }
    await session.store.flush()
    cache?.save(session.world(), output)
  })
}

/** Prints what the program evaluates to; the result is what was printed. */
async function evaluate({ session, progress }: EvaluationRun, settings: Settings, program: Program): Promise<string> {
  const root = await session.load(program)
  let output = ""
  if (settings.compileOnly) return output
  for (const path of settings.attributes.length === 0 ? [""] : settings.attributes) {
    const selection = wordBytes(path)
    progress.attribute(selection === "" ? [] : [selection])
    const text = await session.print(root, selection)
    progress.clear()
    writeOut(text)
    output += text
  }
  return output
}

async function parsed(session: Session, program: Program): Promise<string> {
  const { evaluation } = session
  const { source, basePath } = await session.source(program)
  // For its checks: a program with undefined variables does not parse, says C++ Nix.
  evaluation.load(source, basePath)
  const { expr } = parse(source, { pipeOperators: evaluation.options.pipeOperators === true })
  return `${printParsed(expr, { basePath, home: evaluation.options.home ?? "" })}\n`
}
