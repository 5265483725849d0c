import assert from "node:assert/strict"
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { describe, test } from "node:test"
import { CastoreError } from "@tvix-ts/castore"
import { formatStorePath, storePathBase, type StorePath } from "@tvix-ts/nix-compat"
import { storeTree } from "../import.ts"
import type { PathInfo } from "../path-info/path-info.ts"
import type { Store } from "../store.ts"
import { exampleStorePath } from "../testing/path-info-service.ts"
import { directory, file, noise, produce, type Tree } from "../testing/trees.ts"
import { collectGarbage } from "./gc.ts"
import { linkRoot } from "./local/roots.ts"
import { openLocalStore, type LocalStore } from "./local/store.ts"
import { describeFinding, isNote, verifyStore, type StoreFinding } from "./verify.ts"

async function temporary(use: (dir: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "tvix-gc-"))
  try {
    await use(dir)
  } finally {
    rmSync(dir, { recursive: true })
  }
}

async function inStore<T>(dir: string, use: (store: LocalStore) => Promise<T>): Promise<T> {
  const store = openLocalStore(dir)
  try {
    return await use(store)
  } finally {
    await store.close()
    // What is touched in the same millisecond as the horizon is kept.
    for (const now = Date.now(); Date.now() === now;);
  }
}

const add = (store: Store, tree: Tree, name: string): Promise<PathInfo> =>
  storeTree((sink) => produce(tree, sink), store, { name })

const names = async (store: Store): Promise<string[]> =>
  (await Array.fromAsync(store.pathInfos.list())).map(({ storePath }) => storePath.name).sort()

const findings = async (store: LocalStore): Promise<StoreFinding[]> => Array.fromAsync(verifyStore(store))

/** `a` refers to `b` and to itself, `b` to `c`; nobody to `d`. All have a file in common; `d` has a large one alone. */
async function fill(dir: string): Promise<Readonly<Record<"a" | "b" | "c" | "d", StorePath>>> {
  return inStore(dir, async (store) => {
    const common = file(noise(400_000))
    const paths: StorePath[] = []
    for (const name of ["a", "b", "c", "d"]) {
      const tree = directory({ common, own: file(name === "d" ? noise(900_000, 9) : name) })
      const pathInfo = await add(store, tree, name)
      paths.push(pathInfo.storePath)
    }
    const [a, b, c, d] = paths as [StorePath, StorePath, StorePath, StorePath]
    const refer = async (path: StorePath, ...to: StorePath[]): Promise<void> => {
      const { contentAddress, ...pathInfo } = (await store.pathInfos.get(path.digest))!
      assert.ok(contentAddress)
      await store.pathInfos.put({ ...pathInfo, references: to.sort((x, y) => (x.digest < y.digest ? -1 : 1)) })
    }
    await refer(a, a, b)
    await refer(b, c)
    store.roots.add("root", a)
    return { a, b, c, d }
  })
}

describe("collectGarbage", () => {
  test("a link is a root as long as it leads to the path", async () => {
    await temporary(async (dir) => {
      const { a, d } = await fill(dir)
      const link = join(dir, "link")
      symlinkSync(formatStorePath(a), link)
      await inStore(dir, async (store) => {
        store.roots.remove("root")
        store.roots.add(linkRoot(link), a)
        store.roots.add(linkRoot(join(dir, "none")), d)
        // What cannot be a link any more is as good as gone.
        store.roots.add(linkRoot(join(dir, "store.sqlite", "below")), d)
      })
      await inStore(dir, async (store) => {
        assert.equal((await collectGarbage(store, { dryRun: true })).removedPaths.length, 1)
        assert.equal(store.roots.list().length, 3)
        await collectGarbage(store)
        assert.deepEqual(await names(store), ["a", "b", "c"])
        assert.deepEqual(store.roots.list(), [{ name: `link:${link}`, path: a }])
      })
      unlinkSync(link)
      symlinkSync(formatStorePath(d), link)
      await inStore(dir, async (store) => {
        await collectGarbage(store)
        assert.deepEqual(await names(store), [])
        assert.deepEqual(store.roots.list(), [])
      })
    })
  })

  test("keeps what roots and pins lead to, and what it is made of; removes the rest", async () => {
    await temporary(async (dir) => {
      const { b, d } = await fill(dir)
      await inStore(dir, async (store) => {
        const planned = await collectGarbage(store, { dryRun: true })
        assert.deepEqual(
          planned.removedPaths.map(({ digest }) => digest),
          [d.digest],
        )
        assert.ok(planned.removedNarBytes > 1_300_000)
        assert.ok(planned.castore.removed.chunkBytes >= 900_000 && planned.castore.removed.chunkBytes < 910_000)
        assert.deepEqual(await names(store), ["a", "b", "c", "d"])

        const pinned = await collectGarbage(store, { pins: [d] })
        assert.deepEqual(pinned.removedPaths, [])
        assert.equal(pinned.keptPaths, 4)
        const graced = await collectGarbage(store, { graceMs: 60_000 })
        assert.deepEqual(graced.removedPaths, [])

        const done = await collectGarbage(store)
        assert.deepEqual(
          done.removedPaths.map(({ pathInfo }) => pathInfo?.storePath.name),
          ["d"],
        )
        assert.equal(done.castore.removed.chunkBytes, planned.castore.removed.chunkBytes)
        assert.deepEqual(await names(store), ["a", "b", "c"])
        assert.deepEqual(await findings(store), [])

        store.roots.remove("root")
        store.roots.add("other", b)
        await collectGarbage(store)
        assert.deepEqual(await names(store), ["b", "c"])
        assert.deepEqual(await findings(store), [])
        store.roots.remove("other")
        const all = await collectGarbage(store)
        assert.equal(all.keptPaths, 0)
        assert.deepEqual(await names(store), [])
      })
    })
  })

  test("keeps derivations of what is kept, unless they are not wanted", () =>
    temporary(async (dir) => {
      const { a } = await fill(dir)
      await inStore(dir, async (store) => {
        const { storePath: deriver } = await add(store, file("Derive"), "a.drv")
        await store.pathInfos.put({ ...(await store.pathInfos.get(a.digest))!, deriver })
      })
      await inStore(dir, async (store) => {
        await collectGarbage(store)
        assert.deepEqual(await names(store), ["a", "a.drv", "b", "c"])
        await collectGarbage(store, { keepDerivations: false })
        assert.deepEqual(await names(store), ["a", "b", "c"])
      })
    }))

  test("keeps what a writer has just put, and what that refers to", async () => {
    await temporary(async (dir) => {
      const { c, d } = await fill(dir)
      const writer = openLocalStore(dir)
      const fresh = await add(writer, file("fresh"), "fresh")
      const { contentAddress, ...pathInfo } = fresh
      assert.ok(contentAddress)
      await writer.pathInfos.put({ ...pathInfo, references: [d] })
      await inStore(dir, async (store) => {
        store.roots.remove("root")
        store.roots.add("c", c)
        const { removedPaths } = await collectGarbage(store)
        assert.deepEqual(removedPaths.map(({ pathInfo }) => pathInfo!.storePath.name).sort(), ["a", "b"])
        assert.deepEqual(await findings(store), [])
      })
      await writer.close()
    })
  })

  test("does nothing while it cannot tell what to keep", async () => {
    await temporary(async (dir) => {
      const { b, d } = await fill(dir)
      damage(dir, `UPDATE path_infos SET data = x'00' WHERE digest IN ('${b.digest}', '${d.digest}')`)
      await inStore(dir, async (store) => {
        await assert.rejects(collectGarbage(store), (error) => {
          assert.ok(error instanceof CastoreError && error.problem.code === "corrupt")
          assert.match(error.message, new RegExp(b.digest))
          return true
        })
        store.roots.remove("root")
        const { removedPaths } = await collectGarbage(store)
        assert.equal(removedPaths.length, 4, "nothing is to be kept")
      })
    })
  })
})

