/** C++ Nix pushes a closure to our cache, reads it from there in every way it has, and refuses what is not as it should be. */
import { createHash } from "node:crypto"
import { join } from "node:path"
import { byteStringFrom } from "@tvix-ts/bytes"
import { encodeNix32 } from "@tvix-ts/hash"
import { NixClient, type ClientSettings, type NixVersion } from "./nix.ts"
import { CacheServer } from "./server.ts"
import type { Tally } from "../acceptance/tally.ts"
import { netrcOf, newToken } from "./tokens.ts"
import { ask } from "./uploads.ts"
import { tamper, type Alteration, type Alterations } from "./web.ts"
import type { World } from "./world.ts"

const MiB = 2 ** 20

/** A cache to which one Nix has pushed the closure of the world. */
export interface FilledCache {
  readonly server: CacheServer
  readonly store: string
  readonly write: string
}

let clients = 0

/** A client with a store of its own that is empty, or with another's. */
function newClient(world: World, nix: NixVersion, settings: ClientSettings): NixClient {
  return new NixClient(nix, join(world.dir, `client-${++clients}`), settings)
}

/** Server that takes what the maker signed, and signs itself. */
export async function startCache(world: World, name: string, ...words: readonly string[]): Promise<FilledCache> {
  const store = `local://${join(world.dir, name)}`
  const write = await newToken(store, "write")
  const keys = ["--sign-with", world.cacheKey.secretFile, "--require-signatures", world.makerKey.publicKey]
  return { server: await CacheServer.start(store, ...keys, ...words), store, write }
}

/** @param compression of the NARs that the client sends */
export async function roundTrips(
  tally: Tally,
  world: World,
  nix: NixVersion,
  compression: string,
  { server, write }: FilledCache,
): Promise<void> {
  const label = `Nix ${nix.version}`
  tally.section(`${label}: pushes with ${compression}, pulls`)
  const { closure, maker, cacheKey } = world
  const { url } = server
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`
  const rate = (ms: number): string => `${(closure.narBytes / MiB / (ms / 1000)).toFixed(0)} MiB/s`

  const pusher = newClient(world, nix, { root: maker.root, netrc: netrcOf(url, write) })
  const pushed = await pusher.run("nix", "copy", "--to", `${url}?compression=${compression}`, closure.top)
  tally.equal(`${label}: nix copy --to`, pushed.status === 0 ? "" : pushed.error.trim(), "")
  tally.figure(`${label}: nix copy --to, ${compression}`, `${seconds(pushed.ms)}, ${rate(pushed.ms)} of NARs`)
  const again = await pusher.run("nix", "copy", "--to", url, closure.top)
  tally.check(`${label}: once more sends nothing`, again.status === 0 && again.ms < 10_000, seconds(again.ms))

  const reader = newClient(world, nix, { trustedKeys: [cacheKey.publicKey] })
  const listed = await reader.run("nix", "path-info", "--recursive", "--store", url, closure.top)
  const paths = listed.out.trim().split("\n").sort()
  tally.equal(`${label}: nix path-info -r --store`, paths.join(" "), closure.paths.join(" "))
  const verified = await reader.run("nix", "store", "verify", "--recursive", "--store", url, closure.top)
  tally.equal(`${label}: nix store verify of the cache`, verified.status === 0 ? "" : verified.error.trim(), "")

  const pulled = await reader.run("nix", "copy", "--from", url, closure.top)
  tally.equal(`${label}: nix copy --from, signatures required`, pulled.status === 0 ? "" : pulled.error.trim(), "")
  tally.figure(`${label}: nix copy --from`, `${seconds(pulled.ms)}, ${rate(pulled.ms)} of NARs`)
  await sameAsMade(tally, `${label}: nix copy --from`, world, reader)

  const realiser = newClient(world, nix, { trustedKeys: [cacheKey.publicKey], substituters: [url] })
  const realised = await realiser.run("nix-store", "--realise", closure.top)
  tally.equal(
    `${label}: nix-store -r of the path`,
    realised.status === 0 ? realised.out.trim() : realised.error,
    closure.top,
  )
  tally.figure(`${label}: nix-store -r`, `${seconds(realised.ms)}, ${rate(realised.ms)} of NARs`)
  await sameAsMade(tally, `${label}: nix-store -r`, world, realiser)

  const builder = newClient(world, nix, { trustedKeys: [cacheKey.publicKey], substituters: [url] })
  const drv = await builder.output("nix-instantiate", closure.expression)
  const built = await builder.run("nix-store", "--realise", drv.trim(), "--max-jobs", "0")
  tally.equal(`${label}: nix-store -r of the derivation builds nothing`, built.out.trim() || built.error, closure.top)

  const listing = await reader.run("nix", "store", "ls", "--store", url, "--recursive", "--json", world.leaf)
  const ours = await ask(`${url}/${digestOf(world.leaf)}.ls`)
  const theirs = sorted(JSON.parse(listing.out || "null"))
  tally.equal(`${label}: the listing is C++ Nix's`, sorted(JSON.parse(byteStringFrom(ours.body)).root), theirs)
  for (const kind of ["xz", "zstd", "bzip2", "br", "gzip", "none"]) {
    // oxlint-disable-next-line no-await-in-loop -- each has a name
    const fresh = await startCache(world, `kind-${nix.version}-${kind}`)
    const sender = newClient(world, nix, { root: maker.root, netrc: netrcOf(fresh.server.url, fresh.write) })
    // oxlint-disable-next-line no-await-in-loop
    const sent = await sender.run("nix", "copy", "--to", `${fresh.server.url}?compression=${kind}`, world.leaf)
    tally.equal(`${label}: nix copy --to with ${kind}`, sent.status === 0 ? "" : sent.error.trim(), "")
    // oxlint-disable-next-line no-await-in-loop
    const verdict = await reader.run("nix", "store", "verify", "--store", fresh.server.url, world.leaf)
    tally.equal(`${label}: and it is whole`, verdict.status === 0 ? "" : verdict.error.trim(), "")
    // oxlint-disable-next-line no-await-in-loop
    await fresh.server.stop()
  }
}

