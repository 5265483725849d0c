/** What successive versions of a closure take, beside the archives that other caches keep of them. */
import { mkdirSync, readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { startCache } from "./clients.ts"
import { buildClosure } from "./closures.ts"
import { NixClient } from "./nix.ts"
import type { Tally } from "../acceptance/tally.ts"
import { netrcOf } from "./tokens.ts"
import type { World } from "./world.ts"

const MiB = 2 ** 20

export async function successiveVersions(tally: Tally, world: World, count: number, bytes: number): Promise<void> {
  tally.section(`${count} successive versions of a closure of ${(bytes / MiB).toFixed(0)} MiB`)
  const { maker, makerKey } = world
  const xz = join(world.dir, "versions-xz")
  mkdirSync(xz, { recursive: true })
  const cache = await startCache(world, "versions")
  const pusher = new NixClient(world.nixes[0]!, join(world.dir, "versions-client"), {
    root: maker.root,
    netrc: netrcOf(cache.server.url, cache.write),
  })
  let narBytes = 0
  const sizes: string[] = []
  for (let version = 0; version < count; version++) {
    const dir = join(world.dir, `version-${version}`)
    // oxlint-disable-next-line no-await-in-loop -- one after the other, as they come in life
    const closure = await buildClosure(maker, dir, { paths: 30, bytes, version, name: "versioned" })
    narBytes += closure.narBytes
    // oxlint-disable-next-line no-await-in-loop
    await maker.output("nix", "store", "sign", "--key-file", makerKey.secretFile, "--recursive", closure.top)
    // oxlint-disable-next-line no-await-in-loop
    await maker.output("nix", "copy", "--to", `file://${xz}?compression=xz&parallel-compression=true`, closure.top)
    // oxlint-disable-next-line no-await-in-loop
    await pusher.output("nix", "copy", "--to", `${cache.server.url}?compression=none`, closure.top)
    sizes.push((bytesBelow(join(world.dir, "versions")) / MiB).toFixed(1))
  }
  await cache.server.stop()
  const theirs = bytesBelow(join(xz, "nar"))
  const ours = bytesBelow(join(world.dir, "versions"))
  tally.figure(
    `${count} versions of a closure`,
    `${(ours / MiB).toFixed(1)} MiB in our store (${sizes.join(", ")} after each), ${(theirs / MiB).toFixed(1)} MiB of xz NARs, ` +
      `${(narBytes / MiB).toFixed(0)} MiB of NARs; ratio ${(ours / theirs).toFixed(2)}`,
    // Two are not enough for there to be much in common.
    count < 5 ? undefined : { of: "less than 0.5 of the xz NARs", holds: ours < theirs / 2 },
  )
}

/** What files take, in bytes, index and all. */
function bytesBelow(dir: string): number {
  return readdirSync(dir, { recursive: true, encoding: "utf8" }).reduce((sum, name) => {
    const { size } = statSync(join(dir, name))
    return statSync(join(dir, name)).isFile() ? sum + size : sum
  }, 0)
}
