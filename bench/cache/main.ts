/**
 * `npm run bench:cache`: `tvix-store serve` beside nginx serving the same files, in turns.
 *
 *     npm run bench:cache -- [--runs N] [--seconds N] [--infos COUNT] [--nars MiB] [--only NAME] [--dir DIR] [--json]
 *
 * - narinfo: requests a second over 64 connections, of COUNT store paths one after the other (default 2000).
 * - NAR: bytes a second over 4 connections, of uncompressed archives of libraries of this machine (default 256 MiB).
 *
 * The floor is a server in Node that does nothing but answer (floor.ts). wrk asks, with one thread: what it could ask of
 * nginx shows that it is not what holds up. Medians of N runs (default 3) of so many seconds (default 4), after one that is
 * not timed; and what of processors each of them takes for it, which is the same on a machine that has other things to do. Nobody
 * logs. What the three answer is the same, byte for byte.
 */
import { spawn, spawnSync, type ChildProcess } from "node:child_process"
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { parseArgs } from "node:util"
import { CacheServer, has, TVIX_STORE } from "../../scripts/cache-acceptance/server.ts"
import { field, wrk, wrkScript } from "../../scripts/cache-acceptance/wrk.ts"
import { modernNode } from "../../scripts/toolchain.mjs"
import { cpuSeconds } from "./cpu-time.ts"
import { startNginx } from "./nginx.ts"

const MiB = 2 ** 20

/** What each ratio to nginx is meant to stay above. */
const TARGETS: Readonly<Record<string, number>> = { narinfo: 0.25, NAR: 0.5 }

/** Of wrk's: bytes, and ms. */
const UNITS: Readonly<Record<string, number>> = { B: 1, KB: 2 ** 10, MB: MiB, GB: 2 ** 30, us: 0.001, ms: 1, s: 1000 }

const { values: options } = parseArgs({
  options: {
    runs: { type: "string", default: "3" },
    seconds: { type: "string", default: "4" },
    infos: { type: "string", default: "2000" },
    nars: { type: "string", default: "256" },
    only: { type: "string" },
    dir: { type: "string", default: tmpdir() },
    json: { type: "boolean", default: false },
  },
})
const runs = Number(options.runs)
const seconds = Number(options.seconds)
const dir = mkdtempSync(join(options.dir, "tvix-bench-cache-"))
const rows: object[] = []
let failures = 0

for (const program of ["nginx", "wrk"]) {
  if (has(program)) continue
  console.error(`${program} is not installed: apt-get install ${program}`)
  process.exit(2)
}
try {
  const store = `local://${join(dir, "store")}`
  const small = importAll(store, smallTrees(join(dir, "small"), Number(options.infos)))
  const large = importAll(store, largeTrees(join(dir, "large"), Number(options.nars) * MiB))
  const ours = await CacheServer.start(store, "--no-log")
  const folder = join(dir, "static")
  const files = await mirror(ours.url, [...small, ...large], folder)
  const nginxes = await Promise.all(
    ["auto", "1"].map(async (workers) => ({
      workers,
      nginx: await startNginx(join(dir, `nginx-${workers}`), folder, workers),
    })),
  )
  const floor = await startFloor(folder)
  const peers = [
    { ...nginxes[0]!.nginx, name: "nginx" },
    { ...nginxes[1]!.nginx, name: "nginx with one worker" },
    { name: "floor", url: floor.url, pid: floor.child.pid! },
  ]
  try {
    await compare(
      "narinfo",
      64,
      files.slice(0, small.length).map(({ info }) => info),
      ours,
      peers,
    )
    await compare(
      "NAR",
      4,
      files.slice(small.length).map(({ nar }) => nar),
      ours,
      peers,
    )
  } finally {
    for (const { nginx } of nginxes) nginx.stop()
    floor.child.kill()
    await ours.stop()
  }
} finally {
  rmSync(dir, { recursive: true, force: true })
}
if (options.json) console.log(JSON.stringify({ runs, rows }, undefined, 2))
else console.log(`${rows.length} passed, ${failures} failed`)
if (failures > 0) process.exitCode = 1

interface Peer {
  readonly name: string
  readonly url: string
  readonly pid: number
}

async function compare(
  name: string,
  connections: number,
  paths: readonly string[],
  ours: CacheServer,
  peers: readonly Peer[],
): Promise<void> {
  if (options.only !== undefined && options.only !== name) return
  try {
    await same(paths, [ours.url, ...peers.map(({ url }) => url)])
  } catch (error) {
    failures++
    console.error(`${name}: ${error instanceof Error ? error.message : String(error)}`)
    return
  }
  const script = join(dir, `${name}.lua`)
  writeFileSync(script, wrkScript(paths))
  const sides: readonly Peer[] = [{ name: "ours", url: ours.url, pid: ours.pid }, ...peers]
  const figures = new Map(sides.map((side) => [side.name, [] as Figures[]]))
  for (let run = 0; run <= runs; run++) {
    for (const side of sides) {
      const before = cpuSeconds(side.pid)
      // oxlint-disable-next-line no-await-in-loop -- in turns
      const report = await wrk(side.url, script, connections, run === 0 ? 1 : seconds)
      if (run > 0) figures.get(side.name)!.push(figuresOf(report, cpuSeconds(side.pid) - before))
    }
  }
  const per = (side: string): number =>
    median(figures.get(side)!.map((each) => (name === "NAR" ? each.bytes : each.requests)))
  const shown = (value: number): string =>
    name === "NAR" ? `${(value / MiB).toFixed(0)} MiB/s` : `${value.toFixed(0)} requests/s`
  // What a unit costs does not depend on who else is busy on the machine.
  const cost = (side: string): number =>
    median(
      figures
        .get(side)!
        .map(({ cpu, total }) => (name === "NAR" ? (cpu / total.bytes) * 2 ** 30 : (cpu / total.requests) * 1e6)),
    )
  const costShown = (value: number): string =>
    name === "NAR" ? `${value.toFixed(2)} s/GiB` : `${value.toFixed(1)} µs each`
  const p99 = median(figures.get("ours")!.map((each) => each.p99))
  const beside = peers.map((peer) => ({
    name: peer.name,
    perSecond: per(peer.name),
    ratio: per("ours") / per(peer.name),
    cpu: cost(peer.name),
  }))
  rows.push({ name, perSecond: per("ours"), p99, cpu: cost("ours"), peers: beside, target: TARGETS[name] })
  if (options.json) return
  const target = TARGETS[name]!
  const ratios = beside.map(
    ({ name: peer, perSecond, ratio, cpu }) =>
      `${peer} ${shown(perSecond)}, ratio ${ratio.toFixed(2)}${peer === "nginx" ? ` (≥ ${target})` : ""}, CPU ${costShown(cpu)}`,
  )
  console.log(
    `${name.padEnd(8)} ours ${shown(per("ours"))}, p99 ${p99.toFixed(1)} ms, CPU ${costShown(cost("ours"))}; ${ratios.join("; ")}`,
  )
}

