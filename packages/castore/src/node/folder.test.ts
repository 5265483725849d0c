import assert from "node:assert/strict"
import { existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { makeFolder } from "./folder.ts"

test("folders are made, with those on the way, and may be there", () => {
  const dir = mkdtempSync(join(tmpdir(), "tvix-folder-"))
  try {
    const deep = join(dir, "a", "b", "c")
    makeFolder(deep, 0o700)
    makeFolder(deep)
    if (process.platform !== "win32") assert.equal(statSync(join(dir, "a")).mode & 0o777, 0o700)
    symlinkSync(join(dir, "a"), join(dir, "link"))
    makeFolder(join(dir, "link"))
    writeFileSync(join(dir, "file"), "")
    assert.throws(() => makeFolder(join(dir, "file")), { code: "EEXIST" })
    assert.throws(() => makeFolder(join(dir, "file", "below")), { code: "ENOTDIR" })
    symlinkSync("nowhere", join(dir, "dangling"))
    assert.throws(() => makeFolder(join(dir, "dangling")), { code: "EEXIST" })
  } finally {
    rmSync(dir, { recursive: true })
  }
})

test("where nothing can be made, that is said", { skip: !existsSync("/proc/self") }, () => {
  assert.throws(() => makeFolder("/proc/nope/below"), { code: "ENOENT" })
})
