/** Runs one case of the corpus against a `nix-instantiate` and says what it did otherwise than expected. */
import { execFileSync, spawn } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { homedir, tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import type { Case } from "./cases.ts"

/** What is compared, in the order in which differences are told. */
export type Check = "status" | "stdout" | "stderr"
export const CHECKS: readonly Check[] = ["status", "stdout", "stderr"]

export interface Difference {
  readonly check: Check
  readonly expected: string
  readonly actual: string
}

const TIMEOUT_MS = 60_000

/**
 * @param command the words that start the `nix-instantiate` to test
 * @param functional the folder that holds `lang/`
 */
export async function runCase(one: Case, command: readonly string[], functional: string): Promise<Difference[]> {
  const [program = "", ...words] = command
  const child = spawn(program, [...words, ...one.args], {
    cwd: functional,
    env: {
      PATH: process.env["PATH"],
      HOME: process.env["HOME"],
      TEST_VAR: "foo", // read by eval-okay-getenv
      NIX_REMOTE: "dummy://",
      // Where a nix-oracle under test lives; it would follow HOME, which some cases set to a folder that is not there.
      NIX_ORACLE_DIR: process.env["NIX_ORACLE_DIR"] ?? join(homedir(), ".cache", "nix-oracle"),
      NIX_STORE_DIR: "/nix/store",
      ...one.env,
    },
    timeout: TIMEOUT_MS,
    killSignal: "SIGKILL",
  })
  const stdout = text(child.stdout)
  const stderr = text(child.stderr)
  // A command that does not read its input closes it; that is its right.
  child.stdin.on("error", () => {})
  child.stdin.end(one.stdin)
  const status = await new Promise<string>((resolve, reject) => {
    child.on("error", reject)
    child.on("close", (code, signal) => resolve(signal ?? String(code)))
  })

  const shown = { status, stdout: showHere(await stdout, functional), stderr: showHere(await stderr, functional) }
  const actual = one.postprocess === undefined ? shown : postprocess(one, shown)
  const expected = { status: String(one.status), stdout: one.stdout, stderr: one.stderr }
  return CHECKS.flatMap((check) => {
    const want = expected[check]
    return want === undefined || want === actual[check] ? [] : [{ check, expected: want, actual: actual[check] }]
  })
}

async function text(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString("latin1")
}

/** The corpus was recorded in `/pwd`. */
const showHere = (output: string, functional: string): string => output.replaceAll(functional, "/pwd")

function postprocess(one: Case, output: Readonly<Record<Check, string>>): Record<Check, string> {
  const dir = mkdtempSync(join(tmpdir(), "corpus-"))
  try {
    mkdirSync(join(dir, "lang"))
    const base = join("lang", one.name)
    writeFileSync(join(dir, `${base}.out`), output.stdout, "latin1")
    writeFileSync(join(dir, `${base}.err`), output.stderr, "latin1")
    execFileSync("bash", ["-c", one.postprocess ?? "", "postprocess", base], { cwd: dir })
    return {
      status: output.status,
      stdout: readFileSync(join(dir, `${base}.out`), "latin1"),
      stderr: readFileSync(join(dir, `${base}.err`), "latin1"),
    }
  } finally {
    rmSync(dir, { recursive: true })
  }
}
