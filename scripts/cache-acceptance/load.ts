/** Many clients at once, for a while: no error, and no memory that grows. */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Random } from "../random.ts"
import { CacheServer } from "./server.ts"
import type { Tally } from "../acceptance/tally.ts"
import { newToken } from "./tokens.ts"
import { ask, randomParcel, send, whatIsServed, type Parcel } from "./uploads.ts"
import { field, wrk, wrkScript } from "./wrk.ts"

const MiB = 2 ** 20
const CLIENTS = 200
/** Of the clients that only ask, the others read NARs. */
const ASKING = 180
/** Until a server has been under load for this long its heap still finds its size, seconds. */
const SETTLING = 30

export async function underLoad(tally: Tally, dir: string, seconds: number, random: Random): Promise<void> {
  tally.section(`${CLIENTS} concurrent clients for ${seconds} s`)
  mkdirSync(dir, { recursive: true })
  const store = `local://${join(dir, "store")}`
  const token = await newToken(store, "write")
  const server = await CacheServer.start(store)
  try {
    const parcels = Array.from({ length: 200 }, () =>
      randomParcel(random, Math.floor(random.fraction() ** 3 * MiB) + 64),
    )
    for (const parcel of parcels) {
      // oxlint-disable-next-line no-await-in-loop -- two hundred
      const status = await send(server.url, parcel, token)
      if (status !== 201) throw new Error(`an upload is answered with ${status}`)
    }
    const narUrls = await Promise.all(parcels.map((parcel) => narPathOf(server.url, parcel)))
    const asking = join(dir, "ask.lua")
    // One of ten is not there, as where several caches are asked.
    const absent = parcels.map((_, i) => `/${String(i).padStart(32, "0")}.narinfo`).slice(0, parcels.length / 10)
    writeFileSync(asking, wrkScript([...parcels.map(({ infoUrl }) => infoUrl), ...absent]))
    const reading = join(dir, "read.lua")
    writeFileSync(reading, wrkScript(narUrls))
    const sample: number[] = []
    const sampling = setInterval(() => sample.push(server.residentBytes), 500)
    const load = (script: string, clients: number): Promise<string> => wrk(server.url, script, clients, seconds)
    const [asked, read, served] = await Promise.all([
      load(asking, ASKING),
      load(reading, CLIENTS - ASKING),
      checking(server.url, parcels, seconds, random),
    ])
    clearInterval(sampling)
    const absentShare = absent.length / (parcels.length + absent.length)
    tally.check(
      "no narinfo request fails but those for what is not there",
      failures(asked, absentShare) === "",
      failures(asked, absentShare),
    )
    tally.check("no NAR request fails", failures(read, 0) === "", failures(read, 0))
    tally.check("what is served under load is right", served.wrong === "", served.wrong)
    const third = Math.floor(sample.length / 3)
    const [early, late] = [median(sample.slice(third, 2 * third)), median(sample.slice(2 * third))]
    tally.figure(
      "memory under load",
      `${(early / MiB).toFixed(0)} MiB in the middle, ${(late / MiB).toFixed(0)} MiB at the end, ${(Math.max(...sample) / MiB).toFixed(0)} MiB at most`,
      seconds >= SETTLING
        ? { of: "at the end at most 1.15 of the middle", holds: late <= early * 1.15 }
        : { of: "at the end at most 64 MiB more than in the middle", holds: late <= early + 64 * MiB },
    )
    tally.figure(
      `${ASKING} clients asking for narinfos, ${CLIENTS - ASKING} reading NARs`,
      `${field(asked, /Requests\/sec:\s+(\S+)/)} narinfos/s, p50 ${field(asked, /50%\s+(\S+)/)}, p99 ${field(asked, /99%\s+(\S+)/)}; ` +
        `${field(read, /Transfer\/sec:\s+(\S+)/)}/s of NARs; ${served.checked} store paths compared byte by byte meanwhile`,
    )
  } finally {
    await server.stop()
  }
}

async function narPathOf(url: string, { infoUrl }: Parcel): Promise<string> {
  const { body } = await ask(url + infoUrl)
  return `/${/^URL: (.*)$/m.exec(body.toString("latin1"))?.[1] ?? "missing"}`
}

/** One client that looks at what it gets. */
async function checking(
  url: string,
  parcels: readonly Parcel[],
  seconds: number,
  random: Random,
): Promise<{ readonly checked: number; readonly wrong: string }> {
  const end = performance.now() + seconds * 1000
  let checked = 0
  while (performance.now() < end) {
    // oxlint-disable-next-line no-await-in-loop -- one client
    const served = await whatIsServed(url, random.pick(parcels))
    if (served !== "whole") return { checked, wrong: served }
    checked++
  }
  return { checked, wrong: "" }
}

/** What wrk complains of. @param absentShare of the requests, which are answered with 404 */
function failures(report: string, absentShare: number): string {
  const sockets = /Socket errors: .*/.exec(report)?.[0]
  if (sockets !== undefined && /[1-9]/.test(sockets)) return sockets
  const bad = Number(/Non-2xx or 3xx responses: (\d+)/.exec(report)?.[1] ?? 0)
  const all = Number(/(\d+) requests in/.exec(report)?.[1] ?? 0)
  if (all === 0) return "no request was answered"
  // The round is cut off somewhere.
  return Math.abs(bad - all * absentShare) > 200 ? `${bad} of ${all} are answered with an error` : ""
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN
}
