/** The suites of path infos and of whole stores, through a client and a server of ours. */
import { castoreServices, GrpcChannel, serveGrpc } from "@tvix-ts/castore/node"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { memoryStore } from "../../store.ts"
import { testPathInfoService } from "../../testing/path-info-service.ts"
import { testStore } from "../../testing/store.ts"
import { grpcPathInfoService } from "./path-info-client.ts"
import { pathInfoServices } from "./path-info-server.ts"
import { serveStore } from "./server.ts"
import { openGrpcStore } from "./store.ts"

for (const names of ["tvix", "snix"] as const) {
  // The suite's path infos speak of trees that there are not.
  testPathInfoService(`gRPC, ${names}`, async () => {
    const store = memoryStore()
    const services = [...castoreServices(store), ...pathInfoServices(store, { trustClients: true })]
    const server = await serveGrpc(services, { address: "127.0.0.1:0" })
    return {
      service: grpcPathInfoService(new GrpcChannel(server.address, { names })),
      close: () => server.close(5_000),
    }
  })
}

testStore("gRPC over a socket", async () => {
  const directory = await mkdtemp(join(tmpdir(), "store-"))
  const server = await serveStore(memoryStore(), { address: `unix:${join(directory, "s")}` })
  return {
    store: openGrpcStore(server.address),
    close: async () => {
      await server.close(5_000)
      await rm(directory, { recursive: true })
    },
  }
})
