/** What `tvix instantiate` leaves in a store, against what C++ Nix left in one. */
import { spawnSync } from "node:child_process"
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { Tally } from "../side-by-side/tally.ts"
import { ROOT } from "../toolchain.mjs"

export interface Instantiated {
  /** Selects a derivation, as `-A` does. */
  readonly attribute: string
  readonly drvPath: string
}

/** A command line holds two megabytes. */
const FILES_AT_ONCE = 10_000

/**
 * Instantiates the derivations with our command, and reads the files of all `.drv` below `theirRoot` back from our store.
 * @param expression the package set
 */
export function compareWritten(
  expression: string,
  derivations: readonly Instantiated[],
  theirRoot: string,
  shown: number,
): readonly Tally[] {
  const paths = new Tally("tvix instantiate: equal paths", shown)
  const files = new Tally("tvix instantiate: equal files", shown)
  const dir = mkdtempSync(join(tmpdir(), "instantiate-"))
  const run = (command: string, args: readonly string[]): Buffer => {
    const { error, status, stdout, stderr } = spawnSync(join(ROOT, "bin", command), args, {
      env: { ...process.env, TVIX_STORE: `local://${dir}/store` },
      maxBuffer: 2 ** 30,
      stdio: ["ignore", "pipe", "pipe"],
    })
    if (error !== undefined) throw error
    if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr.toString().slice(-2000)}`)
    return stdout
  }
  try {
    const attributes = derivations.flatMap(({ attribute }) => ["-A", attribute])
    const printed = run("tvix", ["instantiate", "-E", expression, ...attributes])
      .toString()
      .trimEnd()
      .split("\n")
    for (const [index, { attribute, drvPath }] of derivations.entries()) {
      // The name of another output than `out` comes behind.
      const our = printed[index]?.split("!")[0]
      paths.add(our === drvPath, () => `${attribute}\nours:    ${our}\nC++ Nix: ${drvPath}\n`)
    }
    const theirDir = join(theirRoot, "nix", "store")
    const names = readdirSync(theirDir).filter(
      (name) => name.endsWith(".drv") && lstatSync(join(theirDir, name)).isFile(),
    )
    const reached = closure(theirDir, new Set(names), derivations)
    for (let first = 0; first < reached.length; first += FILES_AT_ONCE) {
      const some = reached.slice(first, first + FILES_AT_ONCE)
      const ours = run("tvix-store", ["cat", ...some.map((name) => `/nix/store/${name}`)])
      let at = 0
      for (const name of some) {
        const their = readFileSync(join(theirDir, name))
        files.add(ours.subarray(at, at + their.length).equals(their), () => name)
        at += their.length
      }
      files.add(at === ours.length, () => `${ours.length} bytes in all rather than ${at}`)
    }
  } catch (error) {
    files.add(false, () => (error instanceof Error ? error.message : String(error)))
  } finally {
    rmSync(dir, { recursive: true })
  }
  return [paths, files]
}

/** Files of derivations that those of `derivations` need, and themselves. */
function closure(dir: string, names: ReadonlySet<string>, derivations: readonly Instantiated[]): string[] {
  const found = new Set<string>()
  const open = derivations.map(({ drvPath }) => drvPath.slice("/nix/store/".length))
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (found.has(name) || !names.has(name)) continue
    found.add(name)
    const text = readFileSync(join(dir, name), "latin1")
    open.push(...Array.from(text.matchAll(/\/nix\/store\/([0-9a-z]{32}-[\w+.?=-]*\.drv)/g), ([, needed]) => needed!))
  }
  return [...found]
}
