/**
 * `npm run bench`: runs the programs of bench/programs here and in C++ Nix, whole processes, in turns, and compares wall
 * time and peak memory. A program whose two results differ is a failure and is not timed.
 *
 *     npm run bench -- [--only NAME] [--runs N] [--json] [--command "WORDS"]
 *
 * Medians of N runs (default 5) after one that is not timed, which checks the result, warms the caches and measures
 * memory. C++ Nix is found as scripts/oracle.ts says; `--command` measures another binary in place of ours.
 */
import { spawnSync } from "node:child_process"
import { basename, join } from "node:path"
import { globSync } from "node:fs"
import process from "node:process"
import { parseArgs } from "node:util"
import { requireOracle } from "../scripts/oracle.ts"
import { ROOT } from "../scripts/toolchain.mjs"
import { peakMemory } from "./peak-memory.ts"

/** What each ratio of wall time is meant to stay below. */
const TARGETS: Readonly<Record<string, number>> = {
  fib: 0.6,
  fold: 0.9,
  sort: 1.5,
  attrs: 1.3,
  strings: 1.6,
  modules: 3,
}

const { values: options } = parseArgs({
  options: {
    only: { type: "string" },
    runs: { type: "string", default: "5" },
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

const rows: Row[] = []
let failures = 0
const programs = globSync("programs/*.nix", { cwd: import.meta.dirname })
  .sort()
  .filter((path) => options.only === undefined || basename(path, ".nix") === options.only)
if (programs.length === 0) {
  console.error(`no such program: ${options.only}`)
  process.exit(2)
}
if (!options.json) console.log(line("", "ours", "C++ Nix", "ratio", "target", "ours", "C++ Nix", "ratio"))
for (const path of programs) {
  const program = basename(path, ".nix")
  const args = ["--eval", "--strict", join(import.meta.dirname, path)]
  const mine = await peakMemory([...ours, ...args], environment())
  const other = await peakMemory([...theirs, ...args], environment())
  if (mine.status !== 0 || mine.stdout !== other.stdout) {
    failures++
    console.error(`${program}: results differ\nours (status ${mine.status}):\n${mine.stdout}${mine.stderr}`)
    console.error(`C++ Nix (status ${other.status}):\n${other.stdout}${other.stderr}`)
    continue
  }
  const times = { ours: [] as number[], theirs: [] as number[] }
  for (let i = 0; i < runs; i++) {
    times.ours.push(wallTime([...ours, ...args]))
    times.theirs.push(wallTime([...theirs, ...args]))
  }
  const row: Row = {
    program,
    ours: { ms: median(times.ours), memory: mine.peak },
    theirs: { ms: median(times.theirs), memory: other.peak },
  }
  rows.push(row)
  if (!options.json) console.log(show(row))
}
if (options.json) console.log(JSON.stringify({ runs, rows }, undefined, 2))
else console.log(`${rows.length} passed, ${failures} failed`)
if (failures > 0) process.exitCode = 1

/** No store, and nothing of the caller's that either program would read. */
function environment(): NodeJS.ProcessEnv {
  const { NIX_PATH: _path, NIX_CONFIG: _config, ...rest } = process.env
  return { ...rest, NIX_REMOTE: "dummy://" }
}

function wallTime(words: readonly string[]): number {
  const [command = "", ...args] = words
  const started = performance.now()
  spawnSync(command, args, { env: environment(), stdio: "ignore" })
  return performance.now() - started
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

function show({ program, ours: mine, theirs: other }: Row): string {
  const target = TARGETS[program]
  return line(
    program,
    `${mine.ms.toFixed(0)} ms`,
    `${other.ms.toFixed(0)} ms`,
    (mine.ms / other.ms).toFixed(2),
    target === undefined ? "" : `≤ ${target}`,
    `${(mine.memory / 2 ** 20).toFixed(0)} MB`,
    `${(other.memory / 2 ** 20).toFixed(0)} MB`,
    (mine.memory / other.memory).toFixed(2),
  )
}

function line(program: string, ...cells: readonly string[]): string {
  return program.padEnd(10) + cells.map((cell) => cell.padStart(10)).join("")
}
