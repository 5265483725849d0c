import { castoreServices, serveGrpc, type GrpcServer, type GrpcService, type ServeOptions } from "@tvix-ts/castore/node"
import type { Store } from "../../store.ts"
import { pathInfoServices, type PathInfoServiceOptions } from "./path-info-server.ts"

export interface ServeStoreOptions extends ServeOptions, PathInfoServiceOptions {
  /** What else is served. */
  readonly services?: readonly GrpcService[]
}

/**
 * Serves a store over gRPC: `BlobService`, `DirectoryService` and `PathInfoService` under Tvix's names and under Snix's, with
 * reflection and the standard health service. Closing the server leaves the store open.
 *
 * @throws {CastoreError} `unavailable` if the address is taken or not one of this machine
 */
export function serveStore(store: Store, options: ServeStoreOptions): Promise<GrpcServer> {
  const { services = [] } = options
  return serveGrpc([...castoreServices(store), ...pathInfoServices(store, options), ...services], options)
}
