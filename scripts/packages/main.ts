/**
 * `npm run packages`: builds everything in examples/packages from Debian's sources in our sandbox, and beside it with C++
 * Nix's `nix-build`: each output has to be the same, bit for bit. What was fetched is kept in `.cache/packages`.
 *
 * C++ Nix needs root, or a daemon; without it, it is only built. The last line is "N passed, N failed".
 */
import { execFileSync, spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { modernNode, ROOT, run } from "../toolchain.mjs"

const SET = join(ROOT, "examples", "packages")
const SOURCES = join(ROOT, ".cache", "packages")
const BUSYBOX = "/bin/busybox"

interface Output {
  readonly attrPath: readonly string[]
  readonly drvPath: string
  readonly path: string
}

function output(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Buffer {
  return execFileSync(command, args, { env, maxBuffer: 2 ** 30, stdio: ["ignore", "pipe", "inherit"] })
}
const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex")

run(modernNode(), [join(SET, "fetch.mjs"), SOURCES])
const folder = mkdtempSync(join(tmpdir(), "packages-"))
let passed = 0
let failed = 0
try {
  const env = { ...process.env, TVIX_STORE: join(folder, "store") }
  const started = performance.now()
  const build = ["build", SET, "--argstr", "sources", SOURCES, "--no-link", "--json", "-q"]
  const built = JSON.parse(output(join(ROOT, "bin", "tvix"), build, env).toString()) as Output[]
  const seconds = ((performance.now() - started) / 1000).toFixed(0)
  console.log(`built ${built.length} packages in ${seconds} s`)
  const judge = findJudge()
  if (judge === undefined) {
    console.log("not compared: there is no nix-build beside, or it may not build")
    passed = built.length
  } else {
    const names = built.flatMap(({ attrPath }) => ["-A", attrPath.join(".")])
    // That of C++ Nix lets downloads see nothing of this machine unless it is told to.
    const paths = `/bin/sh=${BUSYBOX} ${SOURCES}`
    const settings = ["sandbox", "true", "sandbox-paths", paths, "substitute", "false", "build-users-group", "nixbld"]
    const options = [0, 2, 4, 6].flatMap((i) => ["--option", ...settings.slice(i, i + 2)])
    const words = [SET, "--argstr", "sources", SOURCES, "--no-out-link", "-Q", ...names, ...options]
    const theirs = output(judge, words).toString().trim().split("\n")
    for (const [i, { attrPath, path }] of built.entries()) {
      const ours = sha256(output(join(ROOT, "bin", "tvix-store"), ["nar", path], env))
      const same = theirs[i] === path && ours === sha256(output("nix-store", ["--dump", path]))
      if (same) passed++
      else failed++
      console.log(`${same ? "same " : "OTHER"} ${attrPath.join(".")}  ${path}`)
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)

/** C++ Nix's own. */
function findJudge(): string | undefined {
  if (process.getuid?.() !== 0) return undefined
  const { status, stdout } = spawnSync("nix-build", ["--version"], { encoding: "utf8" })
  return status === 0 && stdout.includes("(Nix)") ? "nix-build" : undefined
}
