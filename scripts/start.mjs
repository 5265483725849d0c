/**
 * `npm start`, also as the first command on a fresh clone: installs what is missing, builds, evaluates a real program,
 * puts a tree into a store, and says what to try next.
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

Try next:
  bin/tvix eval --raw ${PROGRAM} -A 'machines.web-1.files."/etc/nginx/nginx.conf"'
  bin/tvix eval --strict -E 'builtins.map (x: x * x) [ 1 2 3 ]'
  bin/tvix repl
  bin/tvix-store --help
  npm test

What is here and where: README.md, docs/ARCHITECTURE.md`)

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
