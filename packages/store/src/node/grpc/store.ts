import { GrpcChannel, grpcBlobService, grpcDirectoryService, type ChannelOptions } from "@tvix-ts/castore/node"
import type { Store } from "../../store.ts"
import { grpcNarService, grpcPathInfoService } from "./path-info-client.ts"

/**
 * The store of a server, over one connection, which is opened when it is needed.
 *
 * @param address `host:port` or `unix:/path`
 */
export function openGrpcStore(address: string, options: ChannelOptions = {}): Store {
  const channel = new GrpcChannel(address, options)
  const blobs = grpcBlobService(channel)
  const directories = grpcDirectoryService(channel)
  const pathInfos = grpcPathInfoService(channel)
  return {
    blobs,
    directories,
    pathInfos,
    nar: grpcNarService(channel),
    async close() {
      await Promise.all([blobs.close(), directories.close(), pathInfos.close()])
    },
  }
}
