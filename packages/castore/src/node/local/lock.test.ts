import assert from "node:assert/strict"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, describe, test } from "node:test"
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
