/**
 * What is known of addresses: in a database that all processes share. Nothing depends on it: without any, everything is
 * asked for anew.
 */
import { hexDigest } from "@tvix-ts/hash"
import { CacheDatabase, type CacheFormat } from "../cache-database.ts"

/** `digest` is over the rest: a damaged row must not become a store path. `at` is in seconds since 1970. */
const FORMAT: CacheFormat = {
  applicationId: 0x54_76_78_66, // "Tvxf"
  version: 2,
  table: "known",
  columns: `
    kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, at INTEGER NOT NULL, digest TEXT NOT NULL,
    PRIMARY KEY (kind, key)`,
}

export interface Known {
  /** As it was put; but perhaps by another version of this program. */
  readonly value: unknown
  /** Seconds since it was put. */
  readonly age: number
}

export class FetchCache {
  readonly #database

  constructor(folder: string, warn: (message: string) => void) {
    this.#database = new CacheDatabase(
      folder,
      "fetch.sqlite",
      FORMAT,
      (database) => ({
        get: database.prepare("SELECT value, at, digest FROM known WHERE kind = ? AND key = ?"),
        put: database.prepare("INSERT OR REPLACE INTO known (kind, key, value, at, digest) VALUES (?, ?, ?, ?, ?)"),
      }),
      (error) => {
        const reason = error instanceof Error ? error.message : String(error)
        warn(`the cache of what was fetched, in '${folder}', cannot be used: ${reason}`)
      },
    )
  }

  /** @param key any text, which is not kept: addresses may have secrets in them */
  get(kind: string, key: string): Known | undefined {
    return this.#database.use(({ get }) => {
      const digest = hexDigest("sha256", key)
      const row = get.get(kind, digest)
      if (row === undefined) return undefined
      const value = String(row["value"])
      const at = Number(row["at"])
      if (row["digest"] !== checkOf(kind, digest, value, at)) return undefined
      // What was put in the future, by a clock that was put back since, is not young for ever.
      return { value: JSON.parse(value) as unknown, age: Math.abs(now() - at) }
    })
  }

  put(kind: string, key: string, value: unknown): void {
    this.#database.use(({ put }) => {
      const digest = hexDigest("sha256", key)
      const json = JSON.stringify(value)
      const at = now()
      put.run(kind, digest, json, at, checkOf(kind, digest, json, at))
    })
  }

  close(): void {
    this.#database.close()
  }
}

function checkOf(kind: string, key: string, value: string, at: number): string {
  return hexDigest("sha256", `${kind} ${key} ${at} ${value}`)
}

function now(): number {
  return Math.floor(Date.now() / 1000)
}
