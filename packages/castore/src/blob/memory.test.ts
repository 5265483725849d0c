import { testBlobService } from "../testing/blob-service.ts"
import { memoryBlobService } from "./memory.ts"

testBlobService("memory", async () => ({ service: memoryBlobService() }))
