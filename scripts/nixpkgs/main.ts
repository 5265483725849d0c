/**
 * `npm run nixpkgs -- PATH [ATTRIBUTE…]`: compares a whole package set, such as a checkout of nixpkgs, with C++ Nix: the
 * `drvPath` of every attribute, what is wrong with those that fail, and the bytes of every file that evaluation writes
 * to the store; then the paths and files that `tvix instantiate` leaves.
 *
 *     npm run nixpkgs -- [PATH] [--arguments SET] [--show N] [ATTRIBUTE…]
 *
 * PATH is `$NIXPKGS` unless given, and `fixture`, the package set beside this file, without that. ATTRIBUTE, such as
 * `git` or `python3Packages`, takes only what is there; without, all is walked: sets of packages as far as they say
 * `recurseForDerivations`, and others one level deep. `--arguments` is what the package set, a function, is called with:
 * `{ system = "aarch64-linux"; }`. `--show` prints that many differences of a kind. A checkout of 1,000 packages takes a
 * minute.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import process from "node:process"
import { parseArgs } from "node:util"
import { isSameMessage } from "../side-by-side/compare.ts"
import { compareFiles } from "../side-by-side/files.ts"
import { askRepl, type Reply } from "../side-by-side/repl.ts"
import { Session } from "../side-by-side/session.ts"
import { Tally } from "../side-by-side/tally.ts"
import { compareWritten, type Instantiated } from "./written.ts"

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { show: { type: "string", default: "5" }, arguments: { type: "string", default: "{ }" } },
})
const root = resolve(positionals[0] ?? process.env["NIXPKGS"] ?? join(import.meta.dirname, "fixture"))
const wanted = positionals.slice(1)
const shown = Number(options.show)

/** What describe.nix says of an attribute. */
type Description =
  | { readonly kind: "derivation"; readonly drvPath: string }
  | { readonly kind: "set"; readonly names: readonly string[]; readonly recurse: boolean }
  | { readonly kind: "int" | "bool" | "string" | "path" | "null" | "list" | "lambda" | "float" }

type Path = readonly string[]

/** Sets deeper than this are left alone, whatever they say. */
const DEPTH_MAX = 4

const PACKAGES = `let imported = import ${root}; in if builtins.isFunction imported then imported (${options.arguments}) else imported`
const DEFINITIONS = [
  ["describe", `import ${join(import.meta.dirname, "describe.nix")}`],
  ["root", PACKAGES],
] as const

const SETUP = DEFINITIONS.map(([name, expression]) => `${name} = ${expression}`)

const storeRoot = mkdtempSync(join(tmpdir(), "nixpkgs-"))
try {
  await compare()
} finally {
  rmSync(storeRoot, { recursive: true })
}

async function compare(): Promise<void> {
  const ours = new Session(root)
  for (const [name, expression] of DEFINITIONS) ours.define(name, expression)

  const derivations = new Tally("attributes: equal drvPath", shown)
  const others = new Tally("attributes: other values", shown)
  const failures = new Tally("attributes that fail in both", shown)
  const messages = new Tally("failures with the same message", shown)
  const instantiated: Instantiated[] = []
  let level: Path[] = wanted.length > 0 ? wanted.map((path) => path.split(".")) : [[]]
  for (let depth = 0; level.length > 0; depth++) {
    const questions = level.map((path) => `describe root [ ${path.map(quote).join(" ")} ]`)
    const theirs = await askRepl(questions, { store: storeRoot, directory: root, setup: SETUP })
    const next: Path[] = []
    for (const [index, path] of level.entries()) {
      const their = theirs[index]!
      const our = ours.ask(questions[index]!)
      const name = path.join(".")
      if ("value" in their) {
        const description = JSON.parse(their.value) as Description
        const tally = description.kind === "derivation" ? derivations : others
        tally.add("value" in our && our.value === their.value, () => `${name}\n${difference(our, their)}`)
        if (description.kind === "derivation") {
          instantiated.push({ attribute: path.map(quote).join("."), drvPath: description.drvPath })
        }
        if (description.kind === "set") next.push(...membersOf(path, description))
      } else {
        failures.add("error" in our, () => `${name}\n${difference(our, their)}`)
        if ("error" in our) {
          messages.add(isSameMessage(our.error, their.error), () => `${name}\n${difference(our, their)}`)
        }
      }
    }
    level = next
  }

  const { files, copies } = await compareFiles(ours, storeRoot, shown)
  const written = compareWritten(PACKAGES, instantiated, storeRoot, shown)
  const tallies = [derivations, others, failures, messages, files, ...written]
  for (const tally of tallies) tally.print()
  console.log(`and ${copies} copies of sources`)
  const failed = tallies.reduce((sum, tally) => sum + tally.failed, 0)
  console.log(`${tallies.reduce((sum, tally) => sum + tally.passed, 0)} passed, ${failed} failed`)
  if (failed > 0) process.exitCode = 1
}

function membersOf(path: Path, { names, recurse }: Extract<Description, { kind: "set" }>): Path[] {
  if (!(path.length <= 1 || recurse) || path.length >= DEPTH_MAX) return []
  // The package set again, or for another system.
  if (path.length > 0 && names.includes("stdenv") && names.includes("callPackage")) return []
  return names.map((name) => [...path, name])
}

function quote(name: string): string {
  return `"${name.replace(/["\\$]/g, String.raw`\$&`)}"`
}

function difference(our: Reply, their: Reply): string {
  const show = (answer: Reply): string => ("value" in answer ? answer.value : `error: ${answer.error}`)
  return `ours:    ${show(our)}\nC++ Nix: ${show(their)}\n`
}
