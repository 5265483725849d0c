/**
 * Where C++ Nix is: the judge of what Nix programs mean, and the peer that benchmarks run beside.
 */
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { basename, delimiter, dirname, join, resolve } from "node:path"
import process from "node:process"
import { ROOT } from "./toolchain.mjs"

/**
 * The command that starts C++ Nix's `nix-instantiate`, as words: the one in `$NIX_ORACLE` (split at blanks, relative to
 * the repository), else the `nix-oracle` script beside the repository, else the one on PATH.
 * `undefined` if there is none.
 */
export function findOracle(): readonly string[] | undefined {
  const given = process.env["NIX_ORACLE"]?.trim().split(/\s+/)
  const beside = join(dirname(ROOT), "shared", "tools", "nix-oracle")
  if (given?.[0]) return withProgram([given[0].includes("/") ? resolve(ROOT, given[0]) : given[0], ...given.slice(1)])
  if (existsSync(beside)) return withProgram([beside])
  for (const dir of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(dir, "nix-instantiate")
    // Our own launcher answers to that name too.
    if (existsSync(path) && !resolve(dir).startsWith(ROOT)) return [path]
  }
  return undefined
}

/** `nix-oracle` takes the program to run as its first argument. */
function withProgram(words: readonly string[]): readonly string[] {
  return basename(words.at(-1)!) === "nix-oracle" ? [...words, "nix-instantiate"] : words
}

/** The words for another program of the same C++ Nix: `nix-store`, `nix`. */
export function oracleProgram(oracle: readonly string[], name: string): readonly string[] {
  const last = oracle.at(-1)!
  return [...oracle.slice(0, -1), last.includes("/") ? join(dirname(last), name) : name]
}

/** As {@link findOracle}, ready to be timed: its first run may install it. Ends the process if there is none. */
export function requireOracle(): readonly string[] {
  const words = findOracle()
  const [command, ...args] = words ?? []
  const { status, stderr } = command
    ? spawnSync(command, [...args, "--version"], { encoding: "utf8", stdio: ["ignore", "ignore", "pipe"] })
    : { status: 1, stderr: "" }
  if (words && status === 0) return words
  console.error(stderr)
  console.error("no C++ Nix to compare with: name its nix-instantiate in $NIX_ORACLE, or put it on PATH")
  process.exit(2)
}
