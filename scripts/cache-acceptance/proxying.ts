/** A cache in front of another one: what is read through it is kept, and is there when the other is not. */
import { createHash } from "node:crypto"
import { join } from "node:path"
import { byteStringFrom } from "@tvix-ts/bytes"
import { encodeNix32 } from "@tvix-ts/hash"
import { parseNarInfo, type NarInfo } from "@tvix-ts/nix-compat"
import { digestOf, type FilledCache } from "./clients.ts"
import { NixClient } from "./nix.ts"
import { cacheAddress } from "./ours.ts"
import { CacheServer } from "./server.ts"
import type { Tally } from "../acceptance/tally.ts"
import { ask } from "./uploads.ts"
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
  await sendsWhatComes(tally, world, upstream)
}

/** Long enough for any machine; who waits for all of an archive waits for ever. */
const PATIENCE_MS = 30_000

async function sendsWhatComes(tally: Tally, world: World, upstream: FilledCache): Promise<void> {
  const begun = Promise.withResolvers<void>()
  const between = await tamper(upstream.server.url, {
    halfway: (path) => (path.startsWith("/nar/") ? begun.promise : undefined),
  })
  const near = join(world.dir, "near-slow")
  const server = await CacheServer.start(
    `cache(local://${near},${cacheAddress(between.url, world.cacheKey.publicKey)})`,
  )
  try {
    const infos = await Promise.all(world.closure.paths.map((path) => narInfoOf(server, path)))
    const largest = infos.reduce((most, info) => (info.narSize > most.narSize ? info : most))
    const { body } = await fetch(`${server.url}/${largest.url}`, { signal: AbortSignal.timeout(PATIENCE_MS) })
    const hasher = createHash("sha256")
    for await (const piece of body!) {
      hasher.update(piece)
      begun.resolve()
    }
    const expected = encodeNix32(largest.narHash)
    tally.equal("an archive is sent while it comes", encodeNix32(hasher.digest()), expected)
  } catch (error) {
    tally.equal("an archive is sent while it comes", String(error), "")
  } finally {
    begun.resolve()
    await server.stop()
    between.close()
  }
}

async function narInfoOf({ url }: CacheServer, path: string): Promise<NarInfo> {
  const { body } = await ask(`${url}/${digestOf(path)}.narinfo`)
  return parseNarInfo(byteStringFrom(body))
}
