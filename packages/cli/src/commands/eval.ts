/** `tvix eval` */
import { evaluatePrograms } from "../evaluate.ts"
import { applyConfiguration, applySetting } from "../nix-config.ts"
import { UsageError, type Option } from "../options.ts"
import type { Program } from "../session.ts"
import { defaultSettings, EVALUATION_OPTIONS, wholeNumber, type Settings } from "../settings.ts"
import type { Command, Tool } from "./command.ts"
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
  {
    names: ["--pure"],
    values: [],
    summary: "no environment, no clock, no NIX_PATH; files only from the folders of the programs and of -I",
    set: (to) => void (to.pure = true),
  },
  {
    names: ["--error-format"],
    values: ["FORMAT"],
    summary: "tell of problems as text (the default) or as json: one object, described in the README",
    set: (to, format) => {
      if (format !== "json" && format !== "text")
        throw new UsageError(`--error-format is text or json, not '${format}'`)
      to.errorFormat = format
    },
  },
  {
    names: ["--timeout"],
    values: ["SECONDS"],
    summary: "give up after so long",
    set: (to, text) => void (to.timeoutMs = milliseconds(text)),
  },
  {
    names: ["--max-steps"],
    values: ["N"],
    summary: "give up after about N function calls",
    set: (to, text) => void (to.stepsMax = wholeNumber("--max-steps", text, 1)),
  },
  {
    names: ["--max-memory"],
    values: ["BYTES"],
    summary: "give up when the heap has grown to BYTES; K, M and G are understood",
    set: (to, text) => void (to.memoryMax = byteCount(text)),
  },
  {
    names: ["--max-call-depth"],
    values: ["N"],
    summary: "give up at N nested calls; by default memory is the limit",
    set: (to, text) => void (to.depthMax = wholeNumber("--max-call-depth", text, 1)),
  },
  {
    names: ["--extra-experimental-features"],
    values: ["NAMES"],
    summary: "allow what Nix does not allow yet, such as pipe-operators",
    set: (to, names) => void applySetting(to, "extra-experimental-features", names),
  },
  {
    names: ["--trace-verbose"],
    values: [],
    summary: "let builtins.traceVerbose trace",
    set: (to) => void (to.traceVerbose = true),
  },
  {
    names: ["--abort-on-warn"],
    values: [],
    summary: "treat builtins.warn as an error",
    set: (to) => void (to.abortOnWarn = true),
  },
  {
    names: ["--system"],
    values: ["SYSTEM"],
    summary: "what builtins.currentSystem says",
    set: (to, system) => void (to.system = system!),
  },
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

function milliseconds(text: string): number {
  const seconds = Number(text)
  if (!(seconds > 0 && seconds < 2 ** 31 / 1000))
    throw new UsageError(`--timeout takes a number of seconds, not '${text}'`)
  return Math.ceil(seconds * 1000)
}

function byteCount(text: string): number {
  const [, digits, unit = ""] = /^([0-9]+)([KMG]?)i?B?$/i.exec(text) ?? []
  const factor = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }[unit.toUpperCase()]
  if (digits === undefined || factor === undefined)
    throw new UsageError(`--max-memory takes a size such as 512M, not '${text}'`)
  return Number(digits) * factor
}

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
