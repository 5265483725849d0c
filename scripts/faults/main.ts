/**
 * `npm run faults`: does the store lose anything? Kills, flipped bits and a full disk, on the command line as it is used.
 *
 *     npm run faults -- [--kills N] [--flips N] [--seed N]
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { parseArgs } from "node:util"
import { Random } from "../random.ts"
import { flippedBits, fullDisk } from "./damage.ts"
import { killCampaign } from "./kills.ts"

const { values: options } = parseArgs({
  options: {
    kills: { type: "string", default: "200" },
    flips: { type: "string", default: "10" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
  },
})
const kills = Number(options.kills)
const flips = Number(options.flips)
const random = new Random(Number(options.seed))
console.log(`seed ${options.seed}`)

const dir = mkdtempSync(join(tmpdir(), "tvix-faults-"))
const problems: string[] = []
let checks = 0
try {
  const campaign = await killCampaign(dir, kills, random)
  checks += kills
  problems.push(...campaign.problems)
  console.log(
    `${kills} kills, ${campaign.inTime} of them in time; ${campaign.acknowledged} store paths acknowledged, ` +
      `${campaign.problems.length} problems`,
  )
  const bits = flippedBits(dir, flips, random)
  checks += flips
  problems.push(...bits)
  console.log(`${flips} bits flipped, ${bits.length} problems`)

  const full = fullDisk(dir, random)
  if (full === undefined) console.log("full disk: not tried, nobody may mount a file system here")
  else {
    checks++
    problems.push(...full)
    console.log(`full disk, ${full.length} problems`)
  }
} finally {
  rmSync(dir, { recursive: true, force: true })
}
for (const problem of problems) console.error(problem)
console.log(`${Math.max(0, checks - problems.length)} passed, ${problems.length} failed`)
if (problems.length > 0) process.exitCode = 1
