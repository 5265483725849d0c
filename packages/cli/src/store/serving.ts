/** What all servers do with a store in a folder of this machine. */
import { totalmem } from "node:os"
import { byteStringOf } from "@tvix-ts/bytes"
import { CastoreError } from "@tvix-ts/castore"
import type { Store } from "@tvix-ts/store"
import type { LocalStore } from "@tvix-ts/store/node"
import { formatBytes, formatCount } from "../amounts.ts"
import { UsageError, type Option } from "../options.ts"
import { writeError } from "../output.ts"
import { collect } from "./collect.ts"
import { isLocal, localStore } from "./local-store.ts"
import { parseBytes, parseDuration } from "./settings.ts"

export interface CollectSettings {
  unusedMs: number | undefined
  bytesMax: number | undefined
  collectEveryMs: number | undefined
}

export const NO_COLLECTIONS: CollectSettings = { unusedMs: undefined, bytesMax: undefined, collectEveryMs: undefined }

export const COLLECT_OPTIONS: readonly Option<CollectSettings>[] = [
  {
    names: ["--older-than"],
    values: ["TIME"],
    summary: "now and then, delete what nobody has put or asked for since, as 12h or 30d; see tvix-store help gc",
    set: (to, text) => void (to.unusedMs = parseDuration("--older-than", text)),
  },
  {
    names: ["--max-size"],
    values: ["BYTES"],
    summary: "now and then, delete what was used least recently until the store takes no more than this, as 50G",
    set: (to, text) => void (to.bytesMax = parseBytes("--max-size", text)),
  },
  {
    names: ["--gc-every"],
    values: ["TIME"],
    summary: "how often that is, as 10m or 1d; an hour without",
    set: (to, text) => void (to.collectEveryMs = parseDuration("--gc-every", text)),
  },
]

/** How often a store in a folder learns that what was put long ago and never used may be collected. */
const RENEW_MS = 15 * 60_000
const COLLECT_EVERY_MS = 3_600_000
const COLLECT_EVERY_MIN_MS = 1000
/** What is younger stays, as it does for tvix-store gc: its client may be about to refer to it. */
const GRACE_MS = 3_600_000
/** Memory for what was decompressed: the part of all that there is, and bytes at most. */
const CACHE_PART = 1 / 8
const CACHE_BYTES_MAX = 2 ** 29

/** Ends what {@link startServing} began, a collection included. */
export type StopServing = () => Promise<void>

/**
 * From here on nothing is collected that a client was told is there, until it had the time to use it.
 *
 * @throws {UsageError} for limits of what is no store in a folder
 */
export async function startServing(store: Store, settings: CollectSettings = NO_COLLECTIONS): Promise<StopServing> {
  const { unusedMs, bytesMax, collectEveryMs } = settings
  const collects = unusedMs !== undefined || bytesMax !== undefined
  if (collects) localStore(store, "collect garbage")
  if (!collects && collectEveryMs !== undefined) {
    throw new UsageError(
      "--gc-every says how often to look for what --older-than and --max-size delete: give one of these",
    )
  }
  if (!isLocal(store)) return async () => {}
  const { castore } = store
  await castore.startWriting()
  castore.cacheUpTo(Math.min(CACHE_BYTES_MAX, Math.floor(totalmem() * CACHE_PART)))
  const renewing = setInterval(() => castore.renew(), RENEW_MS).unref()
  const stop = new AbortController()
  const collecting = collects ? collectEvery(store, settings, stop.signal) : undefined
  return async () => {
    clearInterval(renewing)
    stop.abort()
    await collecting
  }
}

async function collectEvery(store: LocalStore, settings: CollectSettings, signal: AbortSignal): Promise<void> {
  const { unusedMs, bytesMax, collectEveryMs = COLLECT_EVERY_MS } = settings
  const { setTimeout: pause } = await import("node:timers/promises")
  const options = {
    graceMs: GRACE_MS,
    signal,
    ...(unusedMs !== undefined && { unusedMs }),
    ...(bytesMax !== undefined && { bytesMax }),
  }
  while (!signal.aborted) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await pause(Math.max(COLLECT_EVERY_MIN_MS, collectEveryMs), undefined, { signal, ref: false })
      // oxlint-disable-next-line no-await-in-loop
      const { removedPaths, castore } = await collect(store, options)
      if (removedPaths.length === 0) continue
      const freed = formatBytes(Math.max(0, castore.before.packs.bytes - castore.after.packs.bytes))
      writeError(byteStringOf(`${formatCount(removedPaths.length, "path")} deleted, ${freed} freed\n`))
    } catch (error) {
      if (signal.aborted) return
      // Another collection, or something damaged: that is no reason to serve no more.
      if (!(error instanceof CastoreError)) throw error
      writeError(byteStringOf(`garbage could not be collected: ${error.message}\n`))
    }
  }
}
