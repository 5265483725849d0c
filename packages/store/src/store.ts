import {
  cacheBlobService,
  cacheDirectoryService,
  memoryBlobService,
  memoryDirectoryService,
  type BlobService,
  type CallOptions,
  type DirectoryService,
  type Node,
} from "@tvix-ts/castore"
import { closeAll } from "./close-all.ts"
import { memoryNarCache } from "./nar/cache.ts"
import { calculatingNarService } from "./nar/calculate.ts"
import { cachePathInfoService } from "./path-info/cache.ts"
import { memoryPathInfoService } from "./path-info/memory.ts"
import type { PathDescription, PathInfo } from "./path-info/path-info.ts"
import type { NarCalculation, PathInfoService } from "./path-info/service.ts"

/** Trees by their contents, and what is known of them as store paths. */
export interface Store {
  readonly blobs: BlobService
  readonly directories: DirectoryService
  readonly pathInfos: PathInfoService
  readonly nar: NarService
  /** Where trees come and go as Nix archives, a way that does not lead through the castore. */
  readonly archives?: Archives
  /** Whether nothing is to be put into it: what stands in front of it keeps that to itself. */
  readonly readOnly?: boolean
  /** Of several binary caches, the one with the lowest is asked first. */
  readonly priority?: (options?: CallOptions) => Promise<number>
  /** Closes its services. Nothing may be called afterwards, except `close` again. */
  close(): Promise<void>
}

/** Says what trees are as Nix archives: by reading them, or by asking somebody who is nearer to their contents. */
export interface NarService {
  /** @throws {CastoreError} `missing` if the tree is not all there */
  calculate(node: Node, options?: CallOptions): Promise<NarCalculation>
}

/** Trees of one store on their way into the castore of another, or out of it. */
export interface Archives {
  /**
   * Brings the tree of a path into `into`, after checking everything that its path info says of it; durable when it resolves.
   *
   * @throws {CastoreError} `missing` if it is not there, `corrupt` if it is another one
   */
  fetch(description: PathDescription, into: Castore, options?: TransferOptions): Promise<PathInfo>
  /**
   * Takes the tree of a path from `from`, and puts the path info when `after` has happened, unless it is there.
   *
   * @throws {CastoreError} `corrupt` if the tree is not what the path info says
   */
  push(
    pathInfo: PathInfo,
    from: Castore,
    options?: TransferOptions & { readonly after?: Promise<unknown> },
  ): Promise<void>
}

export type Castore = Pick<Store, "blobs" | "directories">

export interface TransferOptions extends CallOptions {
  /** Called with the bytes of the archive that have passed since it was called last. What fails may pass again. */
  readonly onBytes?: (bytes: number) => void
}

/** A store that lasts as long as the program. */
export function memoryStore(): Store {
  const blobs = memoryBlobService()
  const directories = memoryDirectoryService()
  const pathInfos = memoryPathInfoService()
  const nar = calculatingNarService({ blobs, directories }, memoryNarCache())
  return { blobs, directories, pathInfos, nar, close: () => closeAll(blobs, directories, pathInfos) }
}

/**
 * Looks into `near` first, and keeps there what is read from `far`. What is written goes to `far`, unless that is read-only.
 * `far` also works out what trees are as archives, since it has all of them; unless it has none, and uses the castore of
 * `near`.
 */
export function cacheStore(near: Store, far: Store): Store {
  const shared = far.blobs === near.blobs
  return {
    blobs: shared ? near.blobs : cacheBlobService(near.blobs, far.blobs),
    directories: shared ? near.directories : cacheDirectoryService(near.directories, far.directories),
    pathInfos: cachePathInfoService(near.pathInfos, far.pathInfos, { readOnly: far.readOnly === true }),
    nar: shared ? near.nar : far.nar,
    close: () => closeAll(near, far),
  }
}
