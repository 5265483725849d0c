import { equal } from "@tvix-ts/bytes"
import { hash } from "@tvix-ts/hash"
import type { NarCalculation } from "@tvix-ts/store"
import type { SourceCache } from "../source-cache.ts"
import { CacheDatabase, type CacheFormat } from "./cache-database.ts"

export interface NodeSourceCacheOptions {
  /** The folder for it, which is made if it is needed. Only the user should be able to write to it. */
  readonly directory: string
  /** Trees that are remembered. */
  readonly entriesMax?: number
}

const ENTRIES_MAX = 20_000
/** How old a date of use may get before it is written again. */
const USED_FOR_MS = 86_400_000
const DIGEST_LENGTH = 32

/** `digest` is over the rest: a damaged row must not become a store path. `used` is in ms since 1970. */
const FORMAT: CacheFormat = {
  applicationId: 0x74_76_78_63, // "tvxc"
  version: 1,
  table: "sources",
  columns: `
    fingerprint BLOB PRIMARY KEY, nar_size INTEGER NOT NULL, nar_hash BLOB NOT NULL, digest BLOB NOT NULL,
    used INTEGER NOT NULL`,
}

/**
 * A {@link SourceCache} in a folder, opened when it is first asked. Any number of processes may use it at once. One that is
 * damaged is thrown away; one that cannot be used is none.
 */
export function nodeSourceCache({
  directory,
  entriesMax = ENTRIES_MAX,
}: NodeSourceCacheOptions): SourceCache & { close(): void } {
  const cache = new CacheDatabase(directory, "sources.sqlite", FORMAT, (database) => ({
    get: database.prepare("SELECT nar_size, nar_hash, digest, used FROM sources WHERE fingerprint = ?"),
    put: database.prepare("INSERT OR REPLACE INTO sources VALUES (?, ?, ?, ?, ?)"),
    use: database.prepare("UPDATE sources SET used = ? WHERE fingerprint = ?"),
    count: database.prepare("SELECT count(*) AS entries FROM sources"),
    forget: database.prepare(
      "DELETE FROM sources WHERE fingerprint IN (SELECT fingerprint FROM sources ORDER BY used LIMIT ?)",
    ),
  }))
  /** Rows, at most: counting them takes longer the more there are. */
  let entries: number | undefined
  return {
    get: (fingerprint) =>
      cache.use(({ get, use }) => {
        const row = get.get(fingerprint)
        if (row === undefined) return undefined
        const { nar_size: narSize, nar_hash: narHash, digest, used } = row
        if (!(narHash instanceof Uint8Array) || narHash.length !== DIGEST_LENGTH) return undefined
        const nar = { narSize: Number(narSize), narHash }
        if (!(digest instanceof Uint8Array) || !equal(digest, checkOf(fingerprint, nar))) return undefined
        const now = Date.now()
        if (now - Number(used) > USED_FOR_MS) use.run(now, fingerprint)
        return nar
      }),
    put(fingerprint, nar) {
      cache.use(({ put, count, forget }) => {
        put.run(fingerprint, nar.narSize, nar.narHash, checkOf(fingerprint, nar), Date.now())
        if (entries === undefined || ++entries > entriesMax) entries = Number(count.get()!["entries"])
        if (entries <= entriesMax) return
        // Some more than necessary, so that it is not necessary each time.
        forget.run(entries - Math.floor(entriesMax * 0.9))
        entries = undefined
      })
    },
    close: () => cache.close(),
  }
}

function checkOf(fingerprint: Uint8Array, { narSize, narHash }: NarCalculation): Uint8Array {
  const row = new Uint8Array(2 * DIGEST_LENGTH + 8)
  row.set(fingerprint)
  row.set(narHash, DIGEST_LENGTH)
  new DataView(row.buffer).setBigUint64(2 * DIGEST_LENGTH, BigInt(narSize))
  return hash("sha256", row)
}
