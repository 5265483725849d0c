/** Collections that keep what is used: by age, by size, and while a server is serving. */
import assert from "node:assert/strict"
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { describe, test, type TestContext } from "node:test"
import type { StorePath } from "@tvix-ts/nix-compat"
import { storeTree } from "../import.ts"
import { renderNar } from "../nar/render.ts"
import type { PathInfo } from "../path-info/path-info.ts"
import { directory, file, noise, produce, type Tree } from "../testing/trees.ts"
import { collectGarbage, type CollectGarbageOptions } from "./gc.ts"
import { openLocalStore, type LocalStore } from "./local/store.ts"
import { verifyStore } from "./verify.ts"

const DAY_MS = 86_400_000

function storeIn(t: TestContext, dir?: string): LocalStore {
  const own = dir ?? mkdtempSync(join(tmpdir(), "tvix-gc-"))
  const store = openLocalStore(own)
  t.after(async () => {
    await store.close()
    if (dir === undefined) rmSync(own, { recursive: true })
  })
  return store
}

const add = (store: LocalStore, tree: Tree, name: string): Promise<PathInfo> =>
  storeTree((sink) => produce(tree, sink), store, { name })

async function refer(store: LocalStore, { storePath }: PathInfo, ...to: readonly StorePath[]): Promise<void> {
  const { contentAddress, ...pathInfo } = (await store.pathInfos.get(storePath.digest))!
  assert.ok(contentAddress)
  const references = to.toSorted((a, b) => (a.digest < b.digest ? -1 : 1))
  await store.pathInfos.put({ ...pathInfo, references })
}

function sql(store: LocalStore, statement: string): void {
  const database = new DatabaseSync(join(store.dir, "store.sqlite"))
  database.exec(statement)
  database.close()
}

/** Everything in the castore seems to have been put long ago, by nobody who lives. */
function age(store: LocalStore): void {
  const database = new DatabaseSync(join(store.dir, "castore.sqlite"))
  for (const table of ["chunks", "blobs", "directories"]) database.exec(`UPDATE ${table} SET touched = 1`)
  database.close()
}

const names = async (store: LocalStore): Promise<string> =>
  (await Array.fromAsync(store.pathInfos.list()))
    .map(({ storePath }) => storePath.name)
    .sort()
    .join(" ")

/** `a` refers to `b`, `b` to `c`, which are used less. Each has 100 kB of its own, all have 50 kB in common. */
const LAST_USED_DAYS = { a: 1, b: 40, c: 45, d: 10, e: 20, f: 50 }

async function fill(
  t: TestContext,
): Promise<{ readonly store: LocalStore; readonly paths: Record<string, StorePath> }> {
  const writer = openLocalStore(mkdtempSync(join(tmpdir(), "tvix-gc-")))
  const infos: Record<string, PathInfo> = {}
  for (const [i, name] of Object.keys(LAST_USED_DAYS).entries()) {
    infos[name] = await add(
      writer,
      directory({ common: file(noise(50_000)), own: file(noise(100_000, 2 * i + 3)) }),
      name,
    )
  }
  await refer(writer, infos["a"]!, infos["b"]!.storePath)
  await refer(writer, infos["b"]!, infos["c"]!.storePath)
  await writer.close()
  const store = storeIn(t, writer.dir)
  t.after(() => rmSync(writer.dir, { recursive: true }))
  for (const [name, days] of Object.entries(LAST_USED_DAYS)) {
    const used = Date.now() - days * DAY_MS
    sql(store, `UPDATE path_infos SET touched = ${used} WHERE digest = '${infos[name]!.storePath.digest}'`)
  }
  age(store)
  return { store, paths: Object.fromEntries(Object.entries(infos).map(([name, info]) => [name, info.storePath])) }
}

function bytesIn(store: LocalStore): number {
  const packs = join(store.dir, "packs")
  return readdirSync(packs).reduce((sum, name) => sum + statSync(join(packs, name)).size, 0)
}