/** Of a store path. */
export function digestOf(path: string): string {
  return path.slice("/nix/store/".length, "/nix/store/".length + 32)
}

/** JSON with its fields in order, and without what says where in an archive a file is. */
function sorted(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(
          Object.entries(inner)
            .filter(([name, field]) => name !== "narOffset" && !(name === "executable" && field === false))
            .sort(([a], [b]) => (a < b ? -1 : 1)),
        )
      : inner,
  )
}

/** Everything has arrived, is what its hash says, and the hash is the maker's. */
async function sameAsMade(tally: Tally, what: string, { maker, closure }: World, client: NixClient): Promise<void> {
  const verified = await client.run("nix", "store", "verify", "--recursive", closure.top)
  tally.equal(`${what}: nix store verify`, verified.status === 0 ? "" : verified.error.trim(), "")
  const hashes = (of: NixClient): Promise<string> => of.output("nix-store", "--query", "--hash", ...closure.paths)
  tally.equal(`${what}: the hashes are those of what was made`, await hashes(client), await hashes(maker))
}

/** What reads refuse. */
export async function refusedReads(tally: Tally, world: World, nix: NixVersion, cache: FilledCache): Promise<void> {
  const label = `Nix ${nix.version}`
  tally.section(`${label}: what it refuses to take`)
  const { leaf, cacheKey, strangerKey } = world
  const { url } = cache.server
  const refused = async (what: string, from: string, trusted: string, why: RegExp): Promise<void> => {
    for (const how of ["nix copy --from", "nix-store -r"]) {
      const client = newClient(world, nix, {
        trustedKeys: [trusted],
        substituters: how === "nix-store -r" ? [from] : [],
      })
      // oxlint-disable-next-line no-await-in-loop -- two
      const { status, error } = await (how === "nix-store -r"
        ? client.run("nix-store", "--realise", leaf)
        : client.run("nix", "copy", "--from", from, leaf))
      // oxlint-disable-next-line no-await-in-loop
      const there = (await client.run("nix-store", "--check-validity", leaf)).status === 0
      tally.check(`${label}: ${what}, by ${how}`, status !== 0 && !there && why.test(error), error)
    }
  }
  const unsigned = /signature|untrusted|not signed/i
  const damaged = /hash mismatch|hash|bad archive|unexpected end|corrupt|size|coroutine has finished|incomplete/i
  await refused("a key that is not trusted", url, strangerKey.publicKey, unsigned)

  for (const [what, alterations, why] of alteredAnswers(leaf)) {
    // oxlint-disable-next-line no-await-in-loop -- each has a name
    const proxy = await tamper(url, alterations)
    // oxlint-disable-next-line no-await-in-loop
    await refused(what, proxy.url, cacheKey.publicKey, why === "signature" ? unsigned : damaged)
    proxy.close()
  }
}

