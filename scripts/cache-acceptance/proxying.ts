/** A cache in front of another one: what is read through it is kept, and is there when the other is not. */
import { join } from "node:path"
import type { FilledCache } from "./clients.ts"
import { NixClient } from "./nix.ts"
import { cacheAddress } from "./ours.ts"
import { CacheServer } from "./server.ts"
import type { Tally } from "../acceptance/tally.ts"
import { tamper } from "./web.ts"
import type { World } from "./world.ts"

export async function proxies(tally: Tally, world: World, upstream: FilledCache): Promise<void> {
  tally.section("a caching proxy of an upstream")
  const { closure, cacheKey } = world
  const nix = world.nixes.at(-1)!
  // What is between them can be closed, and the upstream goes on.
  const between = await tamper(upstream.server.url, {})
  const near = join(world.dir, "near")
  const store = `cache(local://${near},${cacheAddress(between.url, cacheKey.publicKey)})`
  const server = await CacheServer.start(store)
  const pull = async (name: string): Promise<string> => {
    const client = new NixClient(nix, join(world.dir, name), { trustedKeys: [cacheKey.publicKey] })
    const { status, error } = await client.run("nix", "copy", "--from", server.url, closure.top)
    if (status !== 0) return error.trim()
    const verified = await client.run("nix", "store", "verify", "--recursive", closure.top)
    return verified.status === 0 ? "" : verified.error
  }
  tally.equal("a closure is read through it", await pull("through-1"), "")
  const asked = between.asked.length
  tally.equal("and once more", await pull("through-2"), "")
  const nars = between.asked.slice(asked).filter((path) => path.startsWith("/nar/")).length
  tally.equal("which fetches no NAR again", nars, 0)
  between.close()
  tally.equal("and once more when the upstream is gone", await pull("through-3"), "")
  await server.stop()
}
