/** Derivations that tell what a builder finds, and try what an output may be: C++ Nix and we make the same of each. */
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { output, run } from "../acceptance/program.ts"
import type { Tally } from "../acceptance/tally.ts"
import { findNixes, NixClient } from "../cache-acceptance/nix.ts"
import { ROOT } from "../toolchain.mjs"

const PROGRAM = join(ROOT, "scripts", "build-acceptance", "likeness.nix")
const BUSYBOX = "/bin/busybox"
const bin = (name: string): string => join(ROOT, "bin", name)

/** Of version 2: those before tell builders with structured attributes where these are outside of their sandbox. */
const STRUCTURED_MINOR = 20

/** What is known of a path: null of one that is not there. */
type PathInfos = Readonly<Record<string, { readonly narHash: string; readonly references: readonly string[] } | null>>

export async function builtAlike(tally: Tally, dir: string): Promise<void> {
  tally.section("what derivations find and may do, beside C++ Nix")
  const nix = (await findNixes()).at(-1)
  if (process.getuid?.() !== 0 || nix === undefined || Number(nix.version.split(".")[1]) < STRUCTURED_MINOR) {
    tally.figure("beside C++ Nix", "not compared: there is none that can build in a sandbox here")
    return
  }
  mkdirSync(dir, { recursive: true })
  // What downloads may see of our environment.
  process.env["LIKENESS"] = "from outside"
  delete process.env["ABSENT"]
  const store = `local://${join(dir, "ours")}`
  const client = new NixClient(nix, join(dir, "theirs"))
  const settings = ["sandbox", "true", "sandbox-paths", `/bin/sh=${BUSYBOX}`, "build-hook", ""]
  const options = [0, 2, 4].flatMap((i) => ["--option", ...settings.slice(i, i + 2)])
  const theirs = (words: readonly string[]) => client.run("nix-build", PROGRAM, "--no-out-link", ...options, ...words)
  const ours = (words: readonly string[]) =>
    run([bin("nix-build"), PROGRAM, "--no-out-link", "--store", store, ...words])

  const { built, failing } = await outputPaths()
  const all = ["-A", "built", "-k", "-j2"]
  const both = await Promise.all([theirs(all), ours(all)])
  const errors = both.map(({ status, error }) => (status === 0 ? "" : error)).join("")
  if (!tally.check("both build all that can be built", errors === "", errors)) return
  const paths = [...built.values()]
  const [expected, got] = await Promise.all([
    theirInfos(client, paths),
    output([bin("tvix-store"), "--store", store, "info", "--json", ...paths]).then(
      (text) => JSON.parse(text) as PathInfos,
    ),
  ])
  for (const [name, path] of built) tally.equal(name, summary(got[path]), summary(expected[path]))

  for (const name of failing) {
    const words = ["-A", `failing.${name}`]
    // oxlint-disable-next-line no-await-in-loop -- both load the machine
    const [they, we] = await Promise.all([theirs(words), ours(words)])
    if (they.status === 0) throw new Error(`${name} does not fail in C++ Nix`)
    tally.equal(`fails: ${name}`, we.status, they.status)
  }
}

/** Store paths of what is to be built, by name, and the names of what is not. */
async function outputPaths(): Promise<{ built: ReadonlyMap<string, string>; failing: readonly string[] }> {
  const program = `with import ${PROGRAM}; { built = builtins.mapAttrs (_: one: one.outPath) built; failing = builtins.attrNames failing; }`
  const text = await output([bin("tvix"), "eval", "--json", "--strict", "-E", program])
  const { built, failing } = JSON.parse(text) as { built: Record<string, string>; failing: string[] }
  return { built: new Map(Object.entries(built)), failing }
}

async function theirInfos(client: NixClient, paths: readonly string[]): Promise<PathInfos> {
  const infos = JSON.parse(await client.output("nix", "path-info", "--json", ...paths)) as
    | PathInfos
    | (NonNullable<PathInfos[string]> & { readonly path: string })[]
  return Array.isArray(infos) ? Object.fromEntries(infos.map((info) => [info.path, info])) : infos
}

function summary(info: PathInfos[string] | undefined): string {
  return info === undefined || info === null ? "not there" : [info.narHash, ...info.references.toSorted()].join(" ")
}
