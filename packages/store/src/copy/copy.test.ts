import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { concat, utf8 } from "@tvix-ts/bytes"
import { CastoreError, digestOf, type BlobService, type DirectoryService } from "@tvix-ts/castore"
import { storePathBase, type StorePath } from "@tvix-ts/nix-compat"
import fc from "fast-check"
import { storeTree } from "../import.ts"
import type { PathInfo } from "../path-info/path-info.ts"
import type { PathInfoService } from "../path-info/service.ts"
import { memoryStore, type Store } from "../store.ts"
import { examplePathInfo, exampleStorePath } from "../testing/path-info-service.ts"
import { directory, file, noise, produce, symlink, trees, type Tree } from "../testing/trees.ts"
import { closureOf } from "./closure.ts"
import { copyPaths, type CopyProgress } from "./copy.ts"

const add = (store: Store, tree: Tree, name: string): Promise<PathInfo> =>
  storeTree((sink) => produce(tree, sink), store, { name })

/** Puts `pathInfo` with other references. */
async function refer(store: Store, pathInfo: PathInfo, ...to: readonly StorePath[]): Promise<PathInfo> {
  const references = to.toSorted((a, b) => (storePathBase(a) < storePathBase(b) ? -1 : 1))
  return store.pathInfos.put({ ...pathInfo, references })
}

/** `service`, some of whose methods are others. */
function instead<T extends object>(service: T, others: Partial<T>): T {
  return new Proxy(service, {
    get(target, key) {
      const value: unknown = Reflect.get(Object.hasOwn(others, key) ? others : target, key)
      return typeof value === "function" ? (...args: unknown[]): unknown => Reflect.apply(value, target, args) : value
    },
  })
}

/** A store that notes what is asked of it. */
function watched(store: Store): { readonly store: Store; readonly calls: string[] } {
  const calls: string[] = []
  const watch = <T extends object>(target: T, name: string): T =>
    new Proxy(target, {
      get(target, key) {
        calls.push(`${name}.${String(key)}`)
        const value: unknown = Reflect.get(target, key)
        return typeof value === "function" ? (...args: unknown[]): unknown => Reflect.apply(value, target, args) : value
      },
    })
  return {
    calls,
    store: {
      ...store,
      blobs: watch<BlobService>(store.blobs, "blobs"),
      directories: watch<DirectoryService>(store.directories, "directories"),
      pathInfos: watch<PathInfoService>(store.pathInfos, "pathInfos"),
    },
  }
}

const code = (expected: string) => (error: unknown) => {
  assert.ok(error instanceof CastoreError, String(error))
  assert.equal(error.problem.code, expected, error.message)
  return true
}

