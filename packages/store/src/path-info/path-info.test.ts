import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { CastoreError } from "@tvix-ts/castore"
import { examplePathInfo, testPathInfoService } from "../testing/path-info-service.ts"
import { cachePathInfoService } from "./cache.ts"
import { memoryPathInfoService } from "./memory.ts"
import type { PathInfo } from "./path-info.ts"
import type { PathInfoService } from "./service.ts"

testPathInfoService("memory", async () => ({ service: memoryPathInfoService() }))
testPathInfoService("cache of memory", async () => ({
  service: cachePathInfoService(memoryPathInfoService(), memoryPathInfoService()),
}))

describe("a cache of path infos", () => {
  const pathInfo = examplePathInfo("far")
  const { digest } = pathInfo.storePath

  test("keeps what it found afar", async () => {
    const [near, far] = [memoryPathInfoService(), memoryPathInfoService()]
    await far.put(pathInfo)
    assert.deepEqual(await cachePathInfoService(near, far).get(digest), pathInfo)
    assert.deepEqual(await near.get(digest), pathInfo)
  })

  test("finds, though it cannot keep; but does not promise to have stored", async () => {
    const far = memoryPathInfoService()
    await far.put(pathInfo)
    const full = (): Promise<never> => Promise.reject(new CastoreError({ code: "full", reason: "no room" }))
    const cache = cachePathInfoService({ ...memoryPathInfoService(), put: full }, far)
    assert.deepEqual(await cache.get(digest), pathInfo)
    await assert.rejects(cache.put(pathInfo), /no room/)
  })

  test("what has to be there may be in either; where it may go, it is looked for when the other is stored", async () => {
    const [near, far] = [memoryPathInfoService(), memoryPathInfoService()]
    const [here, there, gone] = ["here", "there", "gone"].map((name) => examplePathInfo(name)) as [
      PathInfo,
      PathInfo,
      PathInfo,
    ]
    await near.put(here)
    await far.put(there)
    /** As if it went after somebody looked. */
    const describeBefore: PathInfoService["describe"] = async (one) =>
      one === gone.storePath.digest ? gone : near.get(one)
    const cache = cachePathInfoService({ ...near, describe: describeBefore }, far, { readOnly: true })
    await cache.put(pathInfo, { requires: [here.storePath, there.storePath] })
    const other = examplePathInfo("other")
    for (const path of [gone.storePath, examplePathInfo("never").storePath]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await assert.rejects(
        cache.put(other, { requires: [here.storePath, path] }),
        (error) => error instanceof CastoreError && error.problem.code === "missing",
      )
    }
    assert.equal(await near.get(other.storePath.digest), undefined)
  })

  test("closes both, though one fails", async () => {
    let closed = false
    const broken = { ...memoryPathInfoService(), close: () => Promise.reject(new Error("stuck")) }
    const other = { ...memoryPathInfoService(), close: async () => void (closed = true) }
    await assert.rejects(cachePathInfoService(broken, other).close(), /stuck/)
    assert.ok(closed)
  })
})
