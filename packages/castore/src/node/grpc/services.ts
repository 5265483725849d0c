import type { BlobService } from "../../blob/service.ts"
import type { DirectoryService } from "../../directory/service.ts"
import { blobServices } from "./blob-server.ts"
import { bulkServices } from "./bulk-server.ts"
import { directoryServices } from "./directory-server.ts"
import type { GrpcService } from "./service.ts"

/**
 * Everything of castore that a gRPC server offers: the services of `tvix.castore.v1`, the same as `snix.castore.v1`, and
 * what makes many small blobs cheap.
 */
export function castoreServices(castore: {
  readonly blobs: BlobService
  readonly directories: DirectoryService
}): GrpcService[] {
  return [...blobServices(castore.blobs), ...bulkServices(castore.blobs), ...directoryServices(castore.directories)]
}
