/**
 * `npm run python-client`: a client that others wrote, Debian's python3-grpcio, talks to our server. The stubs are made
 * from protos/, the store is an empty one in a temporary folder, and client.py does the asking, first of the services
 * under Tvix's names, then under Snix's. Its last line is "N passed, N failed".
 *
 * Debian's packages are installed where they are missing, which takes root.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import process from "node:process"
import { openLocalStore, serveStore } from "@tvix-ts/store/node"
import { protoFiles } from "../protos.ts"

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
    paths.push(moved(path))
    mkdirSync(join(directory, dirname(moved(path))), { recursive: true })
    writeFileSync(join(directory, moved(path)), moved(text))
  }
  const options = [`--plugin=protoc-gen-grpc_python=${PLUGIN}`, "--python_out=.", "--grpc_python_out=.", "-I."]
  execFileSync("protoc", [...options, ...paths], { cwd: directory, stdio: "inherit" })
}

ensurePackages()
const directory = mkdtempSync(join(tmpdir(), "python-client-"))
const stubs = join(directory, "stubs")
mkdirSync(stubs)
generateStubs(stubs)
const store = openLocalStore(join(directory, "store"))
const server = await serveStore(store, {
  address: "127.0.0.1:0",
  onInternalError: (error, method) => console.error(method, error),
})
try {
  const client = spawn(PYTHON, ["-B", join(import.meta.dirname, "client.py"), server.address], {
    env: { ...process.env, PYTHONPATH: stubs },
    stdio: ["ignore", "inherit", "inherit"],
  })
  const [code] = (await once(client, "exit")) as [number | null]
  process.exitCode = code ?? 1
} finally {
  await server.close(1_000)
  await store.close()
  rmSync(directory, { recursive: true })
}
