import type { DatabaseSync } from "node:sqlite"
import type { NarCache } from "../../nar/cache.ts"
import { NAR_HASH_LENGTH } from "../../path-info/check.ts"

/** Remembers in the table `nar_calculations`. What cannot be read or written is only not remembered. */
export function localNarCache(database: DatabaseSync): NarCache {
  return {
    get(key) {
      const row = database.prepare("SELECT size, sha256 FROM nar_calculations WHERE key = ?").get(key)
      const narSize = row?.["size"]
      const narHash = row?.["sha256"]
      if (typeof narSize !== "number" || !(narHash instanceof Uint8Array)) return undefined
      return narHash.length === NAR_HASH_LENGTH ? { narSize, narHash } : undefined
    },
    set(key, { narSize, narHash }) {
      try {
        // If the computer stops, it is calculated again: no need to wait for the disk.
        database.exec("PRAGMA synchronous = NORMAL")
        database.prepare("INSERT OR REPLACE INTO nar_calculations VALUES (?, ?, ?)").run(key, narSize, narHash)
      } catch {
        // A full disk must not keep anybody from the answer, which is known.
      } finally {
        database.exec("PRAGMA synchronous = FULL")
      }
    },
  }
}
