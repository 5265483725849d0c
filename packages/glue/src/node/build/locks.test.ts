import assert from "node:assert/strict"
import { once } from "node:events"
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, test, type TestContext } from "node:test"
import { Worker } from "node:worker_threads"
import { folderLocks } from "./locks.ts"

const OUTPUT = "/nix/store/00000000000000000000000000000000-x"

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "locks-"))
  t.after(() => rmSync(dir, { recursive: true }))
  return dir
}

describe("locks of outputs", () => {
  test("are had by one at a time, and leave nothing behind", async (t) => {
    const dir = folder(t)
    const { signal } = new AbortController()
    const release = await folderLocks(dir).acquire(OUTPUT, signal, () => assert.fail("nobody has it"))
    let waits = 0
    const told = Promise.withResolvers<void>()
    const second = folderLocks(dir).acquire(OUTPUT, signal, () => {
      waits++
      told.resolve()
    })
    ;(await folderLocks(dir).acquire(`${OUTPUT}-other`, signal, () => assert.fail("it is another")))()
    await told.promise
    release()
    ;(await second)()
    assert.equal(waits, 1)
    assert.deepEqual(readdirSync(dir), [])
  })

  test("are not waited for by who gives up", async (t) => {
    const dir = folder(t)
    const stop = new AbortController()
    const release = await folderLocks(dir).acquire(OUTPUT, stop.signal, () => {})
    const second = folderLocks(dir).acquire(OUTPUT, stop.signal, () => stop.abort(new Error("enough")))
    await assert.rejects(second, { name: "AbortError" })
    release()
  })

  test("that somebody died with are free", async (t) => {
    const dir = folder(t)
    writeFileSync(join(dir, `${OUTPUT.slice("/nix/store/".length)}.lock`), "")
    const { signal } = new AbortController()
    ;(await folderLocks(dir).acquire(OUTPUT, signal, () => assert.fail("nobody has it")))()
    assert.deepEqual(readdirSync(dir), [])
  })

  test("keep apart whoever wants the same one again and again", async (t) => {
    const dir = folder(t)
    const inside = new SharedArrayBuffer(8)
    const workerData = { dir, output: OUTPUT, inside, times: 50 }
    const program = new URL("../../testing/locking-thread.ts", import.meta.url)
    const threads = Array.from({ length: 4 }, () => new Worker(program, { workerData }))
    await Promise.all(threads.map(async (thread) => assert.deepEqual(await once(thread, "exit"), [0])))
    const [now, together] = new Int32Array(inside)
    assert.deepEqual([now, together], [0, 0])
  })
})
