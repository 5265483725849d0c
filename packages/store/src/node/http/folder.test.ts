import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs"
import { open, type FileHandle } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, mock, test } from "node:test"
import { utf8 } from "@tvix-ts/bytes"
import { FolderFiles } from "./folder.ts"
import { problem } from "./testing/reader.ts"

let dir: string
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), "tvix-folder-"))))
afterEach(() => rmSync(dir, { recursive: true }))

describe("a binary cache in a folder", () => {
  test("what is written is on the disk: the file, and then its name", async () => {
    writeFileSync(join(dir, "x"), "")
    const some = await open(join(dir, "x"))
    const handles = Object.getPrototypeOf(some) as FileHandle
    await some.close()
    const synced: string[] = []
    // oxlint-disable-next-line unbound-method -- it is called with what it belongs to
    const { sync } = handles
    const spy = mock.method(handles, "sync", function (this: FileHandle) {
      synced.push(readlinkSync(`/proc/self/fd/${this.fd}`))
      return sync.call(this)
    })
    try {
      await new FolderFiles(dir).write("nar/x.nar", () => [utf8("x")], "text/plain")
    } finally {
      spy.mock.restore()
    }
    assert.equal(readFileSync(join(dir, "nar/x.nar"), "utf8"), "x")
    assert.equal(synced.length, 2)
    assert.match(synced[0]!, /nar\/x\.nar\..*\.tmp$/)
    assert.equal(synced[1], join(dir, "nar"))
  })

  test("a pipe is no file, and nobody waits for what might come out of it", async () => {
    execFileSync("mkfifo", [join(dir, "pipe")])
    const files = new FolderFiles(dir)
    await assert.rejects(files.read("pipe", 10), problem("corrupt", /it is no file/))
    await assert.rejects(files.stream("pipe"), problem("corrupt", /it is no file/))
    assert.equal(await files.has("pipe"), false)
    assert.equal(await files.stream("nothing"), undefined)
  })
})