describe("collectGarbage with limits", () => {
  const CASES: readonly {
    readonly name: string
    readonly options: CollectGarbageOptions
    readonly root?: string
    readonly kept: string
  }[] = [
    { name: "keeps what was used lately, and what that refers to", options: { unusedMs: 5 * DAY_MS }, kept: "a b c" },
    { name: "keeps all that is young enough", options: { unusedMs: 15 * DAY_MS }, kept: "a b c d" },
    { name: "keeps everything", options: { unusedMs: 60 * DAY_MS }, kept: "a b c d e f" },
    { name: "keeps nothing", options: { unusedMs: 0 }, kept: "" },
    { name: "keeps roots, however old", options: { unusedMs: 5 * DAY_MS }, root: "f", kept: "a b c f" },
    {
      name: "keeps what roots refer to, and not what refers to them",
      options: { unusedMs: 0 },
      root: "b",
      kept: "b c",
    },
    { name: "keeps everything that fits", options: { bytesMax: 10 ** 7 }, kept: "a b c d e f" },
    { name: "removes what was used least recently until it fits", options: { bytesMax: 600_000 }, kept: "a b c d e" },
    { name: "… however much that is", options: { bytesMax: 400_000 }, kept: "a b c" },
    { name: "never removes what is referred to before what refers to it", options: { bytesMax: 250_000 }, kept: "" },
    { name: "makes no room for roots at the cost of roots", options: { bytesMax: 0 }, root: "a", kept: "a b c" },
    { name: "counts roots first", options: { bytesMax: 520_000 }, root: "f", kept: "a b c f" },
    { name: "goes by age and by size", options: { bytesMax: 600_000, unusedMs: 15 * DAY_MS }, kept: "a b c d" },
  ]
  for (const { name, options, root, kept } of CASES) {
    test(name, async (t) => {
      const { store, paths } = await fill(t)
      if (root !== undefined) store.roots.add("root", paths[root]!)
      const planned = await collectGarbage(store, { ...options, dryRun: true })
      assert.equal(await names(store), "a b c d e f")
      const done = await collectGarbage(store, options)
      assert.equal(await names(store), kept)
      assert.deepEqual(done.removedPaths, planned.removedPaths)
      assert.deepEqual(done.castore.removed, planned.castore.removed)
      assert.deepEqual(await Array.fromAsync(verifyStore(store)), [])
      const count = kept.split(" ").filter((path) => path !== "").length
      const bytes = count === 0 ? 0 : 50_000 + 100_000 * count
      assert.equal(done.castore.after.chunks.storedBytes, bytes)
      if (options.bytesMax !== undefined && root === undefined) {
        assert.ok(bytesIn(store) <= options.bytesMax, `${bytesIn(store)} of ${options.bytesMax}`)
      }
    })
  }
})

describe("uses", () => {
  const touched = (store: LocalStore, { digest }: StorePath): number =>
    [...store.pathInfos.rows()].find((row) => row.digest === digest)!.touched

  type Ask = (store: LocalStore, digests: readonly string[]) => Promise<unknown>
  for (const [name, ask] of [
    ["describe", ({ pathInfos }, digests) => Promise.all(digests.map((digest) => pathInfos.describe(digest)))],
    ["has", ({ pathInfos }, digests) => pathInfos.has(digests)],
  ] satisfies [string, Ask][]) {
    test(`are noted by those who serve, and not too often: ${name}`, async (t) => {
      const { store, paths } = await fill(t)
      const { a, d } = paths as Record<"a" | "d", StorePath>
      const before = touched(store, a)
      await ask(store, [a.digest])
      assert.equal(touched(store, a), before)
      await store.castore.startWriting()
      const start = Date.now()
      await ask(store, [a.digest, d.digest])
      assert.ok(touched(store, a) >= start && touched(store, d) >= start)
      const minutesAgo = Date.now() - 20 * 60_000
      sql(store, `UPDATE path_infos SET touched = ${minutesAgo}`)
      await ask(store, [a.digest])
      assert.equal(touched(store, a), minutesAgo)
    })
  }

  test("are noted by those who have put something", async (t) => {
    const { store, paths } = await fill(t)
    const { digest } = paths["a"]!
    await add(store, file("new"), "new")
    const start = Date.now()
    await store.pathInfos.get(digest)
    assert.ok(touched(store, paths["a"]!) >= start)
  })

  test("keep what was asked for", async (t) => {
    const { store, paths } = await fill(t)
    const server = storeIn(t, store.dir)
    await server.castore.startWriting()
    await server.pathInfos.get(paths["f"]!.digest)
    await collectGarbage(store, { unusedMs: 5 * DAY_MS })
    assert.equal(await names(store), "a b c f")
  })

  test("of what a collection has taken meanwhile are none", async (t) => {
    const { store, paths } = await fill(t)
    const { digest } = paths["f"]!
    await store.castore.startWriting()
    const answer = store.pathInfos.get(digest)
    sql(store, `DELETE FROM path_infos WHERE digest = '${digest}'`)
    assert.equal(await answer, undefined)
  })
})

