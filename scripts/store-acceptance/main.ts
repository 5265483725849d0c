/**
 * `npm run store-acceptance [-- PATH...]`: trees go into a store and come back as they were, and everything that C++ Nix can
 * say of them is what ours says. Without paths, the tree is this project's node_modules.
 *
 * For each tree: the store path and the hash of the archive are C++ Nix's (package nix-bin; skipped where it is missing);
 * what is exported differs in nothing, permission to execute included; the archive is Nix's, byte for byte; importing it
 * again stores nothing. And a byte inserted at the front of a large file stores little more than one chunk.
 */
import { spawnSync } from "node:child_process"
import { createHash, randomFillSync } from "node:crypto"
import { closeSync, lstatSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join, resolve } from "node:path"
import process from "node:process"
import { ROOT } from "../toolchain.mjs"

const MiB = 2 ** 20
/** Bytes of the large file, and how many more a changed copy of it may take. */
const LARGE = 200 * MiB
const LARGE_CHANGED_MAX = 2 * MiB

const TVIX_STORE = join(ROOT, "bin", "tvix-store")
const dir = mkdtempSync(join(tmpdir(), "store-acceptance-"))
const store = `local://${join(dir, "store")}`
let passed = 0
let failed = 0

function check(what: string, holds: boolean, details = ""): void {
  if (holds) passed++
  else failed++
  console.log(`${holds ? "ok    " : "FAILED"}  ${what}${details === "" ? "" : `: ${details}`}`)
}

/** What a shell command prints. Its words come from the environment, so that nothing in them is the shell's to read. */
function shell(script: string, variables: Readonly<Record<string, string>> = {}): string {
  const { status, stdout, stderr } = spawnSync("bash", ["-euo", "pipefail", "-c", script], {
    env: { ...process.env, ...variables, TVIX_STORE: store },
    encoding: "utf8",
    maxBuffer: 2 ** 30,
  })
  if (status !== 0) throw new Error(`${script}: ${stderr.trim()}`)
  return stdout.trim()
}

function tvixStore(...words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(TVIX_STORE, ["--store", store, ...words], { encoding: "utf8" })
  if (status !== 0) throw new Error(`tvix-store ${words.join(" ")}: ${stderr.trim()}`)
  return stdout.trim()
}

/** Chunks in the store, and their bytes. */
function chunks(): { readonly count: number; readonly bytes: number } {
  return JSON.parse(tvixStore("stats", "--json")).chunks
}

/** Names of files that their owner may execute, and nothing else of permissions: what a store keeps. */
const EXECUTABLES = 'cd "$TREE" && find . -type f -perm -u=x -print0 | sort -z | sha256sum'
const haveNix = spawnSync("nix-store", ["--version"]).status === 0

function acceptTree(tree: string): void {
  const name = basename(tree)
  const started = performance.now()
  const path = tvixStore("import", tree, "--name", "tree")
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  console.log(`\n${tree}: ${path}, imported in ${seconds} s`)
  const before = chunks()
  const info = JSON.parse(tvixStore("info", "--json", path))[path]
  const narHash = Buffer.from(info.narHash.replace("sha256-", ""), "base64").toString("hex")
  if (haveNix) {
    const expected = shell('nix-store --dump "$TREE" | sha256sum', { TREE: tree }).slice(0, 64)
    check(`${name}: the archive's hash is that of nix-store --dump`, narHash === expected, narHash)
    const fixed = shell(`nix-store --print-fixed-path --recursive sha256 ${expected} tree`)
    check(`${name}: the store path is that of nix-store --add`, path === fixed, fixed)
  }
  const rendered = shell(`"${TVIX_STORE}" nar "$STORE_PATH" | sha256sum`, { STORE_PATH: path }).slice(0, 64)
  check(`${name}: the archive has the hash that is promised`, rendered === narHash, rendered)

  const exported = join(dir, "exported")
  tvixStore("export", path, exported)
  const difference = spawnSync("diff", ["-r", "--no-dereference", "-q", tree, exported], { encoding: "utf8" })
  check(`${name}: what is exported is what was imported`, difference.status === 0, difference.stdout.slice(0, 500))
  if (lstatSync(tree).isDirectory()) {
    const executables = [tree, exported].map((TREE) => shell(EXECUTABLES, { TREE }))
    check(`${name}: the same files can be executed`, executables[0] === executables[1])
  }
  check(`${name}: imported again it has the same path`, tvixStore("import", exported, "--name", "tree") === path)
  const after = chunks()
  check(`${name}: and stores no chunk`, after.count === before.count, `${after.count} chunks, ${after.bytes} bytes`)
  rmSync(exported, { recursive: true, force: true })
}

function acceptInsertion(): void {
  const file = join(dir, "large")
  console.log(`\na file of ${LARGE / MiB} MiB`)
  const out = openSync(file, "w")
  for (let at = 0; at < LARGE; at += MiB) writeSync(out, randomFillSync(new Uint8Array(MiB)))
  closeSync(out)
  tvixStore("import", file)
  const before = chunks()
  writeFileSync(`${file}-changed`, Buffer.concat([Buffer.from("x"), readFileSync(file)]))
  const path = tvixStore("import", `${file}-changed`)
  const more = chunks().bytes - before.bytes
  check("one byte at its front stores less than 2 MiB more", more < LARGE_CHANGED_MAX, `${more} bytes`)
  const expected = createHash("sha256")
    .update(readFileSync(`${file}-changed`))
    .digest("hex")
  const printed = shell(`"${TVIX_STORE}" cat "$STORE_PATH" | sha256sum`, { STORE_PATH: path }).slice(0, 64)
  check("and it is printed as it was", printed === expected)
}

const trees = process.argv.length > 2 ? process.argv.slice(2) : [join(ROOT, "node_modules")]
try {
  if (!haveNix) console.log("nix-store is not installed (apt-get install nix-bin): nothing is compared with C++ Nix")
  for (const tree of trees) acceptTree(resolve(tree))
  acceptInsertion()
  const verified = spawnSync(TVIX_STORE, ["--store", store, "verify"], { encoding: "utf8" })
  check("the store is whole", verified.status === 0, verified.stdout.trim())
} catch (error) {
  check(error instanceof Error ? error.message : String(error), false)
} finally {
  rmSync(dir, { recursive: true, force: true })
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0
