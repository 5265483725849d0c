/** `nix-instantiate`, as far as it evaluates. */
import { colored, Failure, nixText, plain } from "@tvix-ts/eval"
import { byteStringOf } from "@tvix-ts/bytes"
import { printParsed } from "@tvix-ts/syntax"
import process from "node:process"
import { parseOptions, UsageError, type Option } from "./options.ts"
import { colorsWanted, writeError, writeOut } from "./output.ts"
import { Session, type Program } from "./session.ts"
import { defaultSettings, EVALUATION_OPTIONS, type Settings } from "./settings.ts"

interface InstantiateSettings extends Settings {
  evaluate: boolean
  parse: boolean
}

const OPTIONS: readonly Option<InstantiateSettings>[] = [
  ...EVALUATION_OPTIONS,
  { names: ["--eval-only", "--eval"], values: [], set: (to) => void (to.evaluate = true) },
  { names: ["--parse-only", "--parse"], values: [], set: (to) => void (to.parse = true) },
  { names: ["--read-write-mode"], values: [], set: () => {} },
  { names: ["--readonly-mode"], values: [], set: () => {} },
]

async function main(words: readonly string[]): Promise<number> {
  const settings: InstantiateSettings = { ...defaultSettings(), evaluate: false, parse: false }
  const palette = colorsWanted() ? colored : plain
  let session: Session | undefined
  try {
    const operands = parseOptions(words, OPTIONS, settings, {
      clusters: true,
      unknown: (name) => `unrecognised flag '${name}'`,
      missing: (_, name) => `'${name}' requires an argument`,
    })
    session = new Session(settings, palette)
    session.loadArguments()
    const programs = operands.map(
      (text): Program =>
        text === "-" ? { kind: "stdin" } : settings.expression ? { kind: "expression", text } : { kind: "file", path: text },
    )
    if (programs.length === 0) programs.push({ kind: "file", path: "./default.nix" })
    for (const program of programs) {
      if (settings.parse) {
        const { source, basePath } = session.source(program)
        writeOut(parsed(session, source, basePath))
        continue
      }
      const root = session.load(program)
      for (const path of settings.attributes.length === 0 ? [""] : settings.attributes) {
        writeOut(await session.print(root, byteStringOf(path)))
      }
    }
    return 0
  } catch (problem) {
    if (problem instanceof UsageError) {
      writeError(`error: ${byteStringOf(problem.message)}\nTry 'nix-instantiate --help' for more information.\n`)
      return 1
    }
    if (!(problem instanceof Failure) || session === undefined) throw problem
    const { positions } = session.evaluation
    writeError(`${nixText(problem, { positions, showTrace: settings.showTrace, palette })}\n`)
    return 1
  }
}

import { parse, type SourceFile } from "@tvix-ts/syntax"
function parsed(session: Session, source: SourceFile, basePath: string): string {
  const { evaluation } = session
  // Also for its checks: a program with undefined variables does not parse, says C++ Nix.
  evaluation.load(source, basePath)
  const { expr } = parse(source, { pipeOperators: evaluation.options.pipeOperators === true })
  return `${printParsed(expr, { basePath, home: evaluation.options.home ?? "" })}\n`
}

process.exit(await main(process.argv.slice(2)))
