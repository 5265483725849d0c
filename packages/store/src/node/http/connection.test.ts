/** Reading from servers that break off, stall, have too much to do or point elsewhere. */
import assert from "node:assert/strict"
import type { ServerResponse } from "node:http"
import { describe, test } from "node:test"
import { zstdCompressSync } from "node:zlib"
import { exampleStorePath } from "../../testing/path-info-service.ts"
import { directory, file, noise } from "../../testing/trees.ts"
import { openBinaryCache } from "./open.ts"
import { cacheServer, publish, serveFile, tagOf } from "./testing/cache-server.ts"
import { asked, emptyHome, key, open, problem, server, tree, trusted, waits } from "./testing/reader.ts"

describe("connections that break", () => {
  /** Sends `bytes` from `at` on, up to `to`, and then nothing more, as if there were more. */
  function cut(bytes: Uint8Array, to: number): (at: number) => (response: ServerResponse) => void {
    return (at) => (response) => {
      response.writeHead(at === 0 ? 200 : 206, {
        etag: tagOf(bytes),
        "content-length": bytes.length - at,
        ...(at > 0 && { "content-range": `bytes ${at}-${bytes.length - 1}/${bytes.length}` }),
      })
      response.write(bytes.subarray(at, to), () => response.destroy())
    }
  }
  const fromOf = (range: string | undefined): number => Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0)

  test("a download goes on where it was", async () => {
    const { pathInfo, nar, narPath } = await publish(server.files, tree, "x", { key })
    server.answers.set(narPath, (request, response, nth) => {
      if (nth < 4) cut(nar, nth * 100_000)(fromOf(request.headers.range))(response)
      else serveFile(server.files, request, response)
    })
    assert.deepEqual(await open().pathInfos.get(pathInfo.storePath.digest), pathInfo)
    const ranges = server.requests.filter(({ url }) => url === narPath).map(({ headers }) => headers.range)
    assert.deepEqual(ranges, [undefined, "bytes=100000-", "bytes=200000-", "bytes=300000-"])
    assert.equal(server.requests.at(-1)!.headers["if-range"], tagOf(nar))
  })

  test("a server that knows no ranges sends everything again, of which the beginning is passed over", async () => {
    const { pathInfo, nar, narPath } = await publish(server.files, tree, "x", {
      key,
      compression: "zstd",
      compress: zstdCompressSync,
    })
    const sent = server.files.get(narPath)!
    assert.notEqual(sent.length, nar.length)
    server.answers.set(narPath, (_, response, nth) => {
      response.writeHead(200, { "content-length": sent.length })
      if (nth < 3) response.write(sent.subarray(0, 70_000 * nth), () => response.destroy())
      else response.end(sent)
    })
    assert.deepEqual(await open().pathInfos.get(pathInfo.storePath.digest), pathInfo)
    assert.equal(asked(narPath), 3)
  })

  test("a file that is another by then is noticed", async () => {
    const { pathInfo, nar, narPath } = await publish(server.files, tree, "x", { key })
    server.answers.set(narPath, (request, response, nth) => {
      if (nth === 1) {
        cut(nar, 100_000)(0)(response)
        return
      }
      server.files.set(narPath, nar.with(200_000, nar[200_000]! ^ 1))
      serveFile(server.files, request, response)
    })
    await assert.rejects(open().pathInfos.get(pathInfo.storePath.digest), problem("corrupt", /another SHA-256/))
  })

  test("a server that sends another part than was asked for is not believed", async () => {
    const { pathInfo, nar, narPath } = await publish(server.files, tree, "x", { key })
    server.answers.set(narPath, (_, response, nth) => {
      if (nth === 1) {
        cut(nar, 100_000)(0)(response)
        return
      }
      response.writeHead(206, { "content-range": `bytes 0-${nar.length - 1}/${nar.length}` }).end(nar)
    })
    await assert.rejects(open().pathInfos.get(pathInfo.storePath.digest), problem("corrupt", /another part/))
  })

  test("there is an end to it where nothing gets on, and none where it does", async () => {
    const { pathInfo, nar, narPath } = await publish(server.files, directory({ a: file(noise(2_000_000)) }), "x", {
      key,
    })
    server.answers.set(narPath, (request, response) => cut(nar, 100_000)(fromOf(request.headers.range))(response))
    await assert.rejects(
      open(`${trusted}&attempts=3`).pathInfos.get(pathInfo.storePath.digest),
      problem("unavailable", /3 attempts/),
    )
    server.answers.set(narPath, (request, response) => {
      const from = fromOf(request.headers.range)
      cut(nar, Math.min(from + 100_000, nar.length))(from)(response)
    })
    assert.deepEqual(await open(`${trusted}&attempts=3`).pathInfos.get(pathInfo.storePath.digest), pathInfo)
  })

  test("a narinfo whose connection breaks is asked for again", async () => {
    const { pathInfo, infoPath } = await publish(server.files, tree, "x", { key })
    server.answers.set(infoPath, (request, response, nth) => {
      if (nth === 1) request.socket.destroy()
      else if (nth === 2) {
        response.writeHead(200, { "content-length": 10_000 }).write("x", () => response.destroy())
      } else serveFile(server.files, request, response)
    })
    await open().pathInfos.describe(pathInfo.storePath.digest)
    assert.equal(asked(infoPath), 3)
  })

  for (const status of [408, 429, 500, 502, 503, 504]) {
    test(`${status} is asked again, after longer and longer`, async () => {
      const { pathInfo, infoPath } = await publish(server.files, tree, "x", { key })
      server.answers.set(infoPath, (request, response, nth) => {
        if (nth < 4) response.writeHead(status).end()
        else serveFile(server.files, request, response)
      })
      await open(`${trusted}&attempts=4`).pathInfos.describe(pathInfo.storePath.digest)
      assert.deepEqual(waits, [250, 500, 1000])
      server.answers.set(infoPath, (_, response) => response.writeHead(status).end())
      await assert.rejects(
        open(`${trusted}&attempts=2`).pathInfos.describe(pathInfo.storePath.digest),
        problem("unavailable", new RegExp(`GET http://127.*narinfo: the server answers ${status}.*\\(2 attempts\\)`)),
      )
    })
  }

  for (const [retryAfter, wait] of [
    ["7", 7000],
    ["0", 250],
    ["nonsense", 250],
  ] as const) {
    test(`a server that says Retry-After: ${retryAfter}`, async () => {
      const { pathInfo, infoPath } = await publish(server.files, tree, "x", { key })
      server.answers.set(infoPath, (request, response, nth) => {
        if (nth === 1) response.writeHead(503, { "retry-after": retryAfter }).end()
        else serveFile(server.files, request, response)
      })
      await open().pathInfos.describe(pathInfo.storePath.digest)
      assert.deepEqual(waits, [wait])
    })
  }

  test("a server that wants to be left alone for an hour is", async () => {
    const { pathInfo, infoPath } = await publish(server.files, tree, "x", { key })
    server.answers.set(infoPath, (_, response) => response.writeHead(429, { "retry-after": "3600" }).end())
    await assert.rejects(open().pathInfos.describe(pathInfo.storePath.digest), problem("unavailable", /429/))
    assert.equal(asked(infoPath), 1)
  })

  test("a server that does not end what nobody wants loses the connection, which others wait for", async () => {
    const { pathInfo } = await publish(server.files, tree, "x", { key })
    const { digest } = exampleStorePath("absent")
    server.answers.set(`/${digest}.narinfo`, (_, response) => {
      response.writeHead(404, { "content-length": 10 }).flushHeaders()
    })
    const { pathInfos } = open(`${trusted}&connections=1`)
    assert.equal(await pathInfos.describe(digest), undefined)
    assert.ok((await pathInfos.describe(pathInfo.storePath.digest)) !== undefined)
  })

  test("nobody there", async () => {
    const { address } = server
    await server.close()
    const store = openBinaryCache(`${address}?${trusted}&attempts=2`, undefined, {
      env: { HOME: emptyHome },
      wait: async (ms) => void waits.push(ms),
    })
    await assert.rejects(
      store.pathInfos.describe(exampleStorePath("x").digest),
      problem("unavailable", /ECONNREFUSED.*2 attempts/),
    )
    await store.close()
  })

  test("a server that says nothing, or next to nothing", async () => {
    const { pathInfo, infoPath, narPath, nar } = await publish(server.files, tree, "x", { key })
    const settings = { stalledTimeoutMs: 150, attemptsMax: 2 }
    server.answers.set(infoPath, () => {})
    await assert.rejects(
      open(trusted, settings).pathInfos.describe(pathInfo.storePath.digest),
      problem("unavailable", /does not answer/),
    )
    server.answers.delete(infoPath)
    const trickles: NodeJS.Timeout[] = []
    server.answers.set(narPath, (_, response) => {
      response.writeHead(200, { "content-length": nar.length })
      // 20 bytes a second, as long as anybody waits.
      let at = 0
      const trickle = setInterval(() => response.write(nar.subarray(at, ++at)), 50)
      trickles.push(trickle)
      response.on("close", () => clearInterval(trickle))
    })
    await assert.rejects(
      open(trusted, settings).pathInfos.get(pathInfo.storePath.digest),
      problem("unavailable", /next to nothing/),
    )
    for (const trickle of trickles) clearInterval(trickle)
  })
})

