import { testDirectoryService } from "../testing/directory-service.ts"
import { memoryDirectoryService } from "./memory.ts"

testDirectoryService("memory", async () => ({ service: memoryDirectoryService() }))