/** What somebody between a cache and its clients could try. The signature guards the narinfo, its hash the NAR. */
export function alteredAnswers(path: string): readonly (readonly [string, Alterations, "signature" | "hash"])[] {
  const info = `/${digestOf(path)}.narinfo`
  const onInfo =
    (change: (text: string) => string): Alteration =>
    (asked, body) =>
      asked === info ? Buffer.from(change(body.toString("latin1")), "latin1") : body
  const onNar =
    (change: (nar: Buffer) => Buffer): Alteration =>
    (asked, body) =>
      asked.startsWith("/nar/") ? change(body) : body
  const other = encodeNix32(createHash("sha256").update("other").digest())
  return [
    [
      "a narinfo without its signatures",
      { response: onInfo((text) => text.replaceAll(/^Sig: .*\n/gm, "")) },
      "signature",
    ],
    [
      "a narinfo with another hash",
      { response: onInfo((text) => text.replace(/^NarHash: .*$/m, `NarHash: sha256:${other}`)) },
      "signature",
    ],
    ["a narinfo with other references", { response: onInfo((text) => otherReferences(text, path)) }, "signature"],
    [
      "a narinfo with another size",
      { response: onInfo((text) => text.replace(/^NarSize: .*$/m, "NarSize: 112")) },
      "signature",
    ],
    ["a NAR with one bit changed", { response: onNar(flipped) }, "hash"],
    ["a NAR that is cut short", { response: onNar((nar) => nar.subarray(0, nar.length - 100)) }, "hash"],
    ["another NAR", { response: onNar(() => emptyFile) }, "hash"],
  ]
}

/** Of a path that refers to nothing but itself, if to that. */
function otherReferences(narInfo: string, path: string): string {
  return narInfo.replace(/^References:(.*)$/m, (_, there: string) =>
    there.trim() === "" ? `References: ${path.slice("/nix/store/".length)}` : "References: ",
  )
}

/** One bit in the middle, of contents if there are any. */
function flipped(bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes)
  changed[bytes.length >> 1]! ^= 1
  return changed
}

/** The archive of an empty file. */
const emptyFile = Buffer.concat(
  ["nix-archive-1", "(", "type", "regular", "contents", "", ")"].map((word) => {
    const bytes = Buffer.alloc(8 + Math.ceil(word.length / 8) * 8)
    bytes.writeBigUInt64LE(BigInt(word.length))
    bytes.write(word, 8)
    return bytes
  }),
)

/** What our server refuses of what C++ Nix sends. */
export async function refusedWrites(tally: Tally, world: World, nix: NixVersion): Promise<void> {
  const label = `Nix ${nix.version}`
  tally.section(`${label}: what our server refuses of it`)
  const { maker, leaf, unsigned, strangerKey } = world
  const cache = await startCache(world, `refusing-${nix.version}`)
  const { server, write } = cache
  const read = await newToken(cache.store, "read")
  const refused = async (what: string, to: string, path: string, token: string, why: RegExp): Promise<void> => {
    const client = newClient(world, nix, { root: maker.root, netrc: token === "" ? "" : netrcOf(to, token) })
    const { status, error } = await client.run("nix", "copy", "--to", `${to}?compression=none`, path)
    const there = (await ask(`${server.url}/${digestOf(path)}.narinfo`)).status
    tally.check(`${label}: ${what}`, status !== 0 && there === 404 && why.test(error), `${there} ${error}`)
  }
  await refused("no token", server.url, leaf, "", /401|unauthorized/i)
  await refused("a token for reading", server.url, leaf, read, /403|forbidden/i)
  await refused("a path that nobody signed", server.url, unsigned, write, /403/)
  const strangers = newClient(world, nix, { trustedKeys: [world.makerKey.publicKey] })
  await strangers.output("nix", "copy", "--no-check-sigs", "--from", maker.root, unsigned)
  await strangers.output("nix", "store", "sign", "--key-file", strangerKey.secretFile, unsigned)
  const stranger = newClient(world, nix, { root: strangers.root, netrc: netrcOf(server.url, write) })
  const { status, error } = await stranger.run("nix", "copy", "--to", server.url, unsigned)
  tally.check(`${label}: a path that a stranger signed`, status !== 0 && /403/.test(error), error)

  const other = encodeNix32(createHash("sha256").update("other").digest())
  for (const [what, alter] of [
    ["a NAR with one bit changed on the way", (path, body) => (path.startsWith("/nar/") ? flipped(body) : body)],
    [
      "a narinfo with another hash",
      (path, body) =>
        path.endsWith(".narinfo")
          ? Buffer.from(body.toString("latin1").replace(/^NarHash: .*$/m, `NarHash: sha256:${other}`), "latin1")
          : body,
    ],
    [
      "a narinfo with other references",
      (path, body) =>
        path.endsWith(".narinfo") ? Buffer.from(otherReferences(body.toString("latin1"), leaf), "latin1") : body,
    ],
  ] as const satisfies readonly (readonly [string, Alteration])[]) {
    // oxlint-disable-next-line no-await-in-loop -- each has a name
    const proxy = await tamper(server.url, { request: alter })
    // oxlint-disable-next-line no-await-in-loop
    await refused(what, proxy.url, leaf, write, /400|403|409/)
    proxy.close()
  }
  await server.stop()
}
