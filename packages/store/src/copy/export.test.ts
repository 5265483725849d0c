import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { concat, encodeHex, utf8 } from "@tvix-ts/bytes"
import { CastoreError } from "@tvix-ts/castore"
import { hash } from "@tvix-ts/hash"
import {
  ExportError,
  formatStorePath,
  parseStorePath,
  storePathBase,
  textPath,
  type StorePath,
} from "@tvix-ts/nix-compat"
import fc from "fast-check"
import { storeTree } from "../import.ts"
import type { PathInfo } from "../path-info/path-info.ts"
import { memoryStore, type Store } from "../store.ts"
import { directory, file, noise, piecesOf, produce, symlink, trees, type Tree } from "../testing/trees.ts"
import { byReferences } from "./closure.ts"
import { exportPaths, importPaths } from "./export.ts"

const add = (store: Store, tree: Tree, name: string): Promise<PathInfo> =>
  storeTree((sink) => produce(tree, sink), store, { name })
/** Puts it with other references, so that its path does not follow from its contents any more. */
function refer(store: Store, pathInfo: PathInfo, ...references: readonly StorePath[]): Promise<PathInfo> {
  if (references.length === 0) return store.pathInfos.put(pathInfo)
  const { contentAddress: _, ...built } = pathInfo
  const sorted = references.toSorted((a, b) => (storePathBase(a) < storePathBase(b) ? -1 : 1))
  return store.pathInfos.put({ ...built, references: sorted })
}

async function exported(store: Store, ...pathInfos: readonly PathInfo[]): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  await exportPaths(pathInfos, store, (piece) => void pieces.push(piece.slice()))
  return concat(pieces)
}
async function imported(bytes: Uint8Array, store: Store, length = 1000): Promise<PathInfo[]> {
  async function* contents(): AsyncGenerator<Uint8Array> {
    yield* piecesOf(bytes, length)
  }
  const pathInfos: PathInfo[] = []
  for await (const pathInfo of importPaths(contents(), store)) pathInfos.push(pathInfo)
  return pathInfos
}
async function listed(store: Store): Promise<PathInfo[]> {
  const pathInfos: PathInfo[] = []
  for await (const pathInfo of store.pathInfos.list()) pathInfos.push(pathInfo)
  return pathInfos
}

const somePath = (name: string): StorePath => ({ digest: "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q", name })

const SRC = directory({ a: file("hi\n"), d: directory({}), l: symlink("a") })