test("a server loses nothing that it acknowledged, or that it said was there, to collections in between", async (t) => {
  const { store: collector, paths } = await fill(t)
  const server = storeIn(t, collector.dir)
  await server.castore.startWriting()
  const seen = [paths["a"]!, paths["e"]!]
  for (const { digest } of seen) assert.ok(await server.pathInfos.get(digest))
  const acknowledged: PathInfo[] = []
  const stop = new AbortController()
  const collecting = (async (): Promise<number> => {
    let removed = 0
    while (!stop.signal.aborted)
      removed += (await collectGarbage(collector, { unusedMs: 0, bytesMax: 0 })).removedPaths.length
    return removed
  })()
  const upload = async (worker: number): Promise<void> => {
    for (let i = 0; i < 12; i++) {
      // Part of it is what others have, part of it large, part of it small.
      const tree = directory({
        common: file(noise(50_000)),
        own: file(noise(200_000, 2 * (worker * 100 + i) + 51)),
        small: directory({ one: file(`${worker} ${i}`), two: file(noise(3000, 2 * worker + 1)) }),
      })
      const pathInfo = await add(server, tree, `upload-${worker}-${i}`)
      const references = [...seen, ...acknowledged.slice(-2).map(({ storePath }) => storePath)]
      await refer(server, pathInfo, ...new Map(references.map((path) => [path.digest, path])).values())
      acknowledged.push(pathInfo)
      const [old] = acknowledged
      let narSize = 0
      for await (const piece of renderNar(old!.node, server)) narSize += piece.length
      assert.equal(narSize, old!.narSize)
    }
  }
  await Promise.all([1, 2, 3].map(upload))
  stop.abort()
  assert.ok((await collecting) >= 2, "d and f are gone")
  for (const { storePath } of acknowledged) assert.ok(await collector.pathInfos.get(storePath.digest))
  assert.match(await names(collector), /^a b c e upload/)
  assert.deepEqual(await Array.fromAsync(verifyStore(collector)), [])
})

test("what a server at rest has appended to can be collected", async (t) => {
  const store = storeIn(t)
  await store.castore.startWriting()
  const { storePath } = await add(store, file(noise(300_000)), "large")
  const packs = (): number => bytesIn(store)
  assert.equal(packs(), 300_000)
  const collector = storeIn(t, store.dir)
  sql(store, "UPDATE path_infos SET touched = 1")
  age(store)
  const database = new DatabaseSync(join(store.dir, "castore.sqlite"))
  t.after(() => database.close())
  const free = database.prepare("SELECT count(*) AS n FROM packs WHERE writer IS NULL")
  // It lets go by itself; how soon does not matter.
  while (free.get()!["n"] === 0) await new Promise((resolve) => void setTimeout(resolve, 20))
  await collectGarbage(collector, { unusedMs: DAY_MS })
  assert.equal(await collector.pathInfos.get(storePath.digest), undefined)
  assert.equal(packs(), 0)
  // And it goes on.
  await add(store, file("more"), "more")
  assert.equal(await names(collector), "more")
})
