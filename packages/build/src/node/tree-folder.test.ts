import assert from "node:assert/strict"
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, test } from "node:test"
import { CastoreError, memoryBlobService, memoryDirectoryService } from "@tvix-ts/castore"
import { storeExample } from "../testing/build-service.ts"
import { removeTree } from "./remove-tree.ts"
import { TreeFolder } from "./tree-folder.ts"

describe("a folder of trees", () => {
  const services = { blobs: memoryBlobService(), directories: memoryDirectoryService() }
  let folder: string
  let trees: TreeFolder
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "trees-"))
    trees = await TreeFolder.open(folder, services)
  })
  afterEach(async () => {
    await trees.close()
    await removeTree(folder)
  })
  const placed = (): string[] => readdirSync(folder).filter((name) => !name.startsWith("work-"))

  test("has trees with the permissions and times of a store", async () => {
    const tree = { d: { x: { x: "run" } }, f: "text", l: { link: "f" }, empty: {} }
    const path = await trees.place("tree", await storeExample(tree, services))
    assert.equal(readFileSync(join(path, "d/x"), "utf8"), "run")
    assert.equal(readFileSync(join(path, "f"), "utf8"), "text")
    assert.equal(readlinkSync(join(path, "l")), "f")
    for (const [name, mode] of [
      ["", 0o40555],
      ["d", 0o40555],
      ["empty", 0o40555],
      ["d/x", 0o100555],
      ["f", 0o100444],
    ] as const) {
      const stats = lstatSync(join(path, name))
      assert.equal(stats.mode, mode, name)
      assert.equal(stats.mtimeMs, 1000, name)
    }
    assert.equal(lstatSync(join(path, "l")).mtimeMs, 1000)
  })

  test("writes nothing where the trees are there already", async () => {
    const node = await storeExample({ a: "b" }, services)
    const path = await trees.place("tree", node)
    await trees.close()
    const other = await TreeFolder.open(folder, services)
    const before = lstatSync(folder).mtimeMs
    assert.equal(await other.place("tree", node), path)
    assert.deepEqual(readdirSync(folder), placed())
    await other.close()
    assert.equal(lstatSync(folder).mtimeMs, before)
  })

  test("tells files that can be executed from those that cannot", async () => {
    const paths = [
      await trees.place("a", await storeExample("same", services)),
      await trees.place("b", await storeExample({ x: "same" }, services)),
    ]
    assert.deepEqual(
      paths.map((path) => lstatSync(path).mode),
      [0o100444, 0o100555],
    )
  })

  test("has each tree once, however often it is wanted at the same time", async () => {
    const node = await storeExample({ a: { b: "c" } }, services)
    const other = await TreeFolder.open(folder, services)
    const paths = await Promise.all([trees, trees, other, other].map((one, index) => one.place(`${index}`, node)))
    assert.equal(new Set(paths).size, 1)
    assert.equal(placed().length, 1)
    const { ino } = lstatSync(paths[0]!)
    await other.place("again", node)
    assert.equal(lstatSync(paths[0]!).ino, ino)
    await other.close()
  })

  test("has nothing of a tree that is not whole", async () => {
    const missing = { type: "file", digest: new Uint8Array(32), size: 3, executable: false } as never
    await assert.rejects(trees.place("missing", missing), CastoreError)
    assert.deepEqual(placed(), [])
  })

  test("does for others what one gave up", async () => {
    const node = await storeExample({ a: { b: "d" } }, services)
    const stop = new AbortController()
    const given = trees.place("given up", node, { signal: stop.signal })
    const wanted = trees.place("wanted", node)
    stop.abort(new Error("enough"))
    await assert.rejects(given, /enough/)
    assert.equal(readFileSync(join(await wanted, "a/b"), "utf8"), "d")
  })

  test("removes trees", async () => {
    const node = await storeExample({ a: { b: "e" } }, services)
    await trees.place("tree", node)
    await trees.remove(node)
    await trees.remove(node)
    assert.deepEqual(placed(), [])
    assert.equal(readFileSync(join(await trees.place("tree", node), "a/b"), "utf8"), "e")
  })

  test("removes what a process left that is no more, and nothing else", async () => {
    writeFileSync(join(folder, "work-dead.lock"), "")
    writeFileSync(join(folder, "work-dead.1"), "")
    writeFileSync(join(folder, "f-of-somebody"), "")
    const alive = readdirSync(folder).filter((name) => name.startsWith("work-") && !name.includes("dead"))
    await (await TreeFolder.open(folder, services)).close()
    assert.deepEqual(readdirSync(folder).toSorted(), ["f-of-somebody", ...alive].toSorted())
  })
})
