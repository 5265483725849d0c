/**
 * What is known of addresses: in a database that all processes share. Nothing depends on it; a damaged one is put aside, and
 * without any, everything is asked for anew.
 */
import { rmSync } from "node:fs"
import { join } from "node:path"
import type { DatabaseSync } from "node:sqlite"
import { makeFolder, openDatabaseOf, type DatabaseFormat } from "@tvix-ts/castore/node"
import { hexDigest } from "@tvix-ts/hash"

const FORMAT: DatabaseFormat = {
  applicationId: 0x54_76_78_66, // "Tvxf"
  version: 1,
  schema: `CREATE TABLE known (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
  ) WITHOUT ROWID;`,
}

export interface Known {
  /** As it was put. Whoever reads it checks that: it comes from a disk. */
  readonly value: unknown
  /** Seconds since it was put. */
  readonly age: number
}

export class FetchCache {
  private readonly folder: string
  private readonly warn: (message: string) => void
  private database: DatabaseSync | undefined
  private broken = false

  constructor(folder: string, warn: (message: string) => void) {
    this.folder = folder
    this.warn = warn
  }

  /** @param key any text, which is not kept: addresses may have secrets in them */
  get(kind: string, key: string): Known | undefined {
    return this.use((database) => {
      const row = database.prepare("SELECT value, at FROM known WHERE kind = ? AND key = ?").get(kind, hashed(key))
      if (row === undefined) return undefined
      // A clock that was put back makes nothing fresh.
      const age = Math.abs(now() - Number(row["at"]))
      return { value: parsed(String(row["value"])), age }
    })
  }

  put(kind: string, key: string, value: unknown): void {
    this.use((database) => {
      database
        .prepare("INSERT OR REPLACE INTO known (kind, key, value, at) VALUES (?, ?, ?, ?)")
        .run(kind, hashed(key), JSON.stringify(value), now())
    })
  }

  close(): void {
    this.database?.close()
    this.database = undefined
  }

  private use<T>(work: (database: DatabaseSync) => T): T | undefined {
    for (let attempt = 0; !this.broken; attempt++) {
      try {
        return work((this.database ??= this.open()))
      } catch (error) {
        this.close()
        if (attempt === 0 && this.remove()) continue
        this.broken = true
        this.warn(
          `the cache of what was fetched cannot be used: ${error instanceof Error ? error.message : String(error)}`,
        )
      }
    }
    return undefined
  }

  private get path(): string {
    return join(this.folder, "fetch.sqlite")
  }

  private open(): DatabaseSync {
    makeFolder(this.folder)
    return openDatabaseOf(FORMAT, this.path)
  }

  /** Whether there is hope. */
  private remove(): boolean {
    try {
      for (const suffix of ["", "-wal", "-shm"]) rmSync(this.path + suffix, { force: true })
      return true
    } catch {
      return false
    }
  }
}

function hashed(key: string): string {
  return hexDigest("sha256", key)
}
function now(): number {
  return Math.floor(Date.now() / 1000)
}
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
