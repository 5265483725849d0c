import { memoryStore } from "../../store.ts"
import { testStore } from "../../testing/store.ts"
import { serveStore } from "./server.ts"
import { openGrpcStore } from "./store.ts"

testStore("gRPC", async () => {
  const served = memoryStore()
  const server = await serveStore(served, { address: "127.0.0.1:0" })
  return {
    store: openGrpcStore(server.address),
    async close() {
      await server.close(1000)
      await served.close()
    },
  }
})
