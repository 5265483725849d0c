import { resolve } from "node:path"
import type { BlobService } from "../../blob/service.ts"
import type { DirectoryService } from "../../directory/service.ts"
import { LocalBlobs } from "./blobs.ts"
import { LocalDirectories } from "./directories.ts"
import { LocalStore } from "./local-store.ts"

export interface LocalCastoreOptions {
  /** Bytes after which a pack is finished and another one begun. */
  readonly packBytes?: number
  /**
   * How long a process that goes on for long may rely on something that it was told exists, or has put, and that nothing
   * refers to yet. See {@link LocalCastore.renew}.
   */
  readonly graceMs?: number
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

  /** Waits for what is under way, and frees everything. The services are closed by it. */
  close(): Promise<void>
}

const PACK_BYTES = 2 ** 29
const GRACE_MS = 3_600_000

/**
 * A castore in a folder of this machine, which is made if it is not there. Any number of processes may have it open.
 *
 * @throws {CastoreError} if there is something else, or it is damaged
 */
export function openLocalCastore(dir: string, options: LocalCastoreOptions = {}): LocalCastore {
  const { packBytes = PACK_BYTES, graceMs = GRACE_MS } = options
  const store = new LocalStore({ dir: resolve(dir), packBytes, graceMs })
  return {
    blobs: new LocalBlobs(store),
    directories: new LocalDirectories(store),
    startWriting: () => store.feed.start(),
    renew: () => store.feed.renew(graceMs),
    close: () => store.close(),
  }
}
