/**
 * `npm run bad-input`: what nix-instantiate and `tvix instantiate` say of programs with something wrong, against C++ Nix
 * and against the expectations in cases.ts. Each is refused with a message and a place, and the store is whole in the end.
 *
 *     npm run bad-input -- [WORD…]
 *
 * WORD takes only the cases whose description has it.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { requireOracle } from "../oracle.ts"
import { ROOT } from "../toolchain.mjs"
import { CASES, type BadInput } from "./cases.ts"

const words = process.argv.slice(2)
const dir = mkdtempSync(join(tmpdir(), "bad-input-"))
const OUR_STORE = `local://${join(dir, "stores", "ours")}`
try {
  prepare()
  let failed = 0
  const cases = CASES.filter(({ what }) => words.every((word) => what.includes(word)))
  for (const one of cases) {
    const problems = check(one)
    if (problems.length > 0) failed++
    for (const problem of problems) console.log(`${one.what}: ${problem}\n`)
  }
  const verified = run([join(ROOT, "bin", "tvix-store"), "--store", OUR_STORE, "verify"], [], process.env)
  if (verified.status !== 0) {
    failed++
    console.log(`the store is damaged:\n${verified.errors}`)
  }
  console.log(`${cases.length + 1 - failed} passed, ${failed} failed`)
  if (failed > 0) process.exitCode = 1
} finally {
  rmSync(dir, { recursive: true })
}

function prepare(): void {
  const repo = join(dir, "repo")
  mkdirSync(repo)
  mkdirSync(join(dir, "stores"))
  writeFileSync(join(repo, "file"), "contents\n")
  const git = ["-C", repo, "-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "init.defaultBranch=main"]
  for (const args of [
    ["init", "--quiet"],
    ["add", "file"],
    ["commit", "--quiet", "-m", "first"],
  ]) {
    execFileSync("git", [...git, ...args], { stdio: "ignore" })
  }
  execFileSync("tar", ["-czf", join(dir, "archive.tar.gz"), "-C", dir, "repo/file"])
}

/** What is not as it should be. */
function check({ program, message, at, pure = false }: BadInput): string[] {
  const file = join(dir, "case.nix")
  writeFileSync(file, program.replaceAll("@dir@", dir))
  const wanted = message.replaceAll("@dir@", dir)
  // Whatever is not asked for on the command line is outside of a pure evaluation, so that the program is given there.
  const source = pure ? ["-E", program] : [file]
  const env = {
    ...process.env,
    TVIX_STORE: OUR_STORE,
    XDG_CACHE_HOME: join(dir, "stores", "cache"),
    NIX_ORACLE_DIR: process.env["NIX_ORACLE_DIR"] ?? join(process.env["HOME"] ?? "", ".cache", "nix-oracle"),
  }
  const theirs = run(
    [...requireOracle(), "--store", join(dir, "stores", "theirs"), ...(pure ? ["--pure-eval"] : [])],
    source,
    env,
  )
  const ours = run([join(ROOT, "bin", "nix-instantiate"), ...(pure ? ["--pure-eval"] : [])], source, env)
  const tvix = run([join(ROOT, "bin", "tvix"), "instantiate", ...(pure ? ["--pure"] : [])], source, env)
  const problems: string[] = []
  for (const [name, said] of [
    ["C++ Nix", theirs],
    ["nix-instantiate", ours],
    ["tvix instantiate", tvix],
  ] as const) {
    // C++ Nix has a code of its own for hashes that differ.
    if (said.status !== 1 && said.status !== 102)
      problems.push(`${name} ends with ${said.status}\n${said.output}${said.errors}`)
    if (!said.errors.includes(wanted)) problems.push(`${name} does not say ${wanted}\n${said.errors}`)
    if (!said.errors.includes(`:${at}`)) problems.push(`${name} does not point at ${at}\n${said.errors}`)
  }
  const [our, their] = [lastMessage(ours.errors), lastMessage(theirs.errors)]
  if (our !== their) problems.push(`another message:\nours:    ${our}\nC++ Nix: ${their}`)
  return problems
}

function lastMessage(errors: string): string {
  const last = errors.split(/^\s*error: /m).at(-1) ?? ""
  const message = last
    .split(/\n\s+at /)[0]!
    .replace(/\s+/g, " ")
    .trim()
  // What its libraries and its command line add.
  return message.replace(/ \(libgit2 error code = \d+\)$| Try '.*' for more information\.$/, "")
}

function run([command = "", ...options]: readonly string[], args: readonly string[], env: NodeJS.ProcessEnv) {
  const { status, stdout, stderr } = spawnSync(command, [...options, ...args], { cwd: dir, env, encoding: "utf8" })
  return { status, output: stdout, errors: stderr }
}
