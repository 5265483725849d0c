import { readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import type { DatabaseSync } from "node:sqlite"
import { CHUNK_ENTRY } from "./chunk-list.ts"
import { packOfName, type Layout } from "./layout.ts"

/** What there is, and how much of it. All sizes in bytes. */
export interface LocalUsage {
  /** `storedBytes` is what they take in packs, where some are compressed. */
  readonly chunks: { readonly count: number; readonly bytes: number; readonly storedBytes: number }
  /** Blobs of more than one chunk; `references` are the places of chunks in them. */
  readonly largeBlobs: { readonly count: number; readonly bytes: number; readonly references: number }
  readonly directories: { readonly count: number; readonly bytes: number }
  /** Files with chunks, and how long they are together. What is not chunks is garbage that a collection removes. */
  readonly packs: { readonly count: number; readonly bytes: number }
  /** The index, its log included. */
  readonly indexBytes: number
}

export interface LocalStats extends LocalUsage {
  /** How many chunks have at least 2^n bytes, and fewer than 2^(n + 1), for each n from 0. */
  readonly chunkSizes: readonly number[]
}

/** Bytes that a chunk takes in its pack: of a frame, its part. Whoever adds them up gets whole frames, within a byte or two. */
export const STORED = "CASE WHEN packed IS NULL THEN length ELSE CAST(packed AS REAL) * length / unpacked END"

export function usageOf(database: DatabaseSync, layout: Layout): LocalUsage {
  const one = (sql: string): Record<string, number> => {
    return { ...database.prepare(sql).get() } as Record<string, number>
  }
  const chunks = one(
    "SELECT count(*) AS count, coalesce(sum(length), 0) AS bytes," +
      ` CAST(round(coalesce(sum(${STORED}), 0)) AS INTEGER) AS stored FROM chunks`,
  )
  const blobs = one(
    "SELECT count(*) AS count, coalesce(sum(size), 0) AS bytes, coalesce(sum(length(chunks)), 0) AS list FROM blobs",
  )
  const directories = one("SELECT count(*) AS count, coalesce(sum(length(data)), 0) AS bytes FROM directories")
  let packCount = 0
  let packBytes = 0
  for (const { bytes } of packFiles(layout)) {
    packCount++
    packBytes += bytes
  }
  const indexBytes = ["", "-wal"]
    .map((suffix) => statSync(layout.database + suffix, { throwIfNoEntry: false })?.size ?? 0)
    .reduce((a, b) => a + b)
  return {
    chunks: { count: chunks["count"]!, bytes: chunks["bytes"]!, storedBytes: chunks["stored"]! },
    largeBlobs: { count: blobs["count"]!, bytes: blobs["bytes"]!, references: blobs["list"]! / CHUNK_ENTRY },
    directories: { count: directories["count"]!, bytes: directories["bytes"]! },
    packs: { count: packCount, bytes: packBytes },
    indexBytes,
  }
}

export function statsOf(database: DatabaseSync, layout: Layout): LocalStats {
  const chunkSizes: number[] = []
  const rows = database.prepare("SELECT length, count(*) AS count FROM chunks GROUP BY length").iterate()
  for (const { length, count } of rows) {
    const n = 31 - Math.clz32(Number(length))
    while (chunkSizes.length <= n) chunkSizes.push(0)
    chunkSizes[n]! += Number(count)
  }
  return { ...usageOf(database, layout), chunkSizes }
}

export interface PackFile {
  readonly id: number
  readonly bytes: number
}

/** The packs in the folder, whether the index knows them or not. */
export function packFiles(layout: Layout): PackFile[] {
  const files: PackFile[] = []
  for (const name of readdirSync(layout.packs)) {
    const id = packOfName(name)
    const bytes = id === undefined ? undefined : statSync(join(layout.packs, name), { throwIfNoEntry: false })?.size
    if (id !== undefined && bytes !== undefined) files.push({ id, bytes })
  }
  return files
}
