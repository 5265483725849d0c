/**
 * `npm run python-client`: a client that others wrote, Debian's python3-grpcio, talks to our daemon, over a port
 * and over a socket. The stubs are made from protos/, the stores are empty ones in a temporary folder, and client.py does
 * the asking, of the services under Tvix's names and under Snix's. The last line is "N passed, N failed".
 *
 * Debian's packages are installed where they are missing, which takes root.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import process from "node:process"
import { text } from "node:stream/consumers"
import { protoFiles } from "../protos.ts"
import { ROOT } from "../toolchain.mjs"

/** Debian's own, which is where its packages put their modules. */
const PYTHON = "/usr/bin/python3"
const PLUGIN = "/usr/bin/grpc_python_plugin"
const PACKAGES = ["python3", "python3-grpcio", "python3-protobuf", "protobuf-compiler", "protobuf-compiler-grpc"]

function works(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: "ignore" }).status === 0
}

function ensurePackages(): void {
  if (
    works(PYTHON, "-c", "import grpc, google.protobuf") &&
    works("protoc", "--version") &&
    works("test", "-x", PLUGIN)
  ) {
    return
  }
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" }
  execFileSync("apt-get", ["update", "-qq"], { env, stdio: "inherit" })
  const install = ["install", "-y", "-qq", "--no-install-recommends", ...PACKAGES]
  execFileSync("apt-get", install, { env, stdio: ["ignore", "ignore", "inherit"] })
}

/** Modules for every .proto file. A folder `grpc` would hide the module of that name, so those files move. */
function generateStubs(directory: string): void {
  const moved = (text: string): string => text.replaceAll(/\bgrpc\/(?=health|reflection)/g, "standard/")
  const paths: string[] = []
  for (const [path, text] of protoFiles()) {
    // Those of the daemon. Others import what only another of Debian's packages has.
    if (/^(?:build|google)\//.test(path)) continue
    paths.push(moved(path))
    mkdirSync(join(directory, dirname(moved(path))), { recursive: true })
    writeFileSync(join(directory, moved(path)), moved(text))
  }
  const options = [`--plugin=protoc-gen-grpc_python=${PLUGIN}`, "--python_out=.", "--grpc_python_out=.", "-I."]
  execFileSync("protoc", [...options, ...paths], { cwd: directory, stdio: "inherit" })
}

/** Starts `tvix-store daemon` and waits until it says where it is. */
async function startDaemon(store: string, listen: string) {
  const daemon = spawn(
    join(ROOT, "bin/tvix-store"),
    ["--store", `local://${store}`, "daemon", "-l", listen, "--quiet"],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  )
  const [line] = (await once(daemon.stdout.setEncoding("utf8"), "data")) as [string]
  return { daemon, address: line.trim().replace("grpc+http://", "").replace("grpc+unix://", "unix:") }
}

/** Runs the client and gives what its last line counts. */
async function runClient(address: string): Promise<{ passed: number; failed: number }> {
  const client = spawn(PYTHON, ["-B", join(import.meta.dirname, "client.py"), address], {
    env: { ...process.env, PYTHONPATH: stubs },
    stdio: ["ignore", "pipe", "inherit"],
  })
  const lines = (await text(client.stdout)).trimEnd().split("\n")
  const tally = /^(\d+) passed, (\d+) failed$/.exec(lines.pop() ?? "")
  for (const line of lines) console.log(line)
  return tally === null ? { passed: 0, failed: 1 } : { passed: Number(tally[1]), failed: Number(tally[2]) }
}

ensurePackages()
const directory = mkdtempSync(join(tmpdir(), "python-client-"))
const stubs = join(directory, "stubs")
mkdirSync(stubs)
generateStubs(stubs)
let passed = 0
let failed = 0
try {
  for (const [name, listen] of [
    ["port", "127.0.0.1:0"],
    ["socket", `unix:${join(directory, "socket")}`],
  ] as const) {
    const { daemon, address } = await startDaemon(join(directory, `store-${name}`), listen)
    const ended = once(daemon, "exit")
    const tally = await runClient(address)
    passed += tally.passed
    failed += tally.failed
    daemon.kill("SIGTERM")
    const [code] = (await ended) as [number | null]
    if (code === 0) passed++
    else {
      failed++
      console.log(`${name}: the daemon ended with ${code}`)
    }
  }
} finally {
  rmSync(directory, { recursive: true })
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0
