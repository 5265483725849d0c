import assert from "node:assert/strict"
import { before, beforeEach, describe, test } from "node:test"
import { CastoreError } from "@tvix-ts/castore"
import { encodeNix32 } from "@tvix-ts/hash"
import { ingestNar, memoryStore, type PathInfo, type Store } from "@tvix-ts/store"
import { Fetches } from "./fetches.ts"
import { binaryCache } from "./index.ts"
import { Gate } from "./limits.ts"
import { clientPath, folderTree, type ClientPath } from "./testing/paths.ts"

let path: ClientPath
let info: PathInfo
before(async () => {
  path = await clientPath("far", folderTree)
  info = path.info
})

interface Fetch {
  readonly signal: AbortSignal | undefined
  readonly onArchive: (piece: Uint8Array, offset: number) => void
  readonly end: PromiseWithResolvers<PathInfo | undefined>
}
/** What another cache was asked for. */
let fetches: Fetch[]
beforeEach(() => void (fetches = []))

/** In front of another cache: nothing is here but what that is said to have. */
function proxy(store = memoryStore()): Store {
  const pathInfos: Store["pathInfos"] = {
    ...store.pathInfos,
    describe: async (digest) => {
      const { node: _, ...description } = info
      return digest === info.storePath.digest ? description : undefined
    },
    get(_digest, options) {
      const end = Promise.withResolvers<PathInfo | undefined>()
      fetches.push({ signal: options?.signal, onArchive: options!.onArchive!, end })
      options?.signal?.addEventListener("abort", () => end.reject(options.signal!.reason))
      return end.promise
    },
  }
  return { ...store, pathInfos }
}

function fetching(narSizeMax = Infinity, signal?: AbortSignal): Fetches {
  const gate = new Gate({ what: "archives to fetch", insideMax: 1, waitingMax: 10, waitMs: 60_000 })
  return new Fetches(proxy(), { gate, narSizeMax, signal })
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe("what has to be fetched from elsewhere", () => {
  const { signal } = new AbortController()

  test("goes on when its client has gone, and the next has it", async () => {
    const all = fetching()
    const { digest } = info.storePath
    const gone = new AbortController()
    const first = all.get(digest, { address: "a", signal: gone.signal })
    await turn()
    gone.abort(new Error("gone"))
    await assert.rejects(first, /gone/)
    const second = all.get(digest, { address: "b", signal })
    await turn()
    assert.equal(fetches.length, 1)
    assert.notEqual(fetches[0]!.signal?.aborted, true)
    fetches[0]!.end.resolve(info)
    assert.equal(await second, info)
  })

  test("what fails is tried again by the next, and takes no place", async () => {
    const all = fetching()
    const { digest } = info.storePath
    for (let i = 0; i < 3; i++) {
      const asked = all.get(digest, { address: "a", signal })
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await turn()
      fetches[i]!.end.reject(new Error("broken"))
      // oxlint-disable-next-line no-await-in-loop
      await assert.rejects(asked, /broken/)
    }
  })

  test("ends with whoever fetches", async () => {
    const ended = new AbortController()
    const asked = fetching(Infinity, ended.signal).get(info.storePath.digest, { address: "a", signal })
    await turn()
    ended.abort(new Error("the end"))
    await assert.rejects(asked, /the end/)
  })

  test("is not here if it is too large: neither archive nor narinfo nor listing", async () => {
    assert.equal(await fetching(info.narSize - 1).get(info.storePath.digest, { address: "a", signal }), undefined)
    const app = binaryCache(proxy(), { limits: { narSizeMax: info.narSize - 1 } })
    const { digest } = info.storePath
    for (const url of [`/${digest}.narinfo`, `/${digest}.ls`, `/nar/${digest}-${encodeNix32(info.narHash)}.nar`]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      assert.equal((await app.request(url)).status, 404, url)
    }
    assert.equal(fetches.length, 0)
    const enough = binaryCache(proxy(), { limits: { narSizeMax: info.narSize } })
    assert.equal((await enough.request(`/${digest}.narinfo`)).status, 200)
  })

  describe("is sent while it comes", () => {
    const archive = (): string => `/nar/${info.storePath.digest}-${encodeNix32(info.narHash)}.nar`
    const half = 500

    test("whole, with the length that it has to have", async () => {
      const store = memoryStore()
      const asked = binaryCache(proxy(store)).request(archive())
      await turn()
      const [fetch] = fetches
      fetch!.onArchive(path.nar.subarray(0, half), 0)
      const { status, headers, body } = await asked
      assert.equal(status, 200)
      assert.equal(headers.get("content-length"), String(info.narSize))
      assert.equal(headers.get("accept-ranges"), null)
      const reader = body!.getReader()
      assert.deepEqual((await reader.read()).value, path.nar.slice(0, half))
      fetch!.onArchive(path.nar.subarray(half), half)
      await ingestNar([path.nar], store)
      fetch!.end.resolve(info)
      assert.deepEqual((await reader.read()).value, path.nar.slice(half))
      assert.equal((await reader.read()).done, true)
    })

    test("compressed", async () => {
      const zeros = { version: "1", compress: (contents: AsyncIterable<Uint8Array>) => contents }
      const asked = binaryCache(proxy(), { compressors: { zstd: zeros } }).request(`${archive()}.zst`)
      await turn()
      fetches[0]!.onArchive(path.nar.subarray(0, half), 0)
      const answer = await asked
      assert.equal(answer.status, 200)
      assert.equal(answer.headers.get("content-length"), null)
      fetches[0]!.onArchive(path.nar.subarray(half), half)
      fetches[0]!.end.resolve(info)
      assert.deepEqual(new Uint8Array(await answer.arrayBuffer()), path.nar)
    })

    test("not in parts, which wait until it is there", async () => {
      const store = memoryStore()
      const asked = binaryCache(proxy(store)).request(archive(), { headers: { Range: "bytes=100-109" } })
      await turn()
      fetches[0]!.onArchive(path.nar, 0)
      await ingestNar([path.nar], store)
      fetches[0]!.end.resolve(info)
      const answer = await asked
      assert.equal(answer.status, 206)
      assert.deepEqual(new Uint8Array(await answer.arrayBuffer()), path.nar.slice(100, 110))
    })

    test("and cut off if it is not what it should be", async () => {
      const asked = binaryCache(proxy()).request(archive())
      await turn()
      fetches[0]!.onArchive(path.nar.subarray(0, half), 0)
      const answer = await asked
      assert.equal(answer.status, 200)
      fetches[0]!.onArchive(path.nar.subarray(half), half)
      fetches[0]!.end.reject(new Error("another SHA-256"))
      await assert.rejects(answer.arrayBuffer(), /another SHA-256/)
    })

    test("nothing, if nothing comes", async () => {
      for (const [end, expected] of [
        [(fetch: Fetch) => fetch.end.reject(new CastoreError({ code: "unavailable", reason: "cut" })), 503],
        [(fetch: Fetch) => fetch.end.resolve(undefined), 404],
      ] as const) {
        fetches = []
        const asked = binaryCache(proxy()).request(archive())
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        await turn()
        end(fetches[0]!)
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        assert.equal((await asked).status, expected)
      }
    })
  })

  test("what is here is, however large", async () => {
    const store = memoryStore()
    await ingestNar([path.nar], store)
    await store.pathInfos.put(info)
    const app = binaryCache(store, { limits: { narSizeMax: 1 } })
    assert.equal((await app.request(`/${info.storePath.digest}.narinfo`)).status, 200)
    assert.equal((await app.request(`/${info.storePath.digest}.ls`)).status, 200)
  })
})
