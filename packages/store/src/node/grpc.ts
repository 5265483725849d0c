import type { ChannelOptions, GrpcServer } from "@tvix-ts/castore/node"
import type { Store } from "../store.ts"
import type { ServeStoreOptions } from "./grpc/server.ts"

/**
 * Serves a store over gRPC: grpc/server.ts. gRPC takes a tenth of a second to load, and those who do not speak it do not
 * wait for it.
 *
 * @throws {CastoreError} `unavailable` if the address is taken or not one of this machine
 */
export async function serveStore(store: Store, options: ServeStoreOptions): Promise<GrpcServer> {
  const server = await import("./grpc/server.ts")
  return server.serveStore(store, options)
}

/**
 * The store of a server, over one connection, which is opened when it is needed: grpc/store.ts, likewise.
 *
 * @param address `host:port` or `unix:/path`
 */
export async function openGrpcStore(address: string, options?: ChannelOptions): Promise<Store> {
  const store = await import("./grpc/store.ts")
  return store.openGrpcStore(address, options)
}
