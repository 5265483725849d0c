/** `tvix repl` */
import { byteStringOf, textOf } from "@tvix-ts/bytes"
import { asFailure, colored, coloredValues, frameText, plain, plainValues, type Failure } from "@tvix-ts/eval"
import { spawnSync } from "node:child_process"
import process from "node:process"
import type * as readline from "node:readline"
import { wordBytes, workingDirectory } from "../command-line.ts"
import { UsageError, type Option } from "../options.ts"
import { colorsWanted, writeError, writeOut } from "../output.ts"
import type * as completion from "../repl/complete.ts"
import type { Repl } from "../repl/repl.ts"
import { Session } from "../session.ts"
import { defaultSettings, EVALUATION_OPTIONS, type Settings } from "../settings.ts"
import { VERSION } from "../version.ts"
import type { Command, Tool } from "./command.ts"
import { misuse, readOptions } from "./usage.ts"

const SHARED = ["--arg", "--argstr", "-I", "--show-trace"]
const OPTIONS: readonly Option<Settings>[] = [
  ...EVALUATION_OPTIONS.filter(({ names }) => names.some((name) => SHARED.includes(name))),
  {
    names: ["--extra-experimental-features"],
    values: ["NAMES"],
    summary: "allow what Nix does not allow yet, such as pipe-operators",
    set: (to, names) => names.split(/\s+/).forEach((name) => to.features.add(name)),
  },
]

type CreateInterface = typeof readline.createInterface

const PROMPT = "tvix> "
const CONTINUED = "    > "

async function run(words: readonly string[], tool: Tool): Promise<number> {
  const settings = defaultSettings()
  const operands = await readOptions(tool, "repl", words, OPTIONS, settings)
  if (typeof operands === "number") return operands
  const terminal = process.stdin.isTTY && process.stdout.isTTY
  const palette = (): typeof plain => (colorsWanted() ? colored : plain)
  const session = new Session(settings, { palette })
  const { evaluation } = session
  const { Repl } = await import("../repl/repl.ts")
  const { createInterface } = process.getBuiltinModule("node:readline")
  const repl: Repl = new Repl({
    evaluation,
    directory: workingDirectory(),
    palette: terminal && colorsWanted() ? coloredValues : plainValues,
    args: session.args,
    print: writeOut,
    report: (failure) => writeError(`${reportText(failure, repl)}\n`),
    edit,
  })
  repl.showTrace = settings.showTrace
  try {
    session.loadArguments()
  } catch (problem) {
    writeError(`${reportText(asFailure(problem), repl)}\n`)
    return 1
  }
  const wrong = operands.find((operand) => operand.startsWith("-"))
  if (wrong !== undefined) return misuse(tool, new UsageError(`not a file: ${wrong}`), "repl")
  try {
    for (const file of operands) await repl.process(`:l ${wordBytes(file)}`)
    return await (terminal ? converse(repl, createInterface) : follow(repl, createInterface))
  } finally {
    await session.close()
  }
}

function reportText(failure: Failure, { evaluation, showTrace }: Repl): string {
  const { positions, globals } = evaluation
  return frameText(failure, { positions, globals, showTrace, palette: colorsWanted() ? colored : plain })
}

/** Reads a script: no prompts, and nothing to interrupt. */
async function follow(repl: Repl, createInterface: CreateInterface): Promise<number> {
  let pending = ""
  const lines = createInterface({ input: process.stdin.setEncoding("latin1"), crlfDelay: Infinity })
  for await (const line of lines) {
    pending += line
    const answer = await repl.process(pending)
    if (answer === "quit") return 0
    pending = answer === "incomplete" ? `${pending}\n` : ""
  }
  if (pending !== "") {
    // What is missing will not come: say so.
    repl.options.report(await problemOf(repl, pending))
    return 1
  }
  return 0
}

async function problemOf(repl: Repl, text: string): Promise<Failure> {
  try {
    await repl.evaluate(text)
    return asFailure(new Error("an unfinished text has no problem"))
  } catch (problem) {
    return asFailure(problem)
  }
}

/** Talks to a person at a terminal. */
async function converse(repl: Repl, createInterface: CreateInterface): Promise<number> {
  const [{ History, historyPath }, { complete }] = await Promise.all([
    import("../repl/history.ts"),
    import("../repl/complete.ts"),
  ])
  writeOut(`tvix ${VERSION}. :? lists the commands.\n`)
  const history = new History(historyPath())
  const reader = createInterface({
    input: process.stdin,
    output: process.stdout,
    terminal: true,
    prompt: PROMPT,
    history: [...history.entries],
    historySize: 10_000,
    removeHistoryDuplicates: true,
    completer: completerFor(repl, complete),
  })
  /** Lines typed while something was being evaluated wait here. */
  const queue: string[] = []
  let pending = ""
  let busy = false
  let closed = false
  const { promise, resolve } = Promise.withResolvers<number>()
  const prompt = (): void => {
    reader.setPrompt(pending === "" ? PROMPT : CONTINUED)
    reader.prompt()
  }
  const work = async (): Promise<void> => {
    if (busy) return
    busy = true
    for (let line = queue.shift(); line !== undefined; line = queue.shift()) {
      history.add(line)
      pending += byteStringOf(line)
      const answer = await repl.process(pending)
      pending = answer === "incomplete" ? `${pending}\n` : ""
      if (answer === "quit") {
        reader.close()
        break
      }
    }
    busy = false
    if (closed) resolve(0)
    else prompt()
  }
  reader.on("line", (line) => {
    queue.push(line)
    void work()
  })
  reader.on("SIGINT", () => {
    queue.length = 0
    if (repl.interrupt()) return
    // Throws away what was typed, as shells do.
    pending = ""
    writeOut("\n")
    reader.write(null, { ctrl: true, name: "u" })
    reader.write(null, { ctrl: true, name: "k" })
    prompt()
  })
  reader.on("close", () => {
    closed = true
    repl.interrupt()
    if (!busy) {
      writeOut("\n")
      resolve(0)
    }
  })
  prompt()
  return promise
}

type Completer = (line: string, done: (error: Error | null, result: [string[], string]) => void) => unknown
function completerFor(repl: Repl, complete: typeof completion.complete): Completer {
  return async (line, done) => {
    const { candidates, word } = await complete(repl, byteStringOf(line))
    done(null, [candidates.map(textOf), textOf(word)])
  }
}

function edit(path: string, line: number): void {
  const editor = process.env["VISUAL"] ?? process.env["EDITOR"] ?? "nano"
  const [program = "nano", ...args] = editor.split(/\s+/).filter((word) => word !== "")
  const jump = line > 0 && /(?:^|\/)(?:vim?|nvim|nano|emacs|emacsclient|kak|micro)$/.test(program) ? [`+${line}`] : []
  const { error } = spawnSync(program, [...args, ...jump, textOf(path)], { stdio: "inherit" })
  if (error !== undefined) writeError(`tvix: ${byteStringOf(error.message)}\n`)
}

export const command: Command = {
  usage: "tvix repl [OPTION...] [FILE...]",
  details: `The attributes of each FILE become variables. Inside, :? lists the commands. Where standard input is no terminal, its lines
are taken one after the other, without prompts.

Examples:
  tvix repl
  tvix repl lib/default.nix
  echo ':t map' | tvix repl`,
  options: OPTIONS,
  operands: "files",
  run,
}
