/** `tvix eval` */
import { evaluatePrograms } from "../evaluate.ts"
import { applyConfiguration } from "../nix-config.ts"
import { UsageError, type Option } from "../options.ts"
import type { Program } from "../session.ts"
import { defaultSettings, EVALUATION_OPTIONS, type Settings } from "../settings.ts"
import type { Command, Tool } from "./command.ts"
import { RUN_OPTIONS } from "./run-options.ts"
import { misuse, readOptions } from "./usage.ts"

interface EvalSettings extends Settings {
  /** Expressions, in order. */
  readonly expressions: string[]
}

const OPTIONS: readonly Option<EvalSettings>[] = [
  {
    names: ["-E", "--expr"],
    values: ["EXPR"],
    summary: "evaluate EXPR",
    set: (to, text) => void to.expressions.push(text),
  },
  ...EVALUATION_OPTIONS,
  ...RUN_OPTIONS,
  {
    names: ["--display-ast"],
    values: [],
    summary: "show the syntax tree of every file, on standard error",
    set: (to) => void to.show.add("ast"),
  },
  {
    names: ["--dump-bytecode"],
    values: [],
    summary: "show the code of every file, on standard error",
    set: (to) => void to.show.add("bytecode"),
  },
  {
    names: ["--trace-runtime"],
    values: [],
    summary: "show every instruction as it is executed, on standard error",
    set: (to) => void to.show.add("execution"),
  },
  {
    names: ["--compile-only"],
    values: [],
    summary: "check syntax and variables, compile, and stop there",
    set: (to) => void (to.compileOnly = true),
  },
]

async function run(words: readonly string[], tool: Tool): Promise<number> {
  const settings: EvalSettings = { ...defaultSettings(), expressions: [] }
  applyConfiguration(settings)
  const operands = await readOptions(tool, "eval", words, OPTIONS, settings)
  if (typeof operands === "number") return operands
  const programs = [
    ...settings.expressions.map((text): Program => ({ kind: "expression", text })),
    ...operands.map((text): Program => (text === "-" ? { kind: "stdin" } : { kind: "file", path: text })),
  ]
  if (programs.length === 0)
    return misuse(tool, new UsageError("nothing to evaluate: name a file, -, or -E EXPR"), "eval")
  return evaluatePrograms(settings, { programs, doing: "evaluate", voice: "tvix" })
}

export const command: Command = {
  usage: "tvix eval [OPTION...] [FILE... | - | -E EXPR]",
  details: `FILE may be <name> for a file in the search path; - is standard input.

Examples:
  tvix eval -E '1 + 1'
  tvix eval --strict --json -A packages.0.name shop.nix
  tvix eval --arg n 3 --argstr greeting hello program.nix
  echo 'x: x' | tvix eval -
  tvix eval --pure --timeout 5 --max-memory 512M untrusted.nix`,
  options: OPTIONS,
  operands: "files",
  run,
}
