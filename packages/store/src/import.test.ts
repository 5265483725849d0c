import assert from "node:assert/strict"
import { test } from "node:test"
import { CastoreError } from "@tvix-ts/castore"
import { formatStorePath } from "@tvix-ts/nix-compat"
import { storeTree, type StoreTreeOptions } from "./import.ts"
import { memoryStore } from "./store.ts"
import { directory, file, produce, symlink, type Tree } from "./testing/trees.ts"

const SRC = directory({ a: file("hi\n"), d: directory({}), l: symlink("a") })

/** The paths that nix-store --add-fixed of C++ Nix gives. */
const PATHS: readonly (readonly [by: StoreTreeOptions["by"], name: string, tree: Tree, path: string])[] = [
  [undefined, "src", SRC, "ci5axqfmv0jq95m0sszhsdxyg7an8gjv-src"],
  [{ method: "flat", algorithm: "sha256" }, "a", file("hi\n"), "hrvjkyf8i9yx8dmgfbqlsr7xlxa6wmfw-a"],
  [{ method: "flat", algorithm: "sha256" }, "a", file("hi\n", true), "hrvjkyf8i9yx8dmgfbqlsr7xlxa6wmfw-a"],
  [{ method: "flat", algorithm: "md5" }, "a", file("hi\n"), "pdindbcsgsmb0ns6kmpxnpwldpq4fvj3-a"],
  [{ method: "nar", algorithm: "sha1" }, "src", SRC, "6crpqcsrsxf37j3gvi267a85c8cdh0d3-src"],
  [{ method: "nar", algorithm: "sha512" }, "src", SRC, "i6m5ddn5n6fi7xamfxdhwnir5g9iywi3-src"],
]
for (const [by, name, tree, path] of PATHS) {
  test(`a tree by ${by?.method ?? "nothing"} and ${by?.algorithm ?? "nothing"} is at ${path}`, async () => {
    const store = memoryStore()
    const pathInfo = await storeTree((sink) => produce(tree, sink), store, { name, ...(by && { by }) })
    assert.equal(formatStorePath(pathInfo.storePath), `/nix/store/${path}`)
    const { narHash, narSize } = await store.nar.calculate(pathInfo.node)
    assert.deepEqual([narHash, narSize], [pathInfo.narHash, pathInfo.narSize])
    assert.ok(pathInfo.node.type !== "file" || !pathInfo.node.executable)
  })
}

for (const tree of [SRC, symlink("a")]) {
  test(`a ${tree.type} has no bytes of its own`, async () => {
    const adding = storeTree((sink) => produce(tree, sink), memoryStore(), {
      name: "x",
      by: { method: "flat", algorithm: "sha256" },
    })
    await assert.rejects(adding, (error) => error instanceof CastoreError && error.problem.code === "invalid")
  })
}
