import assert from "node:assert/strict"
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { byteStringOf } from "@tvix-ts/bytes"
import { CastoreError } from "@tvix-ts/castore"
import { hash } from "@tvix-ts/hash"
import { formatStorePath } from "@tvix-ts/nix-compat"
import { memoryStore } from "../store.ts"
import { exampleStorePath } from "../testing/path-info-service.ts"
import { directory, file, narOf, symlink } from "../testing/trees.ts"
import { importPath } from "./import-path.ts"

test("importPath stores what is on disk, with the references that are asked for", async () => {
  const dir = mkdtempSync(join(tmpdir(), "tvix-import-"))
  try {
    const [mentioned, other] = [exampleStorePath("mentioned"), exampleStorePath("other")]
    const text = `#! ${formatStorePath(mentioned)}`
    const tree = join(dir, "tree-1.0")
    mkdirSync(join(tree, "bin"), { recursive: true })
    writeFileSync(join(tree, "bin", "run"), text)
    chmodSync(join(tree, "bin", "run"), 0o755)
    symlinkSync("bin/run", join(tree, "link"))
    const nar = await narOf(directory({ bin: directory({ run: file(text, true) }), link: symlink("bin/run") }))
    const store = memoryStore()
    const plain = await importPath(byteStringOf(`${tree}//`), store)
    assert.equal(plain.storePath.name, "tree-1.0")
    assert.deepEqual(plain.references, [])
    assert.deepEqual(plain.narHash, hash("sha256", nar))
    const scanned = await importPath(byteStringOf(tree), store, { name: "x", candidates: [mentioned, other] })
    assert.equal(scanned.storePath.name, "x")
    assert.deepEqual(scanned.references, [mentioned])
    await assert.rejects(
      importPath(byteStringOf(join(tree, "link")), store, { name: "no/name" }),
      (error) => error instanceof CastoreError && error.problem.code === "invalid",
    )
    assert.equal((await importPath(byteStringOf(join(tree, "link")), store)).node.type, "symlink")
  } finally {
    rmSync(dir, { recursive: true })
  }
})
