import assert from "node:assert/strict"
import { describe, test } from "node:test"
import type { Node } from "../node.ts"
import { testDirectoryService } from "../testing/directory-service.ts"
import { cacheDirectoryService } from "./cache.ts"
import { directorySize } from "./check.ts"
import { directoryDigest } from "./codec.ts"
import { memoryDirectoryService } from "./memory.ts"
import type { Directory, DirectoryService } from "./service.ts"

testDirectoryService("cache of memory and memory", async () => ({
  service: cacheDirectoryService(memoryDirectoryService(), memoryDirectoryService()),
}))

testDirectoryService("cache that is never filled", async () => ({
  service: cacheDirectoryService(forgetful(), memoryDirectoryService()),
}))

/** Stores nothing that it is given. */
function forgetful(): DirectoryService {
  return {
    async get(_, options) {
      options?.signal?.throwIfAborted()
      return undefined
    },
    getRecursive: () => memoryDirectoryService().getRecursive(directoryDigest({ entries: [] })),
    put: (directory, options) => memoryDirectoryService().put(directory, options),
    putMultiple: (options) => memoryDirectoryService().putMultiple(options),
    close: async () => {},
  }
}

describe("a cache of directories", () => {
  const nodeOf = (directory: Directory): Node => ({
    type: "directory",
    digest: directoryDigest(directory),
    size: directorySize(directory),
  })
  const empty: Directory = { entries: [] }
  const c: Directory = { entries: [["empty", nodeOf(empty)]] }
  // In the order of names, `c` comes before `p`, which refers to it, too.
  const p: Directory = { entries: [["c", nodeOf(c)]] }
  const root: Directory = {
    entries: [
      ["c", nodeOf(c)],
      ["p", nodeOf(p)],
    ],
  }
  const tree = [empty, c, p, root]
  const filled = async (service: DirectoryService): Promise<DirectoryService> => {
    const putter = service.putMultiple()
    for (const directory of tree) await putter.put(directory)
    await putter.close()
    return service
  }
  const count = async (service: DirectoryService): Promise<number> => {
    let n = 0
    for await (const _ of service.getRecursive(directoryDigest(root))) n++
    return n
  }

  test("is filled by reading trees, whatever of them it has", async () => {
    for (const known of [[], [root], [c], [root, p], [empty, root]]) {
      const near = memoryDirectoryService()
      for (const directory of known) await near.put(directory)
      assert.equal(await count(cacheDirectoryService(near, await filled(memoryDirectoryService()))), 4)
      assert.equal(await count(near), 4)
    }
  })

  test("is filled by reading one directory", async () => {
    const near = memoryDirectoryService()
    const service = cacheDirectoryService(near, await filled(memoryDirectoryService()))
    await service.get(directoryDigest(p))
    assert.deepEqual(await near.get(directoryDigest(p)), p)
    assert.equal(await near.get(directoryDigest(c)), undefined)
  })

  test("may fail to be filled", async () => {
    const oops = async (): Promise<never> => {
      throw new Error("no room")
    }
    const near: DirectoryService = { ...forgetful(), put: oops, putMultiple: () => ({ put: oops, close: oops }) }
    const service = cacheDirectoryService(near, await filled(memoryDirectoryService()))
    assert.equal(await count(service), 4)
    assert.deepEqual(await service.get(directoryDigest(p)), p)
  })
})
