/**
 * C++ Nix's REPL as something to ask: it goes on after errors, and what one question evaluated is there for the next.
 */
import { spawn } from "node:child_process"
import process from "node:process"
import { parseError } from "../lang-tests/ask-oracle.ts"
import { oracleProgram, requireOracle } from "../oracle.ts"

/** Byte strings. `trace` is all that standard error said. */
export type Reply = { readonly value: string } | { readonly error: string; readonly trace: string }

export interface ReplOptions {
  /** A folder for a store of its own: `nix/store` in it will have what evaluation writes. */
  readonly store: string
  /** Where relative paths start. */
  readonly directory: string
  /** Lines that come first, such as `name = expression`. */
  readonly setup?: readonly string[]
}

interface Transcript {
  readonly output: string
  readonly errors: string
  readonly status: string
}

/**
 * The string that each question evaluates to, in order. Where the process dies, as of a stack overflow, that question's
 * answer is an error, and a new process answers the rest.
 * @param questions expressions on one line each, one char a byte, that evaluate to strings
 */
export async function askRepl(questions: readonly string[], options: ReplOptions): Promise<Reply[]> {
  const answers: Reply[] = []
  while (answers.length < questions.length) {
    const rest = questions.slice(answers.length)
    // Ends the answer to each question on both streams.
    const marks = rest.map((_, index) => `end of answer ${index}`)
    const lines = rest.flatMap((question, index) => [question, `builtins.trace "${marks[index]}" "${marks[index]}"`])
    const { output, errors, status } = await converse(options, [...(options.setup ?? []), ...lines, ""])
    const outputs = sections(output, (index) => `\n"${marks[index]}"\n`)
    const problems = sections(errors, (index) => `trace: ${marks[index]}\n`)
    const answered = Math.min(outputs.length, problems.length)
    for (let index = 0; index < answered; index++) answers.push(answerOf(outputs[index]!, problems[index]!))
    if (answered < rest.length) {
      const last = errors.trim().split("\n").at(-1)
      answers.push({ error: `C++ Nix ended with ${status}: ${last}`, trace: errors })
    }
  }
  return answers
}

/** What stands before each of the ends. */
function sections(text: string, end: (index: number) => string): string[] {
  const found: string[] = []
  for (let from = 0; ;) {
    const mark = end(found.length)
    const to = text.indexOf(mark, from)
    if (to < 0) return found
    found.push(text.slice(from, to))
    from = to + mark.length
  }
}

function answerOf(output: string, errors: string): Reply {
  // The rest is prompts with what was asked.
  const value = output.split("\n").find((line) => line.startsWith('"'))
  return value === undefined ? { error: parseError(errors).error, trace: errors } : { value: unquote(value) }
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" }

/** The contents of a string as C++ Nix prints it. */
function unquote(literal: string): string {
  return literal.slice(1, -1).replace(/\\(.)/g, (_, escaped: string) => ESCAPES[escaped] ?? escaped)
}

async function converse({ store, directory }: ReplOptions, lines: readonly string[]): Promise<Transcript> {
  const [program = "", ...args] = oracleProgram(requireOracle(), "nix")
  const child = spawn(program, [...args, "repl", "--store", store, "--show-trace"], {
    cwd: directory,
    // A store that lives for a minute need not survive the loss of power.
    env: { ...process.env, NIX_CONFIG: `${process.env["NIX_CONFIG"] ?? ""}\nfsync-metadata = false` },
    stdio: ["pipe", "pipe", "pipe"],
  })
  const output = text(child.stdout)
  const errors = text(child.stderr)
  // It may die before it has read everything.
  child.stdin.on("error", () => {})
  child.stdin.end(lines.join("\n"), "latin1")
  const status = await new Promise<string>((resolve, reject) => {
    child.on("error", reject)
    child.on("close", (code, signal) => resolve(signal ?? String(code)))
  })
  // Some messages say where on disk the store is.
  return { output: (await output).replaceAll(store, ""), errors: (await errors).replaceAll(store, ""), status }
}

/** All of a stream, one char a byte, without colours. */
async function text(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  // oxlint-disable-next-line no-control-regex -- they are what is to go
  return Buffer.concat(chunks)
    .toString("latin1")
    .replace(/\u001B\[[0-9;]*m/g, "")
}
