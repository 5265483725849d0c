/**
 * `npm run build-acceptance`: what building has to stand, and what it may cost, with the released commands.
 *
 *     npm run build-acceptance -- [--quick] [--only PART]... [--dir DIR] [--seed N]
 *
 * `--quick` does the same with less of everything.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { parseArgs } from "node:util"
import { Tally } from "../acceptance/tally.ts"
import { Random } from "../random.ts"
import { killedWhileBuilding } from "./kills.ts"
import { overhead } from "./overhead.ts"

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", multiple: true },
    dir: { type: "string", default: tmpdir() },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
  },
})
const { quick } = options
const dir = mkdtempSync(join(options.dir, "build-acceptance-"))
const tally = new Tally()

const PARTS: Readonly<Record<string, (folder: string) => Promise<void>>> = {
  kills: (folder) => killedWhileBuilding(tally, folder, quick ? 4 : 30, new Random(Number(options.seed))),
  overhead: (folder) => overhead(tally, folder, quick ? 30 : 300),
}

const wanted = options.only ?? Object.keys(PARTS)
const unknown = wanted.find((name) => !(name in PARTS))
if (unknown !== undefined) {
  console.error(`there is no part '${unknown}': ${Object.keys(PARTS).join(", ")}`)
  process.exit(2)
}
console.log(`seed ${options.seed}`)
try {
  for (const name of wanted) {
    const folder = join(dir, name)
    mkdirSync(folder)
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await PARTS[name]!(folder)
  }
} finally {
  rmSync(dir, { recursive: true, force: true })
}
process.exit(tally.conclude())
