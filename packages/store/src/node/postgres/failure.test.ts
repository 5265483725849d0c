/** What several servers do to each other, and what a database does to them. */
import assert from "node:assert/strict"
import { after, describe, test } from "node:test"
import { CastoreError, directoryDigest, type Directory } from "@tvix-ts/castore"
import { PostgresDatabase, postgresDirectoryService, type PostgresOptions } from "@tvix-ts/castore/node"
import { examplePathInfo } from "../../testing/path-info-service.ts"
import { startServices } from "../../testing/services.ts"
import { postgresOptions } from "./address.ts"
import { postgresPathInfoService } from "./path-infos.ts"

const services = await startServices("postgres")
after(() => services.stop())
const { postgres } = services

let schemas = 0

/** Servers that share what nobody has used before. */
function servers(count: number, changes: Partial<PostgresOptions> = {}) {
  assert.ok(postgres?.missing === undefined)
  const url = new URL(`${postgres!.address}&schema=failure_${schemas++}`)
  const options = postgresOptions(url, (reason) => assert.fail(reason))
  return Array.from({ length: count }, () => {
    const database = new PostgresDatabase({ ...options, ...changes })
    return {
      database,
      directories: postgresDirectoryService(database),
      pathInfos: postgresPathInfoService(database),
    }
  })
}

async function close(opened: ReturnType<typeof servers>): Promise<void> {
  for (const { directories, pathInfos } of opened) {
    await directories.close()
    await pathInfos.close()
  }
}

/** Trees that have much in common: one for each number. */
function treeOf(i: number): readonly Directory[] {
  const leaf: Directory = { entries: [["link", { type: "symlink", target: `${i % 7}` }]] }
  const root: Directory = {
    entries: [
      ["leaf", { type: "directory", digest: directoryDigest(leaf), size: 1 }],
      ["number", { type: "symlink", target: `${i}` }],
    ],
  }
  return [leaf, root]
}

function isProblem(code: CastoreError["problem"]["code"], message: RegExp) {
  return (error: unknown): true => {
    assert.ok(error instanceof CastoreError, String(error))
    assert.equal(error.problem.code, code, error.message)
    assert.match(error.message, message)
    return true
  }
}