describe("exports of store paths", () => {
  test("are C++ Nix's", async () => {
    const store = memoryStore()
    const pathInfo = await add(store, SRC, "src")
    const digest = "98a87eefa89ae18849bd5ae666d44d226b1fd8d061490416d3b7c78e3ba61e77"
    assert.equal(encodeHex(hash("sha256", await exported(store, pathInfo))), digest)
  })

  test("make another store what the first one was", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(trees, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 999 }),
        async (all, length) => {
          const from = memoryStore()
          const pathInfos: PathInfo[] = []
          for (const [i, tree] of all.entries()) {
            const pathInfo = { ...(await add(from, tree, `tree-${i}`)), deriver: somePath(`tree-${i}.drv`) }
            const others = pathInfos.map(({ storePath }) => storePath)
            pathInfos.push(await refer(from, pathInfo, pathInfo.storePath, ...others))
          }
          const to = memoryStore()
          const ordered = await imported(await exported(from, ...pathInfos.toReversed()), to, length)
          assert.deepEqual(ordered, pathInfos)
          assert.deepEqual(await listed(to), await listed(from))
          for (const { node, narHash } of ordered) assert.deepEqual((await to.nar.calculate(node)).narHash, narHash)
        },
      ),
      { numRuns: 30 },
    )
  })

  test("of many paths, and of large ones among small ones, come in order", async () => {
    const from = memoryStore()
    const pathInfos: PathInfo[] = []
    for (let i = 0; i < 150; i++) {
      const size = i % 50 === 20 ? 1_200_000 : i % 50 === 30 ? 2_500_000 : 100
      const last = pathInfos.slice(-1).map(({ storePath }) => storePath)
      pathInfos.push(await refer(from, await add(from, file(noise(size, i)), `path-${i}`), ...last))
    }
    const to = memoryStore()
    const bytes = await exported(from, ...pathInfos)
    assert.deepEqual(await imported(bytes, to, 65_536), pathInfos)
    assert.deepEqual(await listed(to), await listed(from))
    const partly = memoryStore()
    await assert.rejects(imported(bytes.subarray(0, bytes.length / 2), partly, 65_536), ExportError)
    const there = (await listed(partly)).length
    assert.ok(there > 20 && there < 140)
    assert.deepEqual(new Set(await listed(partly)), new Set(pathInfos.slice(0, there)))
  })

  test("come without what was not asked for, which has to be there", async () => {
    const from = memoryStore()
    const a = await add(from, file("a"), "a")
    const b = await refer(from, await add(from, file("b"), "b"), a.storePath)
    const bytes = await exported(from, b)
    const to = memoryStore()
    await assert.rejects(imported(bytes, to), (error) => {
      assert.ok(error instanceof CastoreError)
      const [path, by] = [a, b].map(({ storePath }) => formatStorePath(storePath))
      assert.deepEqual(error.problem, { code: "missing", what: `'${path}', which '${by}' refers to,` })
      return true
    })
    assert.deepEqual(await listed(to), [])
    await imported(await exported(from, a), to)
    await imported(bytes, to)
    assert.equal((await listed(to)).length, 2)
  })

  test("what came before the damage is there, and whole", async () => {
    const from = memoryStore()
    const a = await add(from, file("a"), "a")
    const b = await refer(from, await add(from, file("b"), "b"), a.storePath)
    const bytes = await exported(from, a, b)
    const to = memoryStore()
    await assert.rejects(imported(bytes.subarray(0, -20), to), ExportError)
    assert.deepEqual(await listed(to), [a])
  })

  test("leave alone what is there", async () => {
    const from = memoryStore()
    const a = await add(from, file("a"), "a")
    const bytes = await exported(from, a)
    const to = memoryStore()
    const signed = await to.pathInfos.put({ ...a, deriver: somePath("a.drv") })
    assert.deepEqual(await imported(bytes, to), [signed])
    assert.deepEqual(await listed(to), [signed])
  })

  test("say again what paths follow from", async () => {
    const from = memoryStore()
    const a = await add(from, SRC, "src")
    const text = `Derive([],[],["${formatStorePath(a.storePath)}"],"x","y",[],[])`
    const path = textPath("x.drv", text, [formatStorePath(a.storePath)])
    const { contentAddress: _, ...written } = await add(from, file(text), "x.drv")
    const contentAddress = {
      method: "text",
      hash: { algorithm: "sha256", digest: hash("sha256", utf8(text)) },
    } as const
    const storePath = parseStorePath(path)
    const derivation = await from.pathInfos.put({ ...written, storePath, references: [a.storePath], contentAddress })
    const to = memoryStore()
    assert.deepEqual(await imported(await exported(from, a, derivation), to), [a, derivation])
  })

  test("of derivations at paths of others are refused", async () => {
    const from = memoryStore()
    const a = await add(from, file("Derive()"), "x.drv")
    const to = memoryStore()
    await assert.rejects(imported(await exported(from, a), to), /the path of '.*-x\.drv' is not its own/)
    assert.deepEqual(await listed(to), [])
  })

  test("of what has changed fail", async () => {
    const store = memoryStore()
    const a = await add(store, file("a"), "a")
    await assert.rejects(exported(store, { ...a, narHash: hash("sha256", utf8("b")) }), (error) => {
      assert.ok(error instanceof CastoreError)
      assert.equal(error.problem.code, "corrupt")
      return true
    })
  })
})

test("paths come after what they refer to, else in the order of their digests", () => {
  const [a, b, c] = ["a", "b", "c"].map((letter) => parseStorePath(`/nix/store/${letter.repeat(32)}-x`)) as [
    StorePath,
    StorePath,
    StorePath,
  ]
  const sorted = byReferences([
    { storePath: c, references: [] },
    { storePath: b, references: [b] },
    { storePath: a, references: [a, c, somePath("other")] },
  ])
  assert.deepEqual(
    sorted.map(({ storePath }) => storePath),
    [c, a, b],
  )
})
