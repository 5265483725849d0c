import { testPathInfoService } from "../testing/path-info-service.ts"
import { cachePathInfoService } from "./cache.ts"
import { memoryPathInfoService } from "./memory.ts"

testPathInfoService("memory", async () => ({ service: memoryPathInfoService() }))
testPathInfoService("cache of memory", async () => ({
  service: cachePathInfoService(memoryPathInfoService(), memoryPathInfoService()),
}))
