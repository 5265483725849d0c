import { resolve } from "node:path"
import type { DatabaseSync } from "node:sqlite"
import type { BlobService } from "../../blob/service.ts"
import type { CallOptions } from "../../call.ts"
import type { DirectoryService } from "../../directory/service.ts"
import type { Node } from "../../node.ts"
import { LocalBlobs } from "./blobs.ts"
import { collect, horizonOf, type CollectOptions, type CollectReport } from "./collect.ts"
import { openDatabase } from "./database.ts"
import { LocalDirectories } from "./directories.ts"
import { storageError } from "./failure.ts"
import { LocalStore } from "./local-store.ts"
import { measure } from "./measure.ts"
import { statsOf, usageOf, type LocalStats, type LocalUsage } from "./usage.ts"
import { Verification, type CastoreFinding, type VerifyCastoreOptions } from "./verify.ts"

export interface LocalCastoreOptions {
  /** Bytes after which a pack is finished and another one begun. */
  readonly packBytes?: number
  /**
   * How long a process that goes on for long may rely on something that it was told exists, or has put, and that nothing
   * refers to yet. See {@link LocalCastore.renew}.
   */
  readonly graceMs?: number
  /** See {@link LocalCastore.cacheUpTo}; 32 MiB without. */
  readonly cacheBytes?: number
}

export interface LocalCastore {
  readonly blobs: BlobService
  readonly directories: DirectoryService

  /** Takes a place among the writers now, rather than with the first write: from here on, what is seen is kept. */
  startWriting(): Promise<void>

  /**
   * What was put or seen more than `graceMs` ago may be collected from now on, if nothing refers to it. Servers call it now
   * and then; without it, everything is kept that was there since the process began to write.
   */
  renew(): void

  /**
   * So many bytes of what was decompressed are kept in memory, for who reads the same again: that costs neither processor time
   * nor the disk. Servers want more than commands.
   */
  cacheUpTo(bytes: number): void

  /**
   * A time before which nobody who writes now had begun, in ms since the epoch. Ask before listing what is to be kept, and
   * pass it to {@link collect}: what was touched later may be about to be referred to.
   *
   * @param graceMs keeps also what was touched less than so many ms ago
   */
  horizon(graceMs?: number): Promise<number>

  /**
   * Removes what the roots do not reach and nobody who writes can count on.
   *
   * @throws {CastoreError} `unavailable` if another collection is running; `corrupt` if a directory below the roots is
   *   damaged, so that it cannot be told what to keep
   */
  collect(options: CollectOptions): Promise<CollectReport>

  /**
   * For each tree the bytes, in packs and in the index, that it takes and those before it do not.
   *
   * @throws {CastoreError} `corrupt` if a directory is damaged
   */
  measure(trees: Iterable<Node>, options?: CallOptions): AsyncIterable<number>

  /** Reads everything, and tells what is damaged or missing. */
  verify(options?: VerifyCastoreOptions): AsyncIterable<CastoreFinding>

  usage(): Promise<LocalUsage>
  stats(): Promise<LocalStats>

  /** Waits for what is under way, and frees everything. The services are closed by it. */
  close(): Promise<void>
}

const PACK_BYTES = 2 ** 29
const GRACE_MS = 3_600_000
const CACHE_BYTES = 2 ** 25

/**
 * A castore in a folder of this machine, which is made if it is not there. Any number of processes may have it open.
 *
 * @throws {CastoreError} if there is something else, or it is damaged
 */
export function openLocalCastore(dir: string, options: LocalCastoreOptions = {}): LocalCastore {
  const { packBytes = PACK_BYTES, graceMs = GRACE_MS, cacheBytes = CACHE_BYTES } = options
  const store = new LocalStore({ dir: resolve(dir), packBytes, graceMs }, cacheBytes)
  return {
    blobs: new LocalBlobs(store),
    directories: new LocalDirectories(store),
    startWriting: () => store.feed.start(),
    renew: () => store.feed.renew(graceMs),
    cacheUpTo: (bytes) => store.frames.resize(bytes),
    horizon: (grace = 0) => store.withDatabase((database) => horizonOf(database, store.layout, grace)),
    collect: (collectOptions) =>
      store.withDatabase((database) => collect(database, store.layout, store.packs, packBytes, collectOptions)),
    measure: (trees, measureOptions = {}) =>
      withOwnDatabase(store, (database) => measure(database, trees, measureOptions)),
    verify: (verifyOptions = {}) =>
      withOwnDatabase(store, (database) =>
        new Verification(database, store.layout, store.packs, store.chunks, verifyOptions).run(),
      ),
    usage: () => store.withDatabase((database) => usageOf(database, store.layout)),
    stats: () => store.withDatabase((database) => statsOf(database, store.layout)),
    close: () => store.close(),
  }
}

async function* withOwnDatabase<T>(
  store: LocalStore,
  run: (database: DatabaseSync) => AsyncIterable<T>,
): AsyncGenerator<T, void, undefined> {
  const database = openDatabase(store.layout)
  try {
    yield* run(database)
  } catch (error) {
    throw storageError(error, store.layout.database)
  } finally {
    database.close()
    store.index.release()
  }
}