describe("copyPaths", () => {
  test("any tree arrives as it is, whatever the destination has", async () => {
    await fc.assert(
      fc.asyncProperty(trees, trees, fc.boolean(), async (tree, there, reuseChunks) => {
        const [from, to] = [memoryStore(), memoryStore()]
        const pathInfo = await add(from, directory({ a: tree, b: there }), "x")
        await add(to, there, "y")
        const copied = await copyPaths([pathInfo.storePath], from, to, { reuseChunks })
        assert.deepEqual(copied, [pathInfo])
        assert.deepEqual(await to.pathInfos.get(pathInfo.storePath.digest), pathInfo)
        const { narSize, narHash } = await to.nar.calculate(pathInfo.node)
        assert.deepEqual({ narSize, narHash }, { narSize: pathInfo.narSize, narHash: pathInfo.narHash })
      }),
      { numRuns: 40 },
    )
  })

  test("references first, each once, in spite of cycles and of itself", async () => {
    const [from, to] = [memoryStore(), memoryStore()]
    const [a, b, c, d] = await Promise.all(["a", "b", "c", "d"].map((name) => add(from, file(name), name)))
    await refer(from, a!, b!.storePath, c!.storePath, a!.storePath)
    await refer(from, b!, d!.storePath)
    await refer(from, c!, d!.storePath, b!.storePath)
    const names = (await copyPaths([a!.storePath, d!.storePath], from, to)).map(({ storePath }) => storePath.name)
    assert.equal(names[0], "d")
    assert.equal(names.at(-1), "a")
    assert.equal(names.indexOf("b") < names.indexOf("c"), true)
    assert.deepEqual(await copyPaths([a!.storePath], from, to), [], "nothing is left to do")
    await refer(from, d!, a!.storePath)
    assert.equal((await copyPaths([a!.storePath], from, memoryStore())).length, 4)
  })

  test("only the path itself, if that is asked for", async () => {
    const [from, to] = [memoryStore(), memoryStore()]
    const [a, b] = [await add(from, file("a"), "a"), await add(from, file("b"), "b")]
    await refer(from, a, b.storePath)
    await copyPaths([a.storePath], from, to, { closure: false })
    assert.equal(await to.pathInfos.get(b.storePath.digest), undefined)
  })

  test("what is there is not read, and a tree in common not looked into", async () => {
    const [source, to] = [memoryStore(), memoryStore()]
    const common = directory(Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`f${i}`, file(`${i}`)])))
    const pathInfo = await add(
      source,
      directory({ common, same: file("1"), new: file("new"), link: symlink("x") }),
      "x",
    )
    await add(to, common, "common")
    const from = watched(source)
    const progress: CopyProgress[] = []
    await copyPaths([pathInfo.storePath], from.store, to, { onProgress: (now) => progress.push({ ...now }) })
    assert.equal(from.calls.filter((call) => call === "blobs.read").length, 1)
    assert.equal(from.calls.filter((call) => call === "directories.getRecursive").length, 1)
    assert.equal(from.calls.filter((call) => call === "directories.get").length, 0)
    const { current, ...last } = progress.at(-1)!
    assert.equal(current, undefined)
    const { narSize } = pathInfo
    const bytes = { bytesCopied: 3, bytesThere: 1 }
    assert.deepEqual(last, { found: 1, pathsTotal: 1, paths: 1, narBytesTotal: narSize, narBytes: narSize, ...bytes })
  })

  test("of a large file only the chunks that are not there are read", async () => {
    const [source, to] = [memoryStore(), memoryStore()]
    const contents = noise(4_000_000)
    const pathInfo = await add(source, file(concat([utf8("new at the front"), contents])), "x")
    await add(to, file(contents), "y")
    let read = 0
    const from: Store = {
      ...source,
      blobs: instead<BlobService>(source.blobs, {
        async read(digest, options) {
          const pieces = await source.blobs.read(digest, options)
          return (async function* () {
            for await (const piece of pieces!) {
              read += piece.length
              yield piece
            }
          })()
        },
      }),
    }
    await copyPaths([pathInfo.storePath], from, to, { reuseChunks: true })
    assert.ok(read > 0 && read < 1_500_000, `${read} bytes`)
    read = 0
    await copyPaths([pathInfo.storePath], from, memoryStore())
    assert.equal(read, 4_000_016)
  })

  test("blobs, then directories, then the path info", async () => {
    const source = memoryStore()
    const pathInfo = await add(source, directory({ a: directory({ b: file("b") }) }), "x")
    const to = watched(memoryStore())
    await copyPaths([pathInfo.storePath], source, to.store)
    const order = to.calls.filter((call) => /batch|put/.test(call))
    assert.deepEqual(order, ["blobs.batch", "directories.putMultiple", "pathInfos.put"])
  })

  test("what was collected before anything referred to it is copied after all", async () => {
    const [from, to] = [memoryStore(), memoryStore()]
    const [a, b] = [await add(from, file("a"), "a"), await add(from, file("b"), "b")]
    const withReference = await refer(from, a, b.storePath)
    let collected = false
    const forgetful: Store = {
      ...to,
      pathInfos: instead(to.pathInfos, {
        // There when it is looked up first, and gone afterwards.
        async describe(digest) {
          if (digest !== b.storePath.digest || collected) return to.pathInfos.get(digest)
          collected = true
          return b
        },
      }),
    }
    const copied = await copyPaths([withReference.storePath], from, forgetful)
    assert.deepEqual(copied, [withReference, b])
  })

  test("refuses what the source has not, or what is not what it says", async () => {
    const from = memoryStore()
    await assert.rejects(copyPaths([exampleStorePath("absent")], from, memoryStore()), code("missing"))
    const missing = examplePathInfo("no blob")
    await from.pathInfos.put(missing)
    const to = memoryStore()
    await assert.rejects(copyPaths([missing.storePath], from, to), code("missing"))
    const good = await add(from, file("good"), "good")
    for (const lie of [{ narSize: good.narSize + 8 }, { narHash: new Uint8Array(32) }]) {
      await from.pathInfos.put({ ...good, ...lie })
      await assert.rejects(copyPaths([good.storePath], from, to), code("corrupt"))
    }
    await from.pathInfos.put({ ...good, references: [exampleStorePath("absent")] })
    await assert.rejects(copyPaths([good.storePath], from, to), code("missing"))
    assert.deepEqual(await Array.fromAsync(to.pathInfos.list()), [])
  })

  test("a source whose blobs are others than they should be changes nothing", async () => {
    const source = memoryStore()
    const pathInfo = await add(source, directory({ a: file("right") }), "x")
    const read: BlobService["read"] = async () =>
      (async function* () {
        yield utf8("wrong")
      })()
    const lying: Store = { ...source, blobs: instead(source.blobs, { read }) }
    const to = memoryStore()
    await assert.rejects(copyPaths([pathInfo.storePath], lying, to), code("corrupt"))
    assert.equal(await to.blobs.stat(digestOf(utf8("wrong"))), undefined)
    assert.deepEqual(await Array.fromAsync(to.pathInfos.list()), [])
  })

  test("ends with the signal's reason", async () => {
    const from = memoryStore()
    const pathInfo = await add(from, directory({ a: file("a") }), "x")
    const reason = new Error("enough")
    const to = memoryStore()
    await assert.rejects(copyPaths([pathInfo.storePath], from, to, { signal: AbortSignal.abort(reason) }), reason)
    const controller = new AbortController()
    const onProgress = (): void => controller.abort(reason)
    await assert.rejects(copyPaths([pathInfo.storePath], from, to, { signal: controller.signal, onProgress }), reason)
    assert.deepEqual(await Array.fromAsync(to.pathInfos.list()), [])
  })
})

test("closures of 20,000 paths in a row", async () => {
  const store = memoryStore()
  const paths = Array.from({ length: 20_000 }, (_, i) => exampleStorePath(`${i}`))
  for (const [i, storePath] of paths.entries()) {
    const references = i === 0 ? [] : [paths[i - 1]!]
    await store.pathInfos.put(examplePathInfo(`${i}`, { storePath, references }))
  }
  const closure = await closureOf([paths.at(-1)!], store.pathInfos)
  assert.deepEqual(
    closure.map(({ storePath }) => storePath),
    paths,
  )
})
