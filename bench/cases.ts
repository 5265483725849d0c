/** What `npm run bench` runs: each case here and in C++ Nix, with the same result. */
import { spawnSync } from "node:child_process"
import { basename, join } from "node:path"
import { globSync } from "node:fs"
import { ROOT } from "../scripts/toolchain.mjs"

/** Arguments of `nix-instantiate`, and what differs from the usual. */
export interface Invocation {
  readonly args: readonly string[]
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
}

export interface Case {
  readonly name: string
  readonly ours: Invocation
  readonly theirs: Invocation
  /** What the ratios of wall time and of peak memory are meant to stay below. */
  readonly target?: number
  readonly memoryTarget?: number
  /** How often ours is run before anything is measured, to fill its caches. */
  readonly rehearsals?: number
  /** Whether each run finds its caches and stores empty, and fills them. */
  readonly fills?: boolean
  /** Whether ours runs in the process of `tvix warm`, whose memory counts. */
  readonly served?: boolean
}

const TARGETS: Readonly<Record<string, number>> = {
  fib: 0.6,
  fold: 0.9,
  lookups: 2,
  sort: 1.5,
  attrs: 1.3,
  strings: 1.6,
  modules: 3,
}

/** The programs of bench/programs. */
export function programCases(): Case[] {
  return globSync("programs/*.nix", { cwd: import.meta.dirname })
    .sort()
    .map((path) => {
      const name = basename(path, ".nix")
      const invocation = { args: ["--eval", "--strict", join(import.meta.dirname, path)], env: { TVIX_NO_CACHE: "1" } }
      const target = TARGETS[name]
      return { name, ours: invocation, theirs: invocation, ...(target !== undefined && { target }) }
    })
}

const MEMORY_TARGET = 2.5
/** After so many evaluations V8 has compiled nearly all that it ever will. */
const WARM = 10
/** In one evaluation. */
const PACKAGES = 200

/**
 * Derivations of the package set at `nixpkgs`: one of its packages with no cache, with empty ones that are filled, with the
 * bytecode cache, and as it was evaluated before; and many of them. Then the first and the others in the process of
 * `tvix warm`; and the one written to a store, for the first time and again.
 *
 * @param folder for stores that are filled: emptied with the caches
 * @param kept for those that stay
 */
export function nixpkgsCases(nixpkgs: string, folder: string, kept: string): Case[] {
  const path = JSON.stringify(nixpkgs)
  const inMemory = ["--store", "dummy://?read-only=false", "--read-write-mode"]
  const file = ["--eval", nixpkgs, "-A", "git.drvPath"]
  const fileCase = { theirs: { args: [...file, ...inMemory] } }
  // What comes from standard input is evaluated anew each time.
  const typed = (name: string, input: string, target: number): Case => {
    const args = ["--eval", "--strict", "-"]
    const ours = { args, input }
    return {
      name,
      ours,
      theirs: { args: [...args, ...inMemory], input },
      target,
      memoryTarget: MEMORY_TARGET,
      rehearsals: 1,
    }
  }
  const names = someAttributes(nixpkgs)
  const many = `let p = import ${path} {}; in builtins.hashString "sha256" (toString [ ${names
    .map((name) => `p.${JSON.stringify(name)}.drvPath`)
    .join(" ")} ])`
  const cold = {
    name: "git cold",
    ours: { args: file, env: { TVIX_NO_CACHE: "1" } },
    ...fileCase,
    target: 1.3,
    memoryTarget: MEMORY_TARGET,
  }
  const git = typed("git", `(import ${path} {}).git.drvPath`, 1.15)
  const packages = typed(`${names.length} packages`, many, 1.2)
  const written = (name: string, stores: string): Case => {
    const invocation = (store: string): Invocation => ({ args: [nixpkgs, "-A", "git", "--store", join(stores, store)] })
    return { name, ours: invocation("ours"), theirs: invocation("theirs") }
  }
  const served = (each: Case): Case => ({ ...each, name: `${each.name}, warm`, rehearsals: WARM, served: true })
  return [
    cold,
    { ...cold, name: "git, first", ours: { args: file }, fills: true },
    git,
    { name: "git again", ours: { args: file }, ...fileCase, rehearsals: 1 },
    packages,
    ...[cold, git, packages].map(served),
    { ...written("git, written", folder), fills: true },
    { ...written("git, written again", kept), rehearsals: 1 },
  ]
}

/** Names of packages that can be evaluated. */
function someAttributes(nixpkgs: string): string[] {
  const words = ["eval-jobs", "--no-instantiate", "--ordered", "--workers", "1", "--quiet", nixpkgs]
  const { stdout } = spawnSync(join(ROOT, "bin", "tvix"), words, { encoding: "utf8", maxBuffer: 2 ** 28 })
  const jobs = stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as { readonly attrPath: readonly string[]; readonly drvPath?: string })
  const names = jobs
    .filter(({ attrPath, drvPath }) => drvPath !== undefined && attrPath.length === 1)
    .map(({ attrPath }) => attrPath[0]!)
  return names.slice(0, PACKAGES)
}
