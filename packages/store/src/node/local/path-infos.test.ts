import assert from "node:assert/strict"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, test } from "node:test"
import { CastoreError } from "@tvix-ts/castore"
import { storePathBase, type StorePath } from "@tvix-ts/nix-compat"
import type { PathInfo } from "../../path-info/path-info.ts"
import {
  examplePathInfo,
  exampleStorePath,
  testPathInfoService,
  type OpenPathInfoService,
} from "../../testing/path-info-service.ts"
import { openStoreDatabase } from "./database.ts"
import { localNarCache } from "./nar-cache.ts"
import { LocalPathInfoService } from "./path-infos.ts"
import { Roots } from "./roots.ts"

const references = (pathInfo: PathInfo): readonly StorePath[] => pathInfo.references

function temporary<T>(use: (dir: string) => T): T {
  const dir = mkdtempSync(join(tmpdir(), "tvix-store-"))
  const remove = (): void => rmSync(dir, { recursive: true, force: true })
  let result
  try {
    result = use(dir)
  } catch (error) {
    remove()
    throw error
  }
  if (result instanceof Promise) void result.then(remove, remove)
  else remove()
  return result
}

testPathInfoService("local", async (): Promise<OpenPathInfoService> => {
  const dir = mkdtempSync(join(tmpdir(), "tvix-store-"))
  const path = join(dir, "store.sqlite")
  const database = openStoreDatabase(path)
  return {
    service: new LocalPathInfoService(database, path),
    async close() {
      database.close()
      rmSync(dir, { recursive: true })
    },
  }
})

describe("the database of a local store", () => {
  const code = (expected: string) => (error: unknown) => {
    assert.ok(error instanceof CastoreError, String(error))
    assert.equal(error.problem.code, expected, error.message)
    return true
  }

  test("keeps path infos, roots and archive hashes over a restart, and shows them to others at once", async () => {
    await temporary(async (dir) => {
      const path = join(dir, "a/b/store.sqlite")
      const database = openStoreDatabase(path)
      const other = openStoreDatabase(path)
      const pathInfo = examplePathInfo("kept", { references: [exampleStorePath("kept")] })
      await new LocalPathInfoService(database, path).put(pathInfo)
      new Roots(database, path).add("mine", pathInfo.storePath)
      localNarCache(database).set("key", { narSize: 7, narHash: pathInfo.narHash })
      for (const open of [() => other, () => openStoreDatabase(path)]) {
        const database = open()
        const { digest } = pathInfo.storePath
        assert.deepEqual((await new LocalPathInfoService(database, path).get(digest))?.storePath, pathInfo.storePath)
        assert.deepEqual(new Roots(database, path).list(), [{ name: "mine", path: pathInfo.storePath }])
        assert.equal(localNarCache(database).get("key")?.narSize, 7)
        assert.equal(localNarCache(database).get("other"), undefined)
        database.close()
      }
      database.close()
    })
  })

  test("a path info that is damaged is neither served nor in the way of a good one", async () => {
    await temporary(async (dir) => {
      const path = join(dir, "store.sqlite")
      const database = openStoreDatabase(path)
      const service = new LocalPathInfoService(database, path)
      const pathInfo = examplePathInfo("damaged")
      const { digest } = pathInfo.storePath
      for (const damage of [
        "UPDATE path_infos SET data = substr(data, 2)",
        "UPDATE path_infos SET data = (SELECT data FROM other)",
      ]) {
        await service.put(pathInfo)
        database.exec("DROP TABLE IF EXISTS other; CREATE TABLE other (data)")
        await service.put(examplePathInfo("other"))
        database.exec(
          `INSERT INTO other SELECT data FROM path_infos WHERE digest = '${exampleStorePath("other").digest}'`,
        )
        database.exec(`${damage} WHERE digest = '${digest}'`)
        await assert.rejects(service.get(digest), code("corrupt"))
        await assert.rejects(Array.fromAsync(service.list()), code("corrupt"))
        const damaged = [...service.rows()].filter((row) => row.pathInfo instanceof CastoreError)
        assert.deepEqual(
          damaged.map((row) => row.digest),
          [digest],
        )
      }
      await service.put(pathInfo)
      assert.equal((await service.get(digest))?.narSize, pathInfo.narSize)
      database.close()
    })
  })

  test("roots are added, moved, listed by name and removed", () => {
    temporary((dir) => {
      const path = join(dir, "store.sqlite")
      const database = openStoreDatabase(path)
      const roots = new Roots(database, path)
      const [a, b] = [exampleStorePath("a"), exampleStorePath("b", "b-1.0")]
      roots.add("z", a)
      roots.add("a", a)
      roots.add("z", b)
      assert.deepEqual(
        roots.list().map((root) => `${root.name} ${storePathBase(root.path)}`),
        [`a ${storePathBase(a)}`, `z ${storePathBase(b)}`],
      )
      assert.equal(roots.remove("a"), true)
      assert.equal(roots.remove("a"), false)
      for (const name of ["", "two\nlines", "\0"]) assert.throws(() => roots.add(name, a), code("invalid"))
      assert.throws(() => roots.add("x", { digest: "", name: "x" }), code("invalid"))
      database.close()
    })
  })

  test("only what was not touched lately is deleted", async () => {
    await temporary(async (dir) => {
      const path = join(dir, "store.sqlite")
      const database = openStoreDatabase(path)
      const service = new LocalPathInfoService(database, path)
      for (const seed of ["a", "b"]) await service.put(examplePathInfo(seed))
      const [a = "", b = ""] = ["a", "b"].map((seed) => exampleStorePath(seed).digest)
      const soon = Date.now() + 60_000
      const rows = new Map([...service.rows()].map((row) => [row.digest, row]))
      assert.deepEqual(service.sweep(rows, () => [], references, Date.now() - 60_000, false).removed, [])
      assert.equal(service.sweep(rows, () => [b], references, soon, true).removed.length, 1)
      assert.deepEqual(
        service.sweep(rows, () => [b], references, soon, false).removed.map((row) => row.digest),
        [a],
      )
      assert.deepEqual(
        [...service.rows()].map((row) => row.digest),
        [b],
      )
      database.close()
    })
  })

  const REFUSED: readonly [name: string, prepare: (path: string) => void, problem: string][] = [
    [
      "a file that is no database",
      (path) => writeFileSync(path, "hello, this is not SQLite at all ".repeat(100)),
      "corrupt",
    ],
    [
      "somebody else's database",
      (path) => {
        const database = openStoreDatabase(path)
        database.exec("PRAGMA application_id = 1")
        database.close()
      },
      "invalid",
    ],
    [
      "one of a later version",
      (path) => {
        const database = openStoreDatabase(path)
        database.exec("PRAGMA user_version = 2")
        database.close()
      },
      "invalid",
    ],
  ]
  for (const [name, prepare, problem] of REFUSED) {
    test(`refuses ${name}`, () => {
      temporary((dir) => {
        const path = join(dir, "store.sqlite")
        prepare(path)
        assert.throws(() => openStoreDatabase(path), code(problem))
      })
    })
  }
})
