/** Asks C++ Nix what expressions evaluate to, many in one process. */
import { spawn } from "node:child_process"
import process from "node:process"
import { requireOracle } from "../oracle.ts"
import { LANG_TESTS } from "./fixtures.ts"

export type Answer =
  /** As `nix-instantiate --eval --strict` prints it. */
  | { readonly value: string }
  /** The last `error:` of the trace, and its 1-based line where the error has a place in the expression. */
  | { readonly error: string; readonly line: number | undefined }

/** Arguments of one process; the kernel's limit is 2 MB in all. */
const BATCH = 300

/** An expression that prints as it is written, and as nothing else does. */
const END = '"end of answer 4f1c"'

/** The answer to each expression, in order. `expressions` have one char a byte, and must be valid UTF-8. */
export async function askOracle(expressions: readonly string[]): Promise<Answer[]> {
  const command = requireOracle()
  const answers: Answer[] = []
  while (answers.length < expressions.length) {
    const batch = expressions.slice(answers.length, answers.length + BATCH)
    // A blank in front keeps `-1` from being an option. Values can have many lines, so a line of ours ends each.
    const args = batch.flatMap((expression) => [` ${expression}`, END])
    const { status, stdout, stderr } = await run([...command, "--eval", "--strict", "-E", ...args])
    // The process ends at the first expression that fails: those before it have printed their values.
    const values = stdout.split(`\n${END}\n`).slice(0, -1)
    answers.push(...values.map((value) => ({ value })))
    if (status !== 0) answers.push(parseError(stderr))
    else if (values.length !== batch.length) throw new Error(`${batch.length} expressions, ${values.length} answers`)
  }
  return answers
}

/** What a trace on standard error ends with. */
export function parseError(stderr: string): Extract<Answer, { error: string }> {
  const last = stderr.split(/^\s*error:/m).at(-1) ?? ""
  const [message = "", ...places] = last.split(/\n\s+at /)
  const line = /^«string»:(\d+):/.exec(places[0] ?? "")?.[1]
  return { error: message.trim(), line: line === undefined ? undefined : Number(line) }
}

function run(words: readonly string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const [command = "", ...args] = words
  const child = spawn(command, args, {
    cwd: LANG_TESTS,
    // Language tests ask about these two.
    env: { ...process.env, NIX_REMOTE: "dummy://", NIX_PATH: "files=./files:./files/search", TEST_VAR: "foo" },
    stdio: ["ignore", "pipe", "pipe"],
  })
  return new Promise((resolve, reject) => {
    let stdout = ""
    let stderr = ""
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk))
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk))
    child.on("error", reject)
    child.on("close", (status) => resolve({ status, stdout, stderr }))
  })
}
