import type { GrpcServer } from "@tvix-ts/castore/node"
import type { Store } from "../store.ts"
import type { ServeStoreOptions } from "./grpc/server.ts"

/**
 * Serves a store over gRPC: grpc/server.ts, which is loaded when it is needed.
 *
 * @throws {CastoreError} `unavailable` if the address is taken or not one of this machine
 */
export async function serveStore(store: Store, options: ServeStoreOptions): Promise<GrpcServer> {
  const server = await import("./grpc/server.ts")
  return server.serveStore(store, options)
}
