/** What every command of `tvix-store` takes. */
import { homedir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { UsageError, type Option } from "../options.ts"

export interface StoreSettings {
  /** Address of the store. Without, {@link defaultStore}. */
  store: string | undefined
  quiet: boolean
  json: boolean
}

export function storeSettings(): StoreSettings {
  return { store: undefined, quiet: false, json: false }
}

/** Of every command that can do with a store. */
export const STORE_OPTION: Option<Pick<StoreSettings, "store">> = {
  names: ["--store"],
  values: ["URL"],
  summary: "the store to use, rather than $TVIX_STORE or the one in your data directory; see tvix-store help stores",
  set: (to, url) => void (to.store = url),
}

export const SHARED_OPTIONS: readonly Option<StoreSettings>[] = [
  STORE_OPTION,
  {
    names: ["-q", "--quiet"],
    values: [],
    summary: "no progress, and no summaries on standard error",
    set: (to) => void (to.quiet = true),
  },
]

export const JSON_OPTION: Option<StoreSettings> = {
  names: ["--json"],
  values: [],
  summary: "print JSON",
  set: (to) => void (to.json = true),
}

type Environment = Readonly<Record<string, string | undefined>>

/** The store that was asked for, or the user's own. */
export function storeAddress({ store }: Pick<StoreSettings, "store">, env: Environment = process.env): string {
  return store ?? (env["TVIX_STORE"] || defaultStore(env, process.platform))
}

/** `local://` and the folder where the system wants users' data. */
export function defaultStore(env: Environment, platform: NodeJS.Platform): string {
  return `local://${pathToFileURL(join(dataDirectory(env, platform), "tvix", "store")).pathname}`
}

/** Where this user's builds are, if the store is not a folder of this machine. */
export function stateDirectory(env: Environment = process.env): string {
  return join(dataDirectory(env, process.platform), "tvix")
}

function dataDirectory(env: Environment, platform: NodeJS.Platform): string {
  // Whoever sets it means it, on whatever system.
  const xdg = env["XDG_DATA_HOME"]
  if (xdg !== undefined && xdg.startsWith("/")) return xdg
  const home = env["HOME"] || homedir()
  switch (platform) {
    case "darwin":
      return join(home, "Library", "Application Support")
    case "win32":
      return env["LOCALAPPDATA"] || join(homedir(), "AppData", "Local")
    default:
      return join(home, ".local", "share")
  }
}

const DURATION_UNITS: Readonly<Record<string, number>> = { "": 1000, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `90` seconds, `10m`, `1.5h`, `2d`: in milliseconds. */
export function parseDuration(option: string, text: string): number {
  const [, digits, unit = ""] = /^([0-9]{1,9}(?:\.[0-9]{1,3})?) ?([a-z]?)$/.exec(text) ?? []
  const factor = Object.hasOwn(DURATION_UNITS, unit) ? DURATION_UNITS[unit] : undefined
  if (digits === undefined || factor === undefined) {
    throw new UsageError(`${option} takes a time such as 90, 10m, 12h or 2d, not '${text}'`)
  }
  return Math.round(Number(digits) * factor)
}

const BYTE_UNITS: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 }

/** `500M`, `1.5G`: in bytes. */
export function parseBytes(option: string, text: string): number {
  const [, digits, unit = ""] = /^([0-9]{1,15}(?:\.[0-9]{1,3})?)([KMGT]?)$/.exec(text) ?? []
  const bytes = Math.floor(Number(digits ?? Number.NaN) * BYTE_UNITS[unit]!)
  if (!Number.isSafeInteger(bytes)) throw new UsageError(`${option} takes bytes, such as 500M or 50G, not '${text}'`)
  return bytes
}