describe("PostgreSQL", { skip: postgres?.missing ?? false }, () => {
  test("servers that begin together make the tables once", async () => {
    const opened = servers(6)
    const pathInfo = examplePathInfo("first")
    await Promise.all(opened.map(({ pathInfos }) => pathInfos.put(pathInfo)))
    await Promise.all(opened.map(({ directories }) => directories.put({ entries: [] })))
    for (const { pathInfos } of opened) assert.ok(await pathInfos.get(pathInfo.storePath.digest))
    await close(opened)
  })

  test("no signature is lost between servers", async () => {
    const opened = servers(4)
    const put = (i: number): Promise<unknown> => {
      const signatures = [{ name: `key-${i}`, bytes: new Uint8Array(64).fill(i) }]
      const pathInfo = examplePathInfo("signed", { signatures })
      const { pathInfos } = opened[i % 4]!
      return i % 3 === 0 ? pathInfos.putMany([pathInfo]) : pathInfos.put(pathInfo)
    }
    await Promise.all(Array.from({ length: 60 }, (_, i) => put(i)))
    const { digest } = examplePathInfo("signed").storePath
    assert.equal((await opened[0]!.pathInfos.get(digest))?.signatures.length, 60)
    await close(opened)
  })

  test("servers that put the same in other orders do not wait for each other for ever", async () => {
    const opened = servers(4)
    const many = Array.from({ length: 1200 }, (_, i) => examplePathInfo(`${i}`))
    await Promise.all(
      opened.map(({ pathInfos }, i) =>
        pathInfos.putMany(many.toSorted((a, b) => ((a.narSize * i) % 5) - ((b.narSize * i) % 5))),
      ),
    )
    const puts = opened.flatMap(({ directories }, s) =>
      Array.from({ length: 30 }, async (_, i) => {
        const putter = directories.putMultiple()
        for (const directory of treeOf((i * (s + 1)) % 30)) await putter.put(directory)
        await putter.close()
      }),
    )
    await Promise.all(puts)
    assert.equal((await Array.fromAsync(opened[0]!.pathInfos.list())).length, 1200)
    await close(opened)
  })

  test("what was promised before a restart is there after it, and who was at work goes on", async () => {
    const opened = servers(2)
    const promised: string[] = []
    const trees: Directory[] = []
    const restarts = { done: false }
    const working = opened.map(async ({ pathInfos, directories }, s) => {
      for (let i = s; !restarts.done || i < 40; i += 2) {
        const pathInfo = examplePathInfo(`restart ${i}`)
        await pathInfos.put(pathInfo)
        promised.push(pathInfo.storePath.digest)
        const putter = directories.putMultiple()
        for (const directory of treeOf(i)) await putter.put(directory)
        await putter.close()
        trees.push(treeOf(i)[1]!)
        assert.ok(await pathInfos.get(pathInfo.storePath.digest))
      }
    })
    for (let i = 0; i < 2; i++) await services.restart("postgres")
    restarts.done = true
    await Promise.all(working)
    const [{ pathInfos, directories }] = opened as [(typeof opened)[0]]
    for (const digest of promised) assert.ok(await pathInfos.get(digest))
    for (const tree of trees) {
      assert.equal((await Array.fromAsync(directories.getRecursive(directoryDigest(tree)))).length, 2)
    }
    await close(opened)
  })

  test("a server that is not there is waited for, and then given up", async () => {
    const [gone] = servers(1, { host: "/nowhere", attempts: 2, password: async () => "a secret" })
    await assert.rejects(gone!.pathInfos.put(examplePathInfo("x")), (error) => {
      assert.doesNotMatch(String((error as Error).stack), /a secret/)
      return isProblem("unavailable", /^PostgreSQL database 'postgres' at \/nowhere: .*ENOENT/)(error)
    })
    await close([gone!])
  })

  test("a user whom the server does not know", async () => {
    const [other] = servers(1, { user: "stranger" })
    await assert.rejects(
      other!.pathInfos.get("0".repeat(32)),
      isProblem("unavailable", /role "stranger" does not exist/),
    )
    await close([other!])
  })

  test("tables of a later version are left alone", async () => {
    const [first, second] = servers(2)
    await first!.pathInfos.put(examplePathInfo("x"))
    await first!.database.write(`UPDATE ${first!.database.table("versions")} SET version = 99`, [], {})
    await assert.rejects(
      second!.pathInfos.get("0".repeat(32)),
      isProblem("invalid", /for store have version 99, and we know 1/),
    )
    await close([first!, second!])
  })

  test("what is damaged is not given to anybody, and can be put again", async () => {
    const [one] = servers(1)
    const { database, directories, pathInfos } = one!
    const pathInfo = examplePathInfo("x")
    const { digest } = pathInfo.storePath
    await pathInfos.put(pathInfo)
    const [, tree] = treeOf(1)
    await directories.put(tree!)
    for (const data of ["'\\x00'::bytea", "''::bytea", "data || '\\x00'::bytea"]) {
      for (const table of ["path_infos", "directories"]) {
        await database.write(`UPDATE ${database.table(table)} SET data = ${data}`, [], {})
      }
      await assert.rejects(pathInfos.get(digest), isProblem("corrupt", /^path info .* is damaged/))
      await assert.rejects(Array.fromAsync(pathInfos.list()), isProblem("corrupt", /^path info .* is damaged/))
      const root = directoryDigest(tree!)
      await assert.rejects(directories.get(root), isProblem("corrupt", /^directory b3:.* is damaged/))
      await assert.rejects(Array.fromAsync(directories.getRecursive(root)), isProblem("corrupt", /is damaged/))
      await pathInfos.put(pathInfo)
      assert.ok(await pathInfos.get(digest))
    }
    await close([one!])
  })

  test("a statement that takes too long is ended", async () => {
    const [one] = servers(1, { timeoutMs: 200 })
    await assert.rejects(
      one!.database.read("SELECT pg_sleep(600)", [], {}),
      isProblem("unavailable", /statement timeout/),
    )
    await one!.pathInfos.put(examplePathInfo("x"))
    await close([one!])
  })

  test("reading ends when nobody wants it any more", async () => {
    const [one] = servers(1, { timeoutMs: 200 })
    const controller = new AbortController()
    const sleeping = one!.database.read("SELECT pg_sleep(600)", [], { signal: controller.signal })
    controller.abort(new Error("enough"))
    await assert.rejects(sleeping, /enough/)
    await close([one!])
  })
})
