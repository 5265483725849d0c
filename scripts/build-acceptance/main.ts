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
import { mounted } from "./mount.ts"
import { builtAlike } from "./likeness.ts"
import { overhead } from "./overhead.ts"
import { builtRemotely } from "./remotely.ts"

const { tally, quick, random, dir, runParts } = beginAcceptance("build-acceptance")

const WHOLE_MOUNT = { files: 10_000, large: 2 ** 30, rounds: 5, decides: true }
const QUICK_MOUNT = { files: 1000, large: 2 ** 26, rounds: 1, decides: false }

await runParts({
  kills: () => killedWhileBuilding(tally, join(dir, "kills"), quick ? 4 : 30, random),
  likeness: () => builtAlike(tally, join(dir, "likeness")),
  overhead: () => overhead(tally, join(dir, "overhead"), quick ? 30 : 300, quick ? 1 : 3),
  mount: () => mounted(tally, join(dir, "mount"), quick ? QUICK_MOUNT : WHOLE_MOUNT, random),
  remotely: () => builtRemotely(tally, join(dir, "remotely"), quick),
})
