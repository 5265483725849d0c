/**
 * `npm run bench`: runs the programs of bench/programs here and in C++ Nix, whole processes, in turns, and compares wall
 * time and peak memory. A program whose two results differ is a failure and is not timed.
 *
 *     npm run bench -- [--only NAME] [--runs N] [--nixpkgs PATH] [--json] [--command "WORDS"]
 *
 * With --nixpkgs also derivations of the package set at PATH, alone and in the process of `tvix warm`, and into stores.
 *
 * Medians of N runs (default 5) after one that is not timed, which checks the result, warms the caches and measures
 * memory. C++ Nix is found as scripts/oracle.ts says; `--command` measures another binary in place of ours.
 */
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { parseArgs } from "node:util"
import { requireOracle } from "../scripts/oracle.ts"
import { ROOT } from "../scripts/toolchain.mjs"
import { nixpkgsCases, programCases, type Case, type Invocation } from "./cases.ts"
import { peakMemory } from "./peak-memory.ts"

const { values: options } = parseArgs({
  options: {
    only: { type: "string" },
    runs: { type: "string", default: "5" },
    nixpkgs: { type: "string" },
    json: { type: "boolean", default: false },
    command: { type: "string", default: join(ROOT, "bin", "nix-instantiate") },
  },
})
const ours = options.command.trim().split(/\s+/)
const theirs = requireOracle()
const runs = Number(options.runs)

interface Measurement {
  readonly ms: number
  /** Peak resident set, in bytes. */
  readonly memory: number
}
interface Row {
  readonly program: string
  readonly ours: Measurement
  readonly theirs: Measurement
}

// Nothing of the caller's is of use, and nothing is left to them.
const caches = mkdtempSync(join(tmpdir(), "tvix-bench-"))
process.on("exit", () => {
  warm("stop")
  rmSync(caches, { recursive: true, force: true })
})
/** Those of a case that fills them, and stores. */
const empty = join(caches, "empty")

const makeEmpty = (): void => {
  rmSync(empty, { recursive: true, force: true })
  mkdirSync(empty)
}

const rows: Row[] = []
let failures = 0
const cases = [
  ...programCases(),
  ...(options.nixpkgs === undefined || options.only === "" ? [] : nixpkgsCases(options.nixpkgs, empty, caches)),
].filter(({ name }) => options.only === undefined || name === options.only)
if (cases.length === 0) {
  console.error(`no such program: ${options.only}`)
  process.exit(2)
}
if (!options.json) console.log(line("", "ours", "C++ Nix", "ratio", "target", "ours", "C++ Nix", "ratio", "target"))
for (const each of cases) {
  if (each.served === true) {
    // A new one, since its peak counts.
    warm("stop")
    warm("start")
  }
  const invocation: Invocation =
    each.fills === true ? { ...each.ours, env: { ...each.ours.env, TVIX_CACHE_DIR: empty } } : each.ours
  if (each.fills === true) makeEmpty()
  for (let i = 0; i < (each.rehearsals ?? 0); i++) wallTime(ours, invocation)
  const mine = await peakMemory([...ours, ...invocation.args], environment(invocation), invocation.input)
  const other = await peakMemory([...theirs, ...each.theirs.args], environment(each.theirs), each.theirs.input)
  if (mine.status !== 0 || mine.stdout !== other.stdout) {
    failures++
    console.error(`${each.name}: results differ\nours (status ${mine.status}):\n${mine.stdout}${mine.stderr}`)
    console.error(`C++ Nix (status ${other.status}):\n${other.stdout}${other.stderr}`)
    continue
  }
  const times = { ours: [] as number[], theirs: [] as number[] }
  for (let i = 0; i < runs; i++) {
    if (each.fills === true) makeEmpty()
    times.ours.push(wallTime(ours, invocation))
    times.theirs.push(wallTime(theirs, each.theirs))
  }
  const row: Row = {
    program: each.name,
    ours: { ms: median(times.ours), memory: each.served === true ? warm("status", "--json").memoryPeak : mine.peak },
    theirs: { ms: median(times.theirs), memory: other.peak },
  }
  rows.push(row)
  if (!options.json) console.log(show(row, each))
}
if (options.json) console.log(JSON.stringify({ runs, rows }, undefined, 2))
else console.log(`${rows.length} passed, ${failures} failed`)
if (failures > 0) process.exitCode = 1

/** No store, and nothing of the caller's that either program would read. */
function environment({ env }: Invocation): NodeJS.ProcessEnv {
  const { NIX_PATH: _path, NIX_CONFIG: _config, ...rest } = process.env
  return { ...rest, NIX_REMOTE: "dummy://", TVIX_CACHE_DIR: caches, XDG_RUNTIME_DIR: caches, ...env }
}

/** Runs `tvix warm`; what it printed as JSON, if anything. */
function warm(...words: readonly string[]): { readonly memoryPeak: number } {
  const env = environment({ args: [] })
  const { stdout } = spawnSync(join(ROOT, "bin", "tvix"), ["warm", ...words], { env, encoding: "utf8" })
  return JSON.parse(stdout || "{}") as { memoryPeak: number }
}

function wallTime(command: readonly string[], invocation: Invocation): number {
  const [program = "", ...args] = [...command, ...invocation.args]
  const options = { env: environment(invocation), input: invocation.input ?? "" }
  const started = performance.now()
  spawnSync(program, args, { ...options, stdio: ["pipe", "ignore", "ignore"] })
  return performance.now() - started
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

function show({ program, ours: mine, theirs: other }: Row, { target, memoryTarget }: Case): string {
  const goal = (limit: number | undefined): string => (limit === undefined ? "" : `≤ ${limit}`)
  return line(
    program,
    `${mine.ms.toFixed(0)} ms`,
    `${other.ms.toFixed(0)} ms`,
    (mine.ms / other.ms).toFixed(2),
    goal(target),
    `${(mine.memory / 2 ** 20).toFixed(0)} MB`,
    `${(other.memory / 2 ** 20).toFixed(0)} MB`,
    (mine.memory / other.memory).toFixed(2),
    goal(memoryTarget),
  )
}

function line(program: string, ...cells: readonly string[]): string {
  return program.padEnd(19) + cells.map((cell) => cell.padStart(9)).join("")
}
