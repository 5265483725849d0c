/** The suites of blobs and directories, through a client and a server of ours, over a port and over a socket. */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { memoryBlobService } from "../../blob/memory.ts"
import { memoryDirectoryService } from "../../directory/memory.ts"
import { testBlobService } from "../../testing/blob-service.ts"
import { testDirectoryService } from "../../testing/directory-service.ts"
import { grpcBlobService } from "./blob-client.ts"
import { GrpcChannel } from "./channel.ts"
import { grpcDirectoryService } from "./directory-client.ts"
import { serveGrpc } from "./server.ts"
import type { GrpcService } from "./service.ts"
import { castoreServices } from "./services.ts"

async function open(address: string, only: (service: GrpcService) => boolean = () => true) {
  const services = castoreServices({ blobs: memoryBlobService(), directories: memoryDirectoryService() }).filter(only)
  const server = await serveGrpc(services, { address })
  return { channel: new GrpcChannel(server.address), close: () => server.close(5_000) }
}

const isOfTvix = ({ descriptor }: GrpcService): boolean => descriptor.typeName.startsWith("tvix.")

async function openSocket() {
  const directory = await mkdtemp(join(tmpdir(), "grpc-"))
  const { channel, close } = await open(`unix:${join(directory, "s")}`)
  return {
    channel,
    close: async () => {
      await close()
      await rm(directory, { recursive: true })
    },
  }
}

const WAYS = [
  ["a port", () => open("127.0.0.1:0")],
  ["a socket", openSocket],
  ["a port, of a peer that has only what Tvix has", () => open("127.0.0.1:0", isOfTvix)],
] as const

const NOT_PROMISED = {
  "a batch that is given up leaves nothing": "blobs go in calls, alone or with others, and are stored when those end",
}

for (const [name, openWay] of WAYS) {
  testBlobService(
    `gRPC over ${name}`,
    async () => {
      const { channel, close } = await openWay()
      return { service: grpcBlobService(channel), close }
    },
    NOT_PROMISED,
  )
  testDirectoryService(`gRPC over ${name}`, async () => {
    const { channel, close } = await openWay()
    return { service: grpcDirectoryService(channel), close }
  })
}
