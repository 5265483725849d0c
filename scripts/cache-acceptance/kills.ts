/** kill -9 while many upload: what was answered is there, and what was not is whole or absent. */
import { Agent } from "node:http"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import type { Random } from "../random.ts"
import { CacheServer, damageIn } from "./server.ts"
import type { Tally } from "../acceptance/tally.ts"
import { newToken } from "./tokens.ts"
import { randomParcel, send, whatIsServed, type Parcel } from "./uploads.ts"

const AT_ONCE = 100

export async function killedWhileUploading(tally: Tally, dir: string, rounds: number, random: Random): Promise<void> {
  tally.section(`kill -9 during ${AT_ONCE} concurrent uploads, ${rounds} times`)
  const store = `local://${join(dir, "store")}`
  const token = await newToken(store, "write")
  const answered: Parcel[] = []
  const unanswered: Parcel[] = []
  let inTime = 0
  for (let round = 0; round < rounds; round++) {
    // oxlint-disable-next-line no-await-in-loop -- one server after the other
    const server = await CacheServer.start(store)
    // oxlint-disable-next-line no-await-in-loop
    const open = await oneRound(server, token, random, answered, unanswered)
    if (open > 0) inTime++
  }
  const server = await CacheServer.start(store)
  try {
    const found = { absent: 0, whole: 0 }
    const wrong: string[] = []
    for (const [parcels, mayBeAbsent] of [
      [answered, false],
      [unanswered, true],
    ] as const) {
      for (const parcel of parcels) {
        // oxlint-disable-next-line no-await-in-loop -- hundreds
        const served = await whatIsServed(server.url, parcel)
        if (served === "whole") found.whole++
        else if (served === "absent" && mayBeAbsent) found.absent++
        else wrong.push(`${parcel.infoUrl} (${mayBeAbsent ? "not answered" : "answered"}): ${served}`)
      }
    }
    tally.check("kills came while uploads were running", inTime >= rounds / 2, `${inTime} of ${rounds}`)
    tally.check(
      "every upload that was answered is served, none that was not is half there",
      wrong.length === 0,
      wrong[0],
    )
    tally.figure(
      `kill -9 during ${AT_ONCE} uploads`,
      `${rounds} kills, ${answered.length} uploads answered, ${unanswered.length} not; ${wrong.length} wrong afterwards ` +
        `(${found.whole} whole, ${found.absent} absent)`,
    )
  } finally {
    await server.stop()
  }
  tally.equal("the store is whole", await damageIn(store), "")
}

/** How many uploads had not been answered when the server died. */
async function oneRound(
  server: CacheServer,
  token: string,
  random: Random,
  answered: Parcel[],
  unanswered: Parcel[],
): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE })
  let open = 0
  const dead = new AbortController()
  const uploader = async (): Promise<void> => {
    while (!dead.signal.aborted) {
      const parcel = randomParcel(random, Math.floor(random.fraction() ** 3 * 600_000) + 64)
      open++
      // oxlint-disable-next-line no-await-in-loop -- one after the other, of each of a hundred
      const status = await send(server.url, parcel, token, { agent })
      open--
      if (status >= 200 && status < 300) answered.push(parcel)
      else unanswered.push(parcel)
    }
  }
  const uploaders = Array.from({ length: AT_ONCE }, uploader)
  await sleep(200 + random.below(1500))
  const running = open
  dead.abort()
  await server.kill()
  await Promise.all(uploaders)
  agent.destroy()
  return running
}
