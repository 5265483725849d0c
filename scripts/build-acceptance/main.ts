/**
 * `npm run build-acceptance`: what building has to stand, and what it may cost, with the released commands.
 *
 *     npm run build-acceptance -- [--quick] [--only PART]... [--dir DIR] [--seed N]
 *
 * `--quick` does the same with less of everything.
 */
import { join } from "node:path"
import { beginAcceptance } from "../acceptance/parts.ts"
import { killedWhileBuilding } from "./kills.ts"
import { overhead } from "./overhead.ts"
import { builtRemotely } from "./remotely.ts"

const { tally, quick, random, dir, runParts } = beginAcceptance("build-acceptance")

await runParts({
  kills: () => killedWhileBuilding(tally, join(dir, "kills"), quick ? 4 : 30, random),
  overhead: () => overhead(tally, join(dir, "overhead"), quick ? 30 : 300, quick ? 1 : 3),
  remotely: () => builtRemotely(tally, join(dir, "remotely"), quick),
})
