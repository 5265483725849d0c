/** `tvix-store gc` while the server takes uploads and serves them: what is kept is whole, what goes is gone. */
import { join } from "node:path"
import { formatStorePath } from "@tvix-ts/nix-compat"
import type { Random } from "../random.ts"
import { CacheServer, damageIn, tvixStore } from "./server.ts"
import type { Tally } from "../acceptance/tally.ts"
import { newToken } from "./tokens.ts"
import { randomParcel, send, whatIsServed, type Parcel } from "./uploads.ts"

export async function collectedWhileServing(tally: Tally, dir: string, count: number, random: Random): Promise<void> {
  tally.section("gc while the server takes uploads")
  const store = `local://${join(dir, "store")}`
  const token = await newToken(store, "write")
  let server = await CacheServer.start(store)
  try {
    const parcels = (some: number): Parcel[] =>
      Array.from({ length: some }, () => randomParcel(random, Math.floor(random.fraction() ** 3 * 400_000) + 64))
    const upload = async (some: readonly Parcel[]): Promise<void> => {
      for (const parcel of some) {
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        const status = await send(server.url, parcel, token)
        if (status !== 201) throw new Error(`an upload is answered with ${status}`)
      }
    }
    const [kept, old, during] = [parcels(count), parcels(count), parcels(count)]
    await upload([...kept, ...old])
    // What came while a server runs is its for a while yet.
    await server.stop()
    server = await CacheServer.start(store)
    await tvixStore("--store", store, "root", "pin", ...kept.map(({ storePath }) => formatStorePath(storePath)))
    const collect = async (...words: readonly string[]): Promise<readonly string[]> =>
      (JSON.parse(await tvixStore("--store", store, "gc", "--json", ...words)) as { paths: readonly string[] }).paths
    const [gone] = await Promise.all([collect("--grace", "0"), upload(during)])
    const mayGo = new Set(old.map(({ storePath }) => formatStorePath(storePath)))
    tally.check(
      "gc deletes nothing that is pinned, or comes meanwhile",
      gone.every((path) => mayGo.has(path)),
      `${gone.length} deleted`,
    )
    const deleted = new Set(gone)
    const wrong: string[] = []
    for (const parcel of [...kept, ...old, ...during]) {
      // oxlint-disable-next-line no-await-in-loop -- hundreds
      const served = await whatIsServed(server.url, parcel)
      const expected = deleted.has(formatStorePath(parcel.storePath)) ? "absent" : "whole"
      if (served !== expected) wrong.push(`${parcel.infoUrl} is ${served}, not ${expected}`)
    }
    tally.check(
      "what it left is served, what it deleted is not",
      wrong.length === 0,
      `${wrong.length} wrong: ${wrong[0] ?? ""}`,
    )
    tally.check(
      "what was there before went",
      old.every(({ storePath }) => deleted.has(formatStorePath(storePath))),
    )
    await upload(old.slice(0, 5))
    const again = await Promise.all(old.slice(0, 5).map((parcel) => whatIsServed(server.url, parcel)))
    tally.check(
      "what went can be uploaded again",
      again.every((served) => served === "whole"),
      again.join(" "),
    )
    tally.figure(
      "gc while serving",
      `${gone.length} of ${3 * count} paths deleted, ${during.length} uploaded meanwhile`,
    )
  } finally {
    await server.stop()
  }
  tally.equal("the store is whole", await damageIn(store), "")
}
