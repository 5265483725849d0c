import assert from "node:assert/strict"
import { before, beforeEach, describe, test } from "node:test"
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
  readonly end: PromiseWithResolvers<PathInfo | undefined>
}
/** What another cache was asked for. */
let fetches: Fetch[]
beforeEach(() => void (fetches = []))

/** In front of another cache: nothing is here but what that is said to have. */
function proxy(): Store {
  const store = memoryStore()
  const pathInfos: Store["pathInfos"] = {
    ...store.pathInfos,
    describe: async (digest) => {
      const { node: _, ...description } = info
      return digest === info.storePath.digest ? description : undefined
    },
    get(_digest, options) {
      const end = Promise.withResolvers<PathInfo | undefined>()
      fetches.push({ signal: options?.signal, end })
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

  test("what is here is, however large", async () => {
    const store = memoryStore()
    await ingestNar([path.nar], store)
    await store.pathInfos.put(info)
    const app = binaryCache(store, { limits: { narSizeMax: 1 } })
    assert.equal((await app.request(`/${info.storePath.digest}.narinfo`)).status, 200)
    assert.equal((await app.request(`/${info.storePath.digest}.ls`)).status, 200)
  })
})
