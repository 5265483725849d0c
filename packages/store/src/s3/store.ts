import { s3BlobService, s3DirectoryService, type S3Options } from "@tvix-ts/castore/s3"
import { closeAll } from "../close-all.ts"
import { memoryNarCache } from "../nar/cache.ts"
import { calculatingNarService } from "../nar/calculate.ts"
import type { Store } from "../store.ts"
import { s3PathInfoService } from "./path-infos.ts"

/** A store of which everything is in one bucket, and nothing anywhere else. */
export function s3Store(options: S3Options): Store {
  const blobs = s3BlobService(options)
  const directories = s3DirectoryService(options)
  const pathInfos = s3PathInfoService(options)
  const nar = calculatingNarService({ blobs, directories }, memoryNarCache())
  return { blobs, directories, pathInfos, nar, close: () => closeAll(blobs, directories, pathInfos) }
}
