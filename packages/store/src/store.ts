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
import type { NarCalculation, PathInfoService } from "./path-info/service.ts"

/** Trees by their contents, and what is known of them as store paths. */
export interface Store {
  readonly blobs: BlobService
  readonly directories: DirectoryService
  readonly pathInfos: PathInfoService
  readonly nar: NarService
  /** Closes its services. Nothing may be called afterwards, except `close` again. */
  close(): Promise<void>
}

/** Says what trees are as Nix archives: by reading them, or by asking somebody who is nearer to their contents. */
export interface NarService {
  /** @throws {CastoreError} `missing` if the tree is not all there */
  calculate(node: Node, options?: CallOptions): Promise<NarCalculation>
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
 * Looks into `near` first, and keeps there what is read from `far`. What is written goes to `far`, which also works out what
 * trees are as archives, since it has all of them.
 */
export function cacheStore(near: Store, far: Store): Store {
  return {
    blobs: cacheBlobService(near.blobs, far.blobs),
    directories: cacheDirectoryService(near.directories, far.directories),
    pathInfos: cachePathInfoService(near.pathInfos, far.pathInfos),
    nar: far.nar,
    close: () => closeAll(near, far),
  }
}
