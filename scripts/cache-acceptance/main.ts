/**
 * `npm run cache-acceptance`: what a binary cache has to be for real Nix clients, found out with real Nix clients.
 *
 *     npm run cache-acceptance -- [--quick] [--only PART]... [--dir DIR] [--seed N]
 *
 * The released bundle serves; C++ Nix of apt and the current one (scripts/oracle.ts) push and pull, each with a store of its
 * own. Prints figures, and fails where something is not as it has to be. `--quick` does the same with less of everything.
 */
import { join } from "node:path"
import { beginAcceptance } from "../acceptance/parts.ts"
import { attacks } from "./attacks.ts"
import { refusedReads, refusedWrites, roundTrips, startCache } from "./clients.ts"
import { collectedWhileServing } from "./collecting.ts"
import { guide } from "./guide.ts"
import { killedWhileUploading } from "./kills.ts"
import { underLoad } from "./load.ts"
import { findNixes } from "./nix.ts"
import { readsFromStatic } from "./ours.ts"
import { proxies } from "./proxying.ts"
import { has } from "./server.ts"
import { successiveVersions } from "./versions.ts"
import { COMPACT, makeWorld, type World } from "./world.ts"

const MiB = 2 ** 20

const { tally, quick, random, dir, runParts } = beginAcceptance("cache-acceptance")

const PARTS: Readonly<Record<string, () => Promise<void>>> = {
  guide: () => guide(tally, join(dir, "guide")),
  clients: withClients,
  "our client": async () => {
    for (const compression of ["xz", "zstd"]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await readsFromStatic(tally, await world(), compression)
    }
  },
  versions: async () => successiveVersions(tally, await world(), quick ? 2 : 5, (quick ? 6 : 100) * MiB),
  attacks: () =>
    attacks(
      tally,
      join(dir, "attacks"),
      quick
        ? { bombBytes: 256 * MiB, slowConnections: 50, idleConnections: 500 }
        : { bombBytes: 1024 * MiB, slowConnections: 500, idleConnections: 2000 },
      random,
    ),
  kills: () => killedWhileUploading(tally, join(dir, "kills"), quick ? 3 : 20, random),
  gc: () => collectedWhileServing(tally, join(dir, "gc"), quick ? 40 : 200, random),
  load: async () => {
    if (has("wrk")) return underLoad(tally, join(dir, "load"), quick ? 6 : 60, random)
    tally.check("wrk is installed (apt-get install wrk)", false)
  },
}

let made: Promise<World> | undefined
/** Made when somebody needs it. */
function world(): Promise<World> {
  return (made ??= makeOurWorld())
}
async function makeOurWorld(): Promise<World> {
  const nixes = await findNixes()
  tally.check("there are two C++ Nixes", nixes.length === 2, nixes.map(({ version }) => version).join(", "))
  const shape = quick ? COMPACT : { paths: 60, bytes: 330 * MiB }
  const result = await makeWorld(join(dir, "world"), nixes, shape)
  const { paths, narBytes } = result.closure
  tally.figure(
    "the closure",
    `${paths.length} store paths, ${(narBytes / 1e6).toFixed(0)} MB of NARs`,
    quick ? undefined : { of: "50 paths, 300 MB", holds: paths.length >= 50 && narBytes >= 300e6 },
  )
  return result
}

async function withClients(): Promise<void> {
  const built = await world()
  const { nixes } = built
  for (const [i, nix] of nixes.entries()) {
    // oxlint-disable-next-line no-await-in-loop -- each has the machine for itself
    const cache = await startCache(built, `cache-${nix.version}`)
    // oxlint-disable-next-line no-await-in-loop
    await roundTrips(tally, built, nix, i === 0 ? "zstd" : "none", cache)
    // oxlint-disable-next-line no-await-in-loop
    await refusedReads(tally, built, nix, cache)
    // oxlint-disable-next-line no-await-in-loop
    await refusedWrites(tally, built, nix)
    // oxlint-disable-next-line no-await-in-loop
    if (i === nixes.length - 1) await proxies(tally, built, cache)
    // oxlint-disable-next-line no-await-in-loop
    tally.equal(`Nix ${nix.version}: the server ends in order`, await cache.server.stop(), 0)
  }
}

await runParts(PARTS)
