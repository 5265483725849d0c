/** What acceptance programs have in common: options, a folder of their own, and parts that are run one after the other. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { parseArgs } from "node:util"
import { Random } from "../random.ts"
import { run } from "./program.ts"
import { Tally } from "./tally.ts"

export interface Acceptance {
  readonly tally: Tally
  /** The same with less of everything. */
  readonly quick: boolean
  readonly random: Random
  /** Removed at the end. */
  readonly dir: string
  /** Runs the parts that the command line names, or all. One that throws has failed, and the others go on. */
  readonly runParts: (parts: Readonly<Record<string, () => Promise<void>>>) => Promise<void>
}

/** Reads the command line and makes the folder. */
export function beginAcceptance(name: string): Acceptance {
  const { values: options } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string", multiple: true },
      dir: { type: "string", default: tmpdir() },
      seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    },
  })
  mkdirSync(options.dir, { recursive: true })
  const dir = mkdtempSync(join(options.dir, `${name}-`))
  const tally = new Tally()
  return {
    tally,
    quick: options.quick,
    random: new Random(Number(options.seed)),
    dir,
    async runParts(parts) {
      try {
        console.log(`seed ${options.seed}`)
        for (const part of options.only ?? Object.keys(parts)) {
          try {
            const begin = parts[part]
            if (begin === undefined) throw new Error(`no such part: there are ${Object.keys(parts).join(", ")}`)
            // oxlint-disable-next-line no-await-in-loop -- one after the other
            await begin()
          } catch (error) {
            tally.check(`${part}: ${error instanceof Error ? error.message : String(error)}`, false)
          }
        }
      } finally {
        // Nix takes the right to write from what it stores.
        await run(["chmod", "-R", "u+w", dir])
        rmSync(dir, { recursive: true, force: true })
      }
      process.exitCode = tally.conclude()
    },
  }
}
