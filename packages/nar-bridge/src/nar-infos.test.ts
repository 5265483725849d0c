import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { fingerprint, SecretKey, type ContentAddress } from "@tvix-ts/nix-compat"
import { memoryStore, type PathInfo, type Store } from "@tvix-ts/store"
import { NarInfos } from "./nar-infos.ts"
import { clientPath, fileTree } from "./testing/paths.ts"

describe("narinfos that are remembered", () => {
  const world = async (keys: readonly SecretKey[] = [], entriesMax = 10, bytesMax = 1e6) => {
    const store = memoryStore()
    const { info } = await clientPath("a", fileTree("a"))
    await store.pathInfos.put(info)
    const time = { now: 0, looked: 0 }
    const { pathInfos } = store
    const counting = Object.assign(Object.create(pathInfos) as typeof pathInfos, {
      describe(digest: string) {
        time.looked++
        return pathInfos.describe(digest)
      },
    })
    const options = { keys, compression: "none", freshMs: 1000, entriesMax, bytesMax, clock: () => time.now } as const
    return { store, info, time, narInfos: new NarInfos({ pathInfos: counting }, options) }
  }

  test("are not looked for again within a second, and are looked for afterwards", async () => {
    const { store, info, time, narInfos } = await world()
    const { digest } = info.storePath
    const before = await narInfos.get(digest)
    const key = await SecretKey.generate("b-1")
    await store.pathInfos.put({ ...info, signatures: [await key.sign(fingerprint(info))] })
    time.now = 999
    assert.equal(await narInfos.get(digest), before)
    assert.equal(time.looked, 1)
    time.now = 1000
    const after = await narInfos.get(digest)
    assert.equal(time.looked, 2)
    assert.match(after!.text, /^Sig: b-1:/m)
    assert.notEqual(after!.etag, before!.etag)
  })

  test("are rendered once, if nothing has changed", async () => {
    const { info, time, narInfos } = await world([await SecretKey.generate("a-1")])
    const first = await narInfos.get(info.storePath.digest)
    time.now = 5000
    assert.equal(await narInfos.get(info.storePath.digest), first)
    assert.equal(time.looked, 2)
  })

  test("are forgotten when we know better", async () => {
    const { info, time, narInfos } = await world()
    await narInfos.get(info.storePath.digest)
    narInfos.forget(info.storePath.digest)
    await narInfos.get(info.storePath.digest)
    assert.equal(time.looked, 2)
  })

  test("are as many as there is room for", async () => {
    const { store, info, time, narInfos } = await world([], 1)
    const other = (await clientPath("b", fileTree("b"))).info
    await store.pathInfos.put(other)
    for (const { storePath } of [info, other, info, other]) await narInfos.get(storePath.digest)
    assert.equal(time.looked, 4)
  })

  test("have as many bytes as there is room for", async () => {
    const { text } = (await (await world()).narInfos.get((await world()).info.storePath.digest))!
    for (const [bytesMax, looked] of [
      [2 * text.length, 2],
      [2 * text.length - 1, 4],
    ] as const) {
      // oxlint-disable no-await-in-loop -- one after the other
      const { store, info, time, narInfos } = await world([], 10, bytesMax)
      const other = (await clientPath("b", fileTree("b"))).info
      await store.pathInfos.put(other)
      for (const { storePath } of [info, other, info, other]) await narInfos.get(storePath.digest)
      assert.equal(time.looked, looked)
      // What is forgotten takes no room.
      for (let i = 0; i < 3; i++) {
        narInfos.forget(info.storePath.digest)
        await narInfos.get(info.storePath.digest)
      }
      const before = time.looked
      if (looked === 2) await narInfos.get(other.storePath.digest)
      assert.equal(time.looked, before)
      // oxlint-enable no-await-in-loop
    }
  })

  test("that are absent are looked for every time", async () => {
    const { time, narInfos } = await world()
    for (let i = 0; i < 2; i++) assert.equal(await narInfos.get("0".repeat(32)), undefined)
    assert.equal(time.looked, 2)
  })
})

describe("signatures of what another cache has", () => {
  const signs: [method: ContentAddress["method"], isHere: boolean, signed: boolean][] = [
    ["nar", false, true],
    ["flat", true, true],
    // Its archive is what that cache says, until somebody looks.
    ["flat", false, false],
    ["text", false, false],
  ]
  for (const [method, isHere, signed] of signs) {
    test(`a path with the content address of ${method}, ${isHere ? "which is here" : "which is there"}`, async () => {
      const { info } = await clientPath("a", fileTree("a"))
      const pathInfo: PathInfo = { ...info, contentAddress: { ...info.contentAddress!, method } }
      const { node: _, ...description } = pathInfo
      const pathInfos = { describe: async () => (isHere ? pathInfo : description) }
      const keys = [await SecretKey.generate("a-1")]
      const rendered = await new NarInfos({ pathInfos } as unknown as Store, { keys, compression: "none" }).get(
        info.storePath.digest,
      )
      assert.equal(rendered!.text.includes("Sig: a-1:"), signed)
    })
  }
})
