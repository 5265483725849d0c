import { encodeHex } from "@tvix-ts/bytes"
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, readdirSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { createInterface } from "node:readline"
import { test } from "node:test"
import { bytesOfBlob, castoreIn, findings, folder } from "./testing/castore-folder.ts"
import { rootsIn } from "./testing/writing-process.ts"

const PROGRAM = join(import.meta.dirname, "testing", "writing-process.ts")

/** Starts a process that writes, and kills it after so many commits. */
async function killedAfter(commits: number, dir: string, seed: number, roots: string): Promise<void> {
  const options = ["--conditions=source", "--disable-warning=ExperimentalWarning"]
  const words = [...options, PROGRAM, dir, String(seed), roots]
  const child = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "inherit"] })
  const exit = once(child, "exit")
  let lines = 0
  createInterface(child.stdout).on("line", () => {
    if (++lines === commits) child.kill("SIGKILL")
  })
  assert.deepEqual(await exit, [null, "SIGKILL"])
}

test("processes that are killed while they write leave everything they had committed, and nothing half", async (t) => {
  const parent = folder(t)
  const dir = join(parent, "castore")
  const roots = join(parent, "roots")
  mkdirSync(roots)
  const assertWhole = async (): Promise<void> => {
    const castore = castoreIn(t, dir, { packBytes: 2 ** 22 })
    assert.deepEqual(await findings(castore), [])
    for (const { digest } of rootsIn(roots)) {
      assert.ok((await bytesOfBlob(castore.blobs, digest)) !== undefined, encodeHex(digest))
    }
    await castore.close()
  }

  for (const [round, commits] of [1, 4, 7].entries()) {
    // Two at once, so that each meets the other's rows, packs and collections, and what the dead have left.
    const kills = [2 * round, 2 * round + 1].map((seed) => killedAfter(commits, dir, seed, roots))
    await Promise.all(kills)
    await assertWhole()
  }

  const castore = castoreIn(t, dir, { packBytes: 2 ** 22 })
  const { after } = await castore.collect({ roots: rootsIn(roots) })
  assert.ok(after.packs.bytes < 2 * after.chunks.bytes, JSON.stringify(after))
  await castore.close()
  await assertWhole()
  assert.deepEqual(readdirSync(join(dir, "writers")), ["collect.lock"])
})
