import { utf8 } from "@tvix-ts/bytes"
import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { digestOf } from "../digest.ts"
import { readBlob, testBlobService } from "../testing/blob-service.ts"
import { noise } from "../testing/bytes.ts"
import { problem } from "../testing/problem.ts"
import { cacheBlobService } from "./cache.ts"
import { memoryBlobService } from "./memory.ts"
import type { BlobService } from "./service.ts"

testBlobService("cache of memory and memory", async () => ({
  service: cacheBlobService(memoryBlobService(), memoryBlobService()),
}))
testBlobService("cache that is never filled", async () => ({
  service: cacheBlobService(forgetful(), memoryBlobService()),
}))

/** Stores nothing that it is given. */
function forgetful(): BlobService {
  const real = memoryBlobService()
  return {
    stat: (digest, options) => real.stat(digest, options),
    read: (digest, options) => real.read(digest, options),
    put: (contents, options) => memoryBlobService().put(contents, options),
    batch: (options) => memoryBlobService().batch(options),
    close: () => real.close(),
  }
}

describe("a cache", () => {
  const bytes = noise(1_000_000)
  const digest = digestOf(bytes)

  test("is filled by reading, and then read from", async () => {
    for (const contents of [bytes, utf8("small"), new Uint8Array()]) {
      const [near, far] = [memoryBlobService(), memoryBlobService()]
      await far.put([contents])
      assert.deepEqual(await readBlob(cacheBlobService(near, far), digestOf(contents)), contents)
      assert.deepEqual(await near.stat(digestOf(contents)), await far.stat(digestOf(contents)))
      assert.deepEqual(await readBlob(cacheBlobService(near, memoryBlobService()), digestOf(contents)), contents)
    }
  })

  test("is not filled by a range, nor by looking, nor by reading that stops", async () => {
    const [near, far] = [memoryBlobService(), memoryBlobService()]
    await far.put([bytes])
    const service = cacheBlobService(near, far)
    assert.deepEqual(await readBlob(service, digest, { from: 1, to: 600_000 }), bytes.subarray(1, 600_000))
    assert.equal((await service.stat(digest))?.size, bytes.length)
    for await (const piece of (await service.read(digest))!) if (piece.length > 0) break
    assert.equal(await near.stat(digest), undefined)
  })

  test("stores in both", async () => {
    const [near, far] = [memoryBlobService(), memoryBlobService()]
    await cacheBlobService(near, far).put([bytes])
    assert.deepEqual(await near.stat(digest), await far.stat(digest))
  })

  test("may fail to be filled", async () => {
    const far = memoryBlobService()
    await far.put([bytes])
    for (const fails of ["write", "end", "commit"] as const) {
      const oops = async (): Promise<never> => {
        throw new Error("no room")
      }
      const near: BlobService = {
        ...forgetful(),
        batch() {
          const batch = memoryBlobService().batch()
          return {
            blob(size) {
              const writer = batch.blob(size)
              return {
                write: (piece) => (fails === "write" ? oops() : writer.write(piece)),
                end: () => (fails === "end" ? oops() : writer.end()),
              }
            },
            commit: () => (fails === "commit" ? oops() : batch.commit()),
            abort: oops,
          }
        },
      }
      assert.deepEqual(await readBlob(cacheBlobService(near, far), digest), bytes, fails)
    }
  })

  test("reports contents that are not what was asked for", async () => {
    const far = memoryBlobService()
    const lie = await far.put([utf8("lie")])
    const lying: BlobService = { ...forgetful(), read: () => far.read(lie) }
    await assert.rejects(readBlob(cacheBlobService(memoryBlobService(), lying), digest), problem("corrupt"))
  })
})
