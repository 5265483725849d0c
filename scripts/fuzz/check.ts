/** What must hold of any input whatever. */
import {
  deeply,
  disassemble,
  Evaluation,
  Failure,
  frameText,
  lint,
  makeGlobals,
  memoryIo,
  nixText,
  printValue,
  problemRecord,
  type Trace,
  type Unit,
} from "@tvix-ts/eval"
import { SourceFile } from "@tvix-ts/syntax"
import { getHeapStatistics } from "node:v8"

/**
 * Problems that are about the evaluation and not about a place in the program; and wrong types, since a literal has no place
 * in C++ Nix, nor has `! 1` therefore, and our places are its.
 */
const NOWHERE = new Set(["limit", "interrupted", "stack-overflow", "type-error"])
const HEAP_MAX = 1_200_000_000

/** What is wrong, if anything is. */
export function check(text: string): string | undefined {
  const units: Unit[] = []
  const evaluation = new Evaluation(
    {
      io: memoryIo({ "/fuzz/a": "1", "/fuzz/b/default.nix": "{ }: 1" }),
      searchPath: [{ prefix: "a", path: "/fuzz/a" }],
      home: "/fuzz",
      limits: { steps: 100_000, depth: 20_000, memory: HEAP_MAX, heapUsed: () => getHeapStatistics().used_heap_size },
      compilerObserver: { compiled: (unit) => units.push(unit) },
      onMessage: () => undefined,
    },
    makeGlobals,
  )
  const source = new SourceFile("/fuzz/input.nix", text)
  try {
    lint(source, { pedantic: true })
    try {
      const value = evaluation.load(source, "/fuzz")
      for (const unit of units) disassemble(unit, { places: true })
      printValue(evaluation.runSync(deeply(value)))
    } catch (failure) {
      if (!(failure instanceof Failure)) throw failure
      return wrongFailure(failure, evaluation)
    }
    return undefined
  } catch (error) {
    return `a JavaScript error: ${(error as Error).stack ?? String(error)}`
  }
}

function wrongFailure(failure: Failure, { positions, globals }: Evaluation): string | undefined {
  const { problem, at, trace } = failure
  for (const said of [
    frameText(failure, { positions, globals, showTrace: false }),
    nixText(failure, { positions, showTrace: true }),
    JSON.stringify(problemRecord(failure, positions, globals)),
  ]) {
    if (/\n\s+at .*\.(?:ts|js|mjs):\d+/.test(said)) return `a JavaScript stack is told: ${said}`
  }
  if (problem.code === "internal") return `internal: ${(problem.cause as Error).stack ?? String(problem.cause)}`
  if (NOWHERE.has(problem.code)) return undefined
  return at !== 0 || hasPlace(trace) ? undefined : `a problem without a place: ${JSON.stringify(problem, leaveOutBig)}`
}
function hasPlace(trace: Trace | undefined): boolean {
  for (let line = trace; line !== undefined; line = line.inner) if (line.at !== 0) return true
  return false
}
function leaveOutBig(_: string, value: unknown): unknown {
  return typeof value === "bigint"
    ? String(value)
    : typeof value === "object" && value !== null && "shape" in value
      ? "{…}"
      : value
}
