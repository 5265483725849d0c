import assert from "node:assert/strict"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, describe, test } from "node:test"
import { digestOf } from "@tvix-ts/castore"
import { openUploadFile } from "./node/upload-file.ts"
import { memoryUploads, type Upload, type Uploads } from "./uploads.ts"

let folder = ""
before(() => {
  folder = mkdtempSync(join(tmpdir(), "uploads-"))
})
after(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
const REGISTRIES: Readonly<Record<string, (uploadsMax?: number) => Uploads>> = {
  memory: memoryUploads,
  file: (uploadsMax) => openUploadFile(join(folder, `${++files}.sqlite`), uploadsMax),
}

function uploadOf(name: string, narSize = 5): Upload {
  const digest = digestOf(new TextEncoder().encode(name))
  const node = { type: "file", digest, size: 1, executable: true } as const
  return { name, node, narSize, narHash: new Uint8Array(32).fill(1), fileHash: new Uint8Array(32).fill(2), fileSize: 3 }
}

for (const [kind, open] of Object.entries(REGISTRIES)) {
  describe(`uploads: ${kind}`, () => {
    test("are found by their names", async () => {
      const uploads = open()
      await Promise.all([uploads.put(uploadOf("a.nar")), uploads.put(uploadOf("b.nar"))])
      assert.deepEqual(await uploads.get("a.nar"), uploadOf("a.nar"))
      assert.deepEqual(await uploads.get("b.nar"), uploadOf("b.nar"))
      assert.equal(await uploads.get("c.nar"), undefined)
      await uploads.close()
    })

    test("the last of a name is the one", async () => {
      const uploads = open()
      await uploads.put(uploadOf("a.nar"))
      await uploads.put(uploadOf("a.nar", 6))
      assert.equal((await uploads.get("a.nar"))?.narSize, 6)
      await uploads.close()
    })
  })
}

describe("uploads", () => {
  test("in memory, the oldest are forgotten", async () => {
    const uploads = memoryUploads(2)
    for (const name of ["a", "b", "a", "c"]) await uploads.put(uploadOf(name))
    assert.equal(await uploads.get("b"), undefined)
    assert.notEqual(await uploads.get("a"), undefined)
  })

  test("in a file, they are there for whoever opens it next", async () => {
    const path = join(folder, "next.sqlite")
    const first = openUploadFile(path)
    await first.put(uploadOf("a.nar"))
    const second = openUploadFile(path)
    assert.deepEqual(await second.get("a.nar"), uploadOf("a.nar"))
    await first.close()
    await second.close()
  })
})
