import assert from "node:assert/strict"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { test } from "node:test"
import { memoryStore, storeTree } from "@tvix-ts/store"
import { openLocalStore } from "@tvix-ts/store/node"
import { NO_COLLECTIONS, startServing } from "./serving.ts"

test("a server with a limit deletes what nobody uses, and keeps what is new", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "tvix-serving-"))
  t.after(() => rmSync(dir, { recursive: true }))
  const store = openLocalStore(dir)
  t.after(() => store.close())
  const add = (target: string) => storeTree(async (sink) => sink.symlink(target), store, { name: "link" })
  const { storePath: old } = await add("old")
  const database = new DatabaseSync(join(dir, "store.sqlite"))
  t.after(() => database.close())
  database.exec("UPDATE path_infos SET touched = 1")
  const stop = await startServing(store, { ...NO_COLLECTIONS, unusedMs: 1, collectEveryMs: 1 })
  const { storePath: fresh } = await add("new")
  const find = database.prepare("SELECT digest FROM path_infos WHERE digest = ?")
  while (find.get(old.digest) !== undefined) await new Promise((resolve) => void setTimeout(resolve, 50))
  assert.ok(find.get(fresh.digest))
  await stop()
})

for (const { name, settings, error } of [
  {
    name: "limits of a store that is nowhere",
    settings: { unusedMs: 1 },
    error: /only a local store can collect garbage/,
  },
  { name: "a time without a limit", settings: { collectEveryMs: 1 }, error: /--gc-every .* give one of these/ },
]) {
  test(`refuses ${name}`, async () => {
    await assert.rejects(startServing(memoryStore(), { ...NO_COLLECTIONS, ...settings }), error)
  })
}