describe("redirects", () => {
  test("are followed, and nobody else is told the token", async () => {
    const { pathInfo, narPath, infoPath } = await publish(server.files, tree, "x", { key })
    const other = await cacheServer()
    try {
      other.files.set("/elsewhere", server.files.get(narPath)!)
      server.answers.set(narPath, (_, response) =>
        response.writeHead(302, { location: `${other.url}/elsewhere` }).end(),
      )
      server.answers.set(infoPath, (_, response) => response.writeHead(307, { location: "/moved" }).end())
      server.files.set("/moved", server.files.get(infoPath)!)
      const store = open(`${trusted}&token-env=MY_TOKEN`, { env: { HOME: emptyHome, MY_TOKEN: "s3cret" } })
      assert.deepEqual(await store.pathInfos.get(pathInfo.storePath.digest), pathInfo)
      assert.deepEqual([...new Set(server.requests.map(({ headers }) => headers.authorization))], ["Bearer s3cret"])
      assert.deepEqual(
        other.requests.map(({ headers }) => headers.authorization),
        [undefined],
      )
    } finally {
      await other.close()
    }
  })
  for (const [hosts, other] of [
    ["none", "http"],
    ["https", "http"],
    ["none", "https"],
  ] as const) {
    test(`with other-hosts=${hosts}, neither they nor narinfos lead to another by ${other}`, async () => {
      const elsewhere = `${other}://127.0.0.1:1/elsewhere`
      const { pathInfo, narPath } = await publish(server.files, tree, "x", { key })
      const { digest } = pathInfo.storePath
      const store = open(`${trusted}&other-hosts=${hosts}`)
      server.answers.set(narPath, (_, response) => response.writeHead(302, { location: elsewhere }).end())
      await assert.rejects(store.pathInfos.get(digest), problem("corrupt", /redirect/))
      server.answers.set(narPath, (_, response) => response.writeHead(302, { location: "/moved" }).end())
      server.files.set("/moved", server.files.get(narPath)!)
      assert.deepEqual(await store.pathInfos.get(digest), pathInfo)
      const led = await publish(server.files, tree, "y", { key, change: (info) => ({ ...info, url: elsewhere }) })
      await assert.rejects(store.pathInfos.get(led.pathInfo.storePath.digest), problem("corrupt", /no address for/))
    })
  }

  test("with other-hosts=https, they lead to another by https", async () => {
    const { pathInfo, narPath } = await publish(server.files, tree, "x", { key })
    const location = "https://127.0.0.1:1/elsewhere"
    server.answers.set(narPath, (_, response) => response.writeHead(302, { location }).end())
    // Nobody is there, which is found out by asking.
    const asking = open(`${trusted}&other-hosts=https`).pathInfos.get(pathInfo.storePath.digest)
    await assert.rejects(asking, problem("unavailable"))
  })

  for (const [name, location] of [
    ["in circles", "/nix-cache-info"],
    ["to files of the reader", "file:///etc/passwd"],
    ["to nowhere", "http://"],
  ] as const) {
    test(`are not followed ${name}`, async () => {
      server.answers.set("/nix-cache-info", (_, response) => response.writeHead(302, { location }).end())
      await assert.rejects(open().pathInfos.describe(exampleStorePath("x").digest), problem("corrupt", /redirect/))
      assert.ok(server.asked.length <= 12)
    })
  }
})
