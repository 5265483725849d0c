import assert from "node:assert/strict"
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, test } from "node:test"
import { CastoreError, memoryBlobService, memoryDirectoryService, type Node } from "@tvix-ts/castore"
import { storeExample } from "../testing/build-service.ts"
import { removeTree } from "./remove-tree.ts"
import { StoreDirectory } from "./store-directory.ts"

const A = "/nix/store/00000000000000000000000000000000-a"
const B = "/nix/store/11111111111111111111111111111111-b"

describe("a store directory of our own", () => {
  const services = { blobs: memoryBlobService(), directories: memoryDirectoryService() }
  let parent: string
  let folder: string
  let opened: StoreDirectory[]
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), "store-directory-"))
    folder = join(parent, "store")
    mkdirSync(folder)
    opened = []
  })
  afterEach(async () => {
    for (const one of opened) await one.close()
    await removeTree(parent)
  })
  const tryOpen = async (owner = "/owner"): Promise<StoreDirectory | undefined> => {
    const directory = await StoreDirectory.open(folder, owner, services)
    if (directory !== undefined) opened.push(directory)
    return directory
  }
  const open = async (): Promise<StoreDirectory> => (await tryOpen()) ?? assert.fail("it is not ours")
  const placed = (): string[] => readdirSync(folder).filter((name) => name !== ".tvix")

  test("has trees under the names of their store paths", async () => {
    const directory = await open()
    const node = await storeExample({ bin: { a: { x: "run" } } }, services)
    const path = await directory.place(A, node)
    assert.equal(path, join(folder, A.slice("/nix/store/".length)))
    assert.equal(readFileSync(join(path, "bin/a"), "utf8"), "run")
    assert.deepEqual([lstatSync(path).mode, lstatSync(path).mtimeMs], [0o40555, 1000])
    // The same tree, elsewhere.
    assert.equal(readFileSync(join(await directory.place(B, node), "bin/a"), "utf8"), "run")
    const file = await directory.place(`${B}-file`, await storeExample("text", services))
    assert.deepEqual([lstatSync(file).mode, readFileSync(file, "utf8")], [0o100444, "text"])
  })

  test("has links, too", async () => {
    const directory = await open()
    const link = (target: string): Node => ({ type: "symlink", target })
    const path = await directory.place(A, link("to\xff"))
    assert.deepEqual([readlinkSync(path, "latin1"), lstatSync(path).mtimeMs], ["to\xff", 1000])
    await directory.place(A, link("other"))
    assert.equal(readlinkSync(path), "other")
  })

  test("leaves what is there, for every process", async () => {
    const directory = await open()
    const node = await storeExample({ a: { b: "c" } }, services)
    const paths = await Promise.all([directory, directory, await open()].map((one) => one.place(A, node)))
    const [path = ""] = paths
    const { ino } = lstatSync(path)
    await (await open()).place(A, node)
    assert.equal(lstatSync(path).ino, ino)
  })

  test("takes nothing for a path that was left half there, or of another build", async () => {
    const directory = await open()
    const path = await directory.place(A, await storeExample({ a: "before" }, services))
    const node = await storeExample({ a: "now" }, services)
    assert.equal(readFileSync(join(await directory.place(A, node), "a"), "utf8"), "now")
    // As a process leaves it that is killed in the middle.
    rmSync(join(folder, ".tvix/placed", A.slice("/nix/store/".length)))
    chmodSync(path, 0o755)
    rmSync(join(path, "a"))
    assert.equal(readFileSync(join(await directory.place(A, node), "a"), "utf8"), "now")
  })

  test("has nothing of a tree that is not whole", async () => {
    const missing = { type: "file", digest: new Uint8Array(32), size: 3, executable: false } as never
    await assert.rejects((await open()).place(A, missing), CastoreError)
    assert.deepEqual(placed(), [])
  })

  test("removes paths", async () => {
    const directory = await open()
    const node = await storeExample({ a: "b" }, services)
    await directory.place(A, node)
    await directory.remove(A)
    await directory.remove(A)
    assert.deepEqual(placed(), [])
    assert.equal(readFileSync(join(await directory.place(A, node), "a"), "utf8"), "b")
  })

  test("is one owner's", async () => {
    await open()
    assert.equal(await tryOpen("/other"), undefined)
    await open()
  })

  for (const [name, prepare] of [
    ["is not there", () => rmSync(folder, { recursive: true })],
    ["has something in it", () => writeFileSync(join(folder, "somebody's"), "")],
  ] as const) {
    test(`is none that ${name}`, async () => {
      prepare()
      const before = readdirSync(parent)
      assert.equal(await tryOpen(), undefined)
      assert.deepEqual(readdirSync(parent), before)
    })
  }
})
