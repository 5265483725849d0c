import { describe, parse, type SourceFile } from "@tvix-ts/syntax"
import { makeGlobals } from "../builtins/globals.ts"
import { Evaluation } from "../evaluation.ts"
import type { Finding } from "./finding.ts"
import { isPedantic, type WarningCode } from "./rules.ts"
import { withoutSuppressed } from "./suppress.ts"
import { Walk } from "./walk.ts"

export interface LintOptions {
  /** Whether to give the warnings that are matters of taste. */
  readonly pedantic?: boolean
  /** Codes never to report. */
  readonly allow?: ReadonlySet<WarningCode>
  /** Names of the outermost scope. Default: those of the language. */
  readonly isGlobal?: (name: string) => boolean
  readonly pipeOperators?: boolean
}

let languageGlobals: ((name: string) => boolean) | undefined
function isLanguageGlobal(name: string): boolean {
  if (languageGlobals === undefined) {
    const { globals } = new Evaluation({}, makeGlobals)
    languageGlobals = (each) => globals.has(each)
  }
  return languageGlobals(name)
}

/** What there is to say about a source text, in its order. One with syntax problems is looked at no further. */
export function lint(source: SourceFile, options: LintOptions = {}): Finding[] {
  const { pedantic = false, allow = new Set(), isGlobal = isLanguageGlobal, pipeOperators = false } = options
  const { expr, problems } = parse(source, { pipeOperators })
  if (problems.length > 0) {
    return problems.map((problem) => ({
      code: "syntax",
      from: problem.from,
      to: problem.to,
      message: describe(problem, source),
    }))
  }
  const walk = new Walk(source, isGlobal)
  walk.run(expr)
  const wanted = walk.findings.filter(({ code }) => {
    if (code === "syntax" || code === "undefined-variable") return true
    return !allow.has(code) && (pedantic || !isPedantic(code))
  })
  return withoutSuppressed(wanted, source).sort((a, b) => a.from - b.from || a.to - b.to)
}
