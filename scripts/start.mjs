/**
 * `npm start`, also as the first command on a fresh clone: installs what is missing, builds, evaluates a real program,
 * puts a tree into a store, builds programs from their sources, and says what to try next.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { ensureInstalled, modernNode, ROOT, run } from "./toolchain.mjs"

const PROGRAM = "examples/fleet.nix"

ensureInstalled()
run(modernNode(), ["scripts/bundle.mjs", "--if-stale"])

const source = readFileSync(join(ROOT, PROGRAM), "utf8")
const lines = source.split("\n").length - 1
console.log(`\n$ bin/tvix eval --strict --json ${PROGRAM}        (${lines} lines of Nix)\n`)

const started = performance.now()
const { status, stdout, stderr } = spawnSync(
  join(ROOT, "bin", "tvix"),
  ["eval", "--strict", "--json", join(ROOT, PROGRAM)],
  { encoding: "utf8" },
)
const ms = Math.round(performance.now() - started)
process.stderr.write(stderr ?? "")
if (status !== 0) {
  console.error(`\nThe evaluation failed after ${ms} ms; the message above says where. Is this clone unmodified?`)
  process.exit(status ?? 1)
}
const { machines, summary } = JSON.parse(stdout)
console.log(JSON.stringify(summary, undefined, 2))
for (const [name, { address, files }] of Object.entries(machines)) {
  console.log(`${name.padEnd(10)} ${address.padEnd(10)} ${Object.keys(files).join(" ")}`)
}
console.log(`
Evaluated in ${ms} ms, starting included. ${PROGRAM} reads an inventory of machines, declares typed options,
merges five modules for each machine, lets machines see each other, and renders their configuration files.
`)

// A store of its own, gone at the end.
const folder = mkdtempSync(join(tmpdir(), "tvix-start-"))
const begun = performance.now()
try {
  const [path = ""] = tvixStore("import", "examples")
  tvixStore("ls", "-l", path)
  tvixStore("verify")
} finally {
  rmSync(folder, { recursive: true, force: true })
}
console.log(`
Stored and verified in ${Math.round(performance.now() - begun)} ms, three starts included. The store path is what nix-store --add gives.
`)

const reason = whyNotBuild()
if (reason === undefined) buildGreeting()
else console.log(`Building a program from its sources is left out: ${reason}.`)

console.log(`
Try next:
  bin/tvix eval --raw ${PROGRAM} -A 'machines.web-1.files."/etc/nginx/nginx.conf"'
  bin/tvix eval --strict -E 'builtins.map (x: x * x) [ 1 2 3 ]'
  bin/tvix repl
  bin/tvix-store --help
  npm test

What is here and where: README.md, docs/ARCHITECTURE.md`)

/** What keeps this machine from building examples/packages. */
function whyNotBuild() {
  if (process.platform !== "linux" || process.arch !== "x64") return "the example is for Linux on x86_64"
  const runs = (/** @type {string} */ program) =>
    spawnSync(program, ["--version"], { stdio: "ignore" }).error === undefined
  if (!runs("apt-get")) return "the sources come from Debian, by apt-get, which is not here"
  const missing = Object.entries({ bwrap: "bubblewrap", busybox: "busybox-static" }).filter(
    ([program]) => !runs(program),
  )
  if (missing.length === 0) return undefined
  const packages = missing.map(([, name]) => name)
  if (process.getuid?.() !== 0) return `it needs Debian's ${packages.join(" and ")}`
  console.log(`Installing ${packages.join(" and ")} (apt-get); this happens once …`)
  spawnSync("apt-get", ["update", "-qq"], { stdio: "ignore" })
  const { status } = spawnSync("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...packages], {
    stdio: "ignore",
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  })
  return status === 0 ? undefined : `${packages.join(" and ")} could not be installed`
}

/** Builds from sources, in a store of its own that is kept: the second time there is nothing to build. */
function buildGreeting() {
  const sources = join(ROOT, ".cache", "packages")
  console.log("Fetching sources that Debian ships (apt-get source); this happens once …")
  run(modernNode(), [join("examples", "packages", "fetch.mjs"), sources])
  const words = ["build", "examples/packages", "--argstr", "sources", sources, "-A", "greeting"]
  console.log(`$ bin/tvix ${words.join(" ").replace(ROOT, "$PWD")}`)
  const from = performance.now()
  const env = { ...process.env, TVIX_STORE: join(ROOT, ".cache", "start-store") }
  const tvix = join(ROOT, "bin", "tvix")
  const { status } = spawnSync(tvix, [...words, "--out-link", ".cache/greeting"], { cwd: ROOT, env, stdio: "inherit" })
  if (status !== 0) {
    console.error("\nThe build failed; the message above says how. Is this clone unmodified?")
    process.exit(status ?? 1)
  }
  const seconds = ((performance.now() - from) / 1000).toFixed(1)
  console.log(`$ cat .cache/greeting\n${readFileSync(join(ROOT, ".cache", "greeting"), "utf8")}`)
  console.log(`Built in ${seconds} s, in a sandbox: a C compiler's wrapper, make, hello, sed and lua from their sources, and with
those the text above. C++ Nix builds the same, bit for bit: npm run packages.`)
}

/**
 * Runs the command, shows it and what it prints, and ends this process if it fails.
 *
 * @param {readonly string[]} words
 */
function tvixStore(...words) {
  console.log(`$ bin/tvix-store ${words.join(" ")}`)
  const { status, stdout, stderr } = spawnSync(join(ROOT, "bin", "tvix-store"), words, {
    cwd: ROOT,
    env: { ...process.env, TVIX_STORE: `local://${join(folder, "store")}` },
    encoding: "utf8",
  })
  process.stdout.write(stdout ?? "")
  process.stderr.write(stderr ?? "")
  if (status !== 0) {
    console.error("\nThe store failed; the message above says how. Is this clone unmodified?")
    process.exit(status ?? 1)
  }
  return stdout.trimEnd().split("\n")
}
