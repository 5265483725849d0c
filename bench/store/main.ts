/**
 * `npm run bench:store`: what the store costs, beside C++ Nix and beside the floor, whole processes in turns.
 *
 *     npm run bench:store -- [--runs N] [--large MiB] [--small COUNT] [--only NAME] [--dir DIR] [--json]
 *
 * - import of large and of small files, beside `nix-store --add` and beside reading, hashing (BLAKE3) and writing the same
 *   bytes once, durably (floor.ts). C++ Nix hashes with SHA-256 only and syncs no file; we do both.
 * - a Nix archive of the same trees out of the store, beside `nix-store --dump` of the tree on disk.
 *
 * Medians of N runs (default 3), after one that is not timed. Each import begins with an empty store. Each result is
 * checked: the path that C++ Nix gives the tree, the bytes of its archive.
 */
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { globSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { parseArgs } from "node:util"
import { modernNode, ROOT } from "../../scripts/toolchain.mjs"
import { largeFiles, smallFiles } from "./trees.ts"

/** What each ratio of our wall time is meant to stay below, beside the peer of that name. */
const TARGETS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  "import large": { floor: 1 / 0.6 },
  "import small": { "C++ Nix": 1 },
  "NAR large": { "C++ Nix": 2 },
  "NAR small": { "C++ Nix": 2 },
}

const { values: options } = parseArgs({
  options: {
    runs: { type: "string", default: "3" },
    large: { type: "string", default: "1024" },
    small: { type: "string", default: "50000" },
    only: { type: "string" },
    dir: { type: "string" },
    json: { type: "boolean", default: false },
  },
})
const runs = Number(options.runs)
const TVIX_STORE = join(ROOT, "bin", "tvix-store")

interface Side {
  readonly name: string
  /** The words of one run; `n` makes its destination unlike those before it. */
  readonly command: (n: number) => readonly string[]
  /** Throws unless the untimed run gave what it should. */
  readonly check?: (stdout: Buffer) => void
}

const dir = mkdtempSync(join(options.dir ?? tmpdir(), "tvix-bench-store-"))
const rows: object[] = []
let failures = 0
try {
  const large = join(dir, "large")
  const small = join(dir, "small")
  largeFiles(large, Number(options.large) * 2 ** 20)
  smallFiles(small, Number(options.small))
  for (const [size, tree] of [
    ["large", large],
    ["small", small],
  ] as const) {
    const path = output([...nix("nix-store", join(dir, "nix-reference")), "--add", tree])
      .toString()
      .trim()
    const archive = sha256(output(["nix-store", "--dump", tree]))
    const store = `local://${join(dir, `kept-${size}`)}`
    output([TVIX_STORE, "--store", store, "import", tree])
    compare(`import ${size}`, [
      {
        name: "ours",
        command: (n) => [TVIX_STORE, "--store", `local://${join(dir, `ours-${n}`)}`, "import", tree],
        check: (stdout) => same(stdout.toString().trim(), path),
      },
      {
        name: "floor",
        command: (n) => [modernNode(), join(import.meta.dirname, "floor.ts"), tree, join(dir, `floor-${n}`)],
      },
      { name: "C++ Nix", command: (n) => [...nix("nix-store", join(dir, `nix-${n}`)), "--add", tree] },
    ])
    compare(`NAR ${size}`, [
      {
        name: "ours",
        command: () => [TVIX_STORE, "--store", store, "nar", path],
        check: (stdout) => same(sha256(stdout), archive),
      },
      { name: "C++ Nix", command: () => ["nix-store", "--dump", tree] },
    ])
  }
} finally {
  makeWritable()
  rmSync(dir, { recursive: true, force: true })
}
if (options.json) console.log(JSON.stringify({ runs, rows }, undefined, 2))
else console.log(`${rows.length} passed, ${failures} failed`)
if (failures > 0) process.exitCode = 1

function compare(name: string, sides: readonly Side[]): void {
  if (options.only !== undefined && options.only !== name) return
  const times = new Map(sides.map((side) => [side.name, [] as number[]]))
  let n = 0
  try {
    for (const side of sides) {
      const stdout = output(side.command(n++))
      side.check?.(stdout)
    }
  } catch (error) {
    failures++
    console.error(`${name}: ${error instanceof Error ? error.message : String(error)}`)
    return
  }
  for (let run = 0; run < runs; run++) {
    for (const side of sides) times.get(side.name)!.push(wallTime(side.command(n++)))
    makeWritable()
    for (const left of globSync("{ours,floor,nix}-[0-9]*", { cwd: dir })) rmSync(join(dir, left), { recursive: true })
  }
  const ours = median(times.get("ours")!)
  const peers = sides
    .filter((side) => side.name !== "ours")
    .map((side) => {
      const ms = median(times.get(side.name)!)
      return { name: side.name, ms, ratio: ours / ms, target: TARGETS[name]?.[side.name] }
    })
  rows.push({ name, ours, peers })
  if (options.json) return
  const shown = peers.map(({ name: peer, ms, ratio, target }) => {
    const wanted = target === undefined ? "" : ` (≤ ${target.toFixed(2)})`
    return `${peer} ${ms.toFixed(0)} ms, ratio ${ratio.toFixed(2)}${wanted}`
  })
  console.log(`${name.padEnd(13)} ours ${ours.toFixed(0)} ms; ${shown.join("; ")}`)
}

/** Nix takes the right to write from what it stores. */
function makeWritable(): void {
  spawnSync("chmod", ["-R", "u+w", dir])
}

/** A program of C++ Nix on a store of its own. */
function nix(program: string, root: string): readonly string[] {
  return [program, "--store", root]
}

function output([command = "", ...args]: readonly string[]): Buffer {
  const { status, stdout, stderr, error } = spawnSync(command, args, { maxBuffer: 2 ** 32 })
  if (error) throw new Error(`cannot run ${command}: ${error.message}`)
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status}: ${stderr.toString()}`)
  return stdout
}

/** Of the whole process, its output going nowhere. */
function wallTime([command = "", ...args]: readonly string[]): number {
  // Dirty pages of the run before are not this one's business.
  spawnSync("sync")
  const started = performance.now()
  const { status } = spawnSync(command, args, { stdio: "ignore" })
  const ms = performance.now() - started
  if (status !== 0) throw new Error(`${command} ended with ${status}`)
  return ms
}

function same(actual: string, expected: string): void {
  if (actual !== expected) throw new Error(`got ${actual}, expected ${expected}`)
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex")
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[sorted.length >> 1]!
}
