import { cacheStore, memoryStore } from "./store.ts"
import { testStore } from "./testing/store.ts"

testStore("memory", async () => ({ store: memoryStore() }))
testStore("cache of memory", async () => ({ store: cacheStore(memoryStore(), memoryStore()) }))
