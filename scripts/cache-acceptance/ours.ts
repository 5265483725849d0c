/** Our client reads what C++ Nix wrote, from a server that knows nothing of Nix; and refuses what is not as it was signed. */
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { alteredAnswers } from "./clients.ts"
import { run } from "../acceptance/program.ts"
import { damageIn, TVIX_STORE, tvixStore } from "./server.ts"
import type { Tally } from "../acceptance/tally.ts"
import { serveFolder, tamper } from "./web.ts"
import type { World } from "./world.ts"

const MiB = 2 ** 20

/** `nix+http://…` of a cache. @param keys who is trusted */
export function cacheAddress(url: string, ...keys: readonly string[]): string {
  return `nix+${url}?trusted-public-keys=${encodeURIComponent(keys.join(" "))}`
}

export async function readsFromStatic(tally: Tally, world: World, compression: string): Promise<void> {
  tally.section(`our client reads a file:// cache of C++ Nix, with ${compression}`)
  // xz takes its time.
  const closure = compression === "xz" ? world.compact : world.closure
  const { maker, makerKey, strangerKey, leaf } = world
  const folder = join(world.dir, `static-${compression}`)
  mkdirSync(folder, { recursive: true })
  await maker.output(
    "nix",
    "copy",
    "--to",
    `file://${folder}?compression=${compression}&parallel-compression=true`,
    closure.top,
  )
  const server = await serveFolder(folder)
  try {
    const store = `local://${join(world.dir, `ours-${compression}`)}`
    const from = cacheAddress(server.url, makerKey.publicKey)
    const started = performance.now()
    const copied = await tvixStore("copy", "--from", from, "--to", store, closure.top)
    const ms = performance.now() - started
    tally.equal("it copies the closure", copied.split("\n").sort().join(" "), closure.paths.join(" "))
    tally.figure(
      `our client copies a closure, ${compression}`,
      `${(ms / 1000).toFixed(1)} s, ${(closure.narBytes / MiB / (ms / 1000)).toFixed(0)} MiB/s of NARs`,
    )
    const infos = JSON.parse(await tvixStore("--store", store, "info", "--json", ...closure.paths)) as Record<
      string,
      { readonly narHash: string }
    >
    const theirs = (await maker.output("nix-store", "--query", "--hash", ...closure.paths)).split("\n")
    const asSri = await maker.output(
      "nix",
      "hash",
      "to-sri",
      "--type",
      "sha256",
      ...theirs.map((hash) => hash.slice(7)),
    )
    tally.equal(
      "hashes are those of what was made",
      closure.paths.map((path) => infos[path]?.narHash).join("\n"),
      asSri,
    )
    const asked = server.asked.length
    await tvixStore("copy", "--from", from, "--to", store, closure.top)
    tally.check("once more asks for no NAR", !server.asked.slice(asked).some((path) => path.startsWith("/nar/")))
    tally.equal("and the store is whole", await damageIn(store), "")

    const refused = async (what: string, address: string): Promise<void> => {
      const fresh = `local://${join(world.dir, `refusing-${compression}-${++stores}`)}`
      const { status, error } = await run([TVIX_STORE, "copy", "--from", address, "--to", fresh, leaf])
      const { status: there } = await run([TVIX_STORE, "--store", fresh, "info", leaf])
      tally.check(
        `it refuses ${what}`,
        status === 1 && there !== 0 && error.startsWith("error: "),
        error.trim().slice(0, 200),
      )
    }
    await refused("a key that is not trusted", cacheAddress(server.url, strangerKey.publicKey))
    for (const [what, alterations] of alteredAnswers(leaf)) {
      // oxlint-disable-next-line no-await-in-loop -- each has a name
      const proxy = await tamper(server.url, alterations)
      // oxlint-disable-next-line no-await-in-loop
      await refused(what, cacheAddress(proxy.url, makerKey.publicKey))
      proxy.close()
    }
  } finally {
    server.close()
  }
}
let stores = 0