interface Figures {
  readonly requests: number
  readonly bytes: number
  /** ms. */
  readonly p99: number
  /** Seconds of processors, for all of it. */
  readonly cpu: number
  readonly total: { readonly requests: number; readonly bytes: number }
}

/** @throws {Error} if anything was answered with an error */
function figuresOf(report: string, cpu: number): Figures {
  if (/Non-2xx|Socket errors/.test(report)) throw new Error(report)
  const quantity = (pattern: RegExp): number => {
    const [, digits = "", unit = ""] = /^([\d.]+)([A-Za-z]*)$/.exec(field(report, pattern)) ?? []
    return Number(digits) * (UNITS[unit] ?? 1)
  }
  return {
    requests: quantity(/Requests\/sec:\s+(\S+)/),
    bytes: quantity(/Transfer\/sec:\s+(\S+)/),
    p99: quantity(/99%\s+(\S+)/),
    cpu,
    total: { requests: quantity(/(\d+) requests in/), bytes: quantity(/requests in [^,]+, (\S+) read/) },
  }
}

/** @throws {Error} unless all of them answer the same */
async function same(paths: readonly string[], urls: readonly string[]): Promise<void> {
  for (const path of paths.slice(0, 50)) {
    // oxlint-disable-next-line no-await-in-loop -- a few at a time are enough to hold in memory
    const bodies = await Promise.all(
      urls.map(async (url) => Buffer.from(await (await fetch(url + path)).arrayBuffer())),
    )
    if (bodies.some((body) => !body.equals(bodies[0]!) || body.length === 0)) throw new Error(`${path} is not the same`)
  }
}

interface Served {
  readonly info: string
  readonly nar: string
}

/** Writes what a cache serves for each store path below `folder`, for others to serve. */
async function mirror(url: string, storePaths: readonly string[], folder: string): Promise<Served[]> {
  mkdirSync(join(folder, "nar"), { recursive: true })
  const served: Served[] = []
  for (const path of storePaths) {
    const info = `/${path.slice("/nix/store/".length, "/nix/store/".length + 32)}.narinfo`
    // oxlint-disable-next-line no-await-in-loop -- thousands
    const text = await (await fetch(url + info)).text()
    const nar = `/${field(text, /^URL: (\S+)$/m)}`
    writeFileSync(join(folder, info), text)
    // oxlint-disable-next-line no-await-in-loop
    writeFileSync(join(folder, nar), Buffer.from(await (await fetch(url + nar)).arrayBuffer()))
    served.push({ info, nar })
  }
  return served
}

async function startFloor(folder: string): Promise<{ readonly child: ChildProcess; readonly url: string }> {
  const child = spawn(modernNode(), [join(import.meta.dirname, "floor.ts"), folder], {
    stdio: ["ignore", "pipe", "inherit"],
  })
  const port = await new Promise<string>((resolve) => child.stdout.once("data", (text) => resolve(String(text).trim())))
  return { child, url: `http://127.0.0.1:${port}` }
}

function importAll(store: string, trees: readonly string[]): string[] {
  const { status, stdout, stderr } = spawnSync(TVIX_STORE, ["--store", store, "import", ...trees], { encoding: "utf8" })
  if (status !== 0) throw new Error(stderr)
  return stdout.trim().split("\n")
}

function smallTrees(folder: string, count: number): string[] {
  mkdirSync(folder, { recursive: true })
  return Array.from({ length: count }, (_, i) => {
    const path = join(folder, `small-${i}`)
    writeFileSync(path, `contents of ${i}\n`)
    return path
  })
}

/** Eight folders of libraries. */
function largeTrees(folder: string, bytes: number): string[] {
  const source = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib"].find((path) =>
    existsSync(path),
  )!
  const folders = Array.from({ length: 8 }, (_, i) => join(folder, `large-${i}`))
  for (const path of folders) mkdirSync(path, { recursive: true })
  let left = bytes
  for (const entry of readdirSync(source, { withFileTypes: true })) {
    if (!entry.isFile()) continue
    const { size } = statSync(join(source, entry.name))
    if (size < 50_000 || size > bytes / 8) continue
    cpSync(join(source, entry.name), join(folders[left % 8]!, entry.name))
    left -= size
    if (left < 0) break
  }
  return folders
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!
}