describe("verifyStore", () => {
  test("finds nothing wrong with what is whole", async () => {
    await temporary(async (dir) => {
      await fill(dir)
      await inStore(dir, async (store) => assert.deepEqual(await findings(store), []))
    })
  })

  const DAMAGES: readonly [
    name: string,
    damage: (dir: string, paths: Readonly<Record<"a" | "b" | "c" | "d", StorePath>>) => void,
    found: readonly StoreFinding["code"][],
  ][] = [
    [
      "a path info",
      (dir, { d }) => damage(dir, `UPDATE path_infos SET data = x'00' WHERE digest = '${d.digest}'`),
      ["path-info-damaged"],
    ],
    [
      "a reference that is gone",
      (dir, { c }) => damage(dir, `DELETE FROM path_infos WHERE digest = '${c.digest}'`),
      ["reference-missing"],
    ],
    [
      "a root that is gone",
      (dir) => damage(dir, `UPDATE roots SET path = '${storePathBase(exampleStorePath("gone"))}'`),
      ["root-missing"],
    ],
    ["a bit of a chunk", flipBit, ["castore-damaged", "tree-damaged"]],
    [
      "the directories",
      (dir) => {
        const database = new DatabaseSync(join(dir, "castore.sqlite"))
        database.exec("DELETE FROM directories")
        database.close()
      },
      ["tree-damaged", "tree-damaged", "tree-damaged", "tree-damaged"],
    ],
  ]
  for (const [name, damage, expected] of DAMAGES) {
    test(`finds: ${name}`, async () => {
      await temporary(async (dir) => {
        damage(dir, await fill(dir))
        await inStore(dir, async (store) => {
          const found = await findings(store)
          const codes = new Set(found.map(({ code }) => code))
          assert.deepEqual([...codes].sort(), [...new Set(expected)].sort(), found.map(describeFinding).join("\n"))
          for (const finding of found) assert.match(describeFinding(finding), /\S/)
          assert.equal(
            found.every(isNote),
            expected.every((code) => code.endsWith("-missing")),
          )
        })
      })
    })
  }

  test("finds path infos that claim what is not so", async () => {
    await temporary(async (dir) => {
      await inStore(dir, async (store) => {
        const good = await add(store, file("good"), "good")
        await store.pathInfos.put({ ...good, narHash: new Uint8Array(32) })
        await store.pathInfos.put({ ...good, storePath: { ...good.storePath, digest: "0".repeat(32) } })
        const found = await findings(store)
        assert.deepEqual(found.map(({ code }) => code).sort(), ["path-wrong", "tree-damaged"])
      })
    })
  })

  test("repairs by forgetting, so that the same can be put again", async () => {
    await temporary(async (dir) => {
      await fill(dir)
      flipBit(dir)
      await inStore(dir, async (store) => {
        const found = await Array.fromAsync(verifyStore(store, { repair: true }))
        assert.ok(found.some(({ code }) => code === "castore-damaged"))
      })
      await fill(dir)
      await inStore(dir, async (store) => assert.deepEqual(await findings(store), []))
    })
  })
})

function damage(dir: string, sql: string): void {
  const database = new DatabaseSync(join(dir, "store.sqlite"))
  database.exec(sql)
  database.close()
}

function flipBit(dir: string): void {
  const [pack = ""] = readdirSync(join(dir, "packs")).map((name) => join(dir, "packs", name))
  const bytes = readFileSync(pack)
  bytes[1000]! ^= 1
  writeFileSync(pack, bytes)
}
