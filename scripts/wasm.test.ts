import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import process from "node:process"
import { test } from "node:test"

test("WebAssembly in the repository is what its source makes", () => {
  const run = spawnSync(process.execPath, [join(import.meta.dirname, "wasm.ts"), "--check"], { encoding: "utf8" })
  assert.equal(run.stderr, "")
  assert.equal(run.status, 0)
})
