import assert from "node:assert/strict"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, describe, test } from "node:test"
import { Worker } from "node:worker_threads"
import { CastoreError } from "../../problem.ts"
import { isLocked, tryLock } from "./lock.ts"

describe("locks", () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "lock-"))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  test("are held by one at a time", () => {
    const path = join(folder, "lock")
    assert.equal(isLocked(path), false)
    const lock = tryLock(path)!
    assert.deepEqual([tryLock(path), isLocked(path)], [undefined, true])
    lock.release()
    assert.equal(isLocked(path), false)
    tryLock(path)!.release()
  })

  test("are given to one of those who try at the same moment", async () => {
    const threads = 2
    const rounds = 200
    const shared = new SharedArrayBuffer(4 * (1 + rounds))
    const workerData = { folder, threads, rounds, shared }
    const program = new URL("testing/lock-race-thread.ts", import.meta.url)
    const racing = Array.from({ length: threads }, () => new Worker(program, { workerData }))
    await Promise.all(racing.map(async (thread) => assert.deepEqual(await once(thread, "exit"), [0])))
    assert.deepEqual([...new Int32Array(shared)].slice(1), new Array(rounds).fill(1))
  })

  test("say where they cannot be had", () => {
    const path = join(folder, "nowhere", "lock")
    const problem = { code: "unavailable", reason: `${path}: the system does not let us write there` }
    assert.throws(
      () => tryLock(path),
      (error) => error instanceof CastoreError && (assert.deepEqual(error.problem, problem), true),
    )
    assert.equal(isLocked(path), false)
  })
})
