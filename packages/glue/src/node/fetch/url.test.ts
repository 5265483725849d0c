import assert from "node:assert/strict"
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, describe, test } from "node:test"
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib"
import { byteStringOf, encodeHex } from "@tvix-ts/bytes"
import { hexDigest } from "@tvix-ts/hash"
import { memoryStore, type Store } from "@tvix-ts/store"
import { FetchError } from "../../fetch/problem.ts"
import { FetchCache } from "./cache.ts"
import { nodeFetcher, type NodeFetcher } from "./fetcher.ts"
import type { FetchProgress, NodeFetcherOptions } from "./options.ts"
import { tagged, testServer, type TestServer } from "./testing/server.ts"

let folder: string
let server: TestServer
let store: Store
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "fetch-"))
  store = memoryStore()
  server = await testServer({
    "/a": (_, response) => response.end("hello"),
    "/tagged": tagged("hello"),
    "/dated": (request, response) => {
      const date = "Thu, 01 Jan 2026 00:00:00 GMT"
      if (request.headers["if-modified-since"] === date) response.writeHead(304).end()
      else response.writeHead(200, { "last-modified": date }).end("hello")
    },
    // It does not look at what we have.
    "/ignorant": (_, response) => response.writeHead(200, { etag: '"v1"' }).end("hello"),
    "/changes": (_, response, nth) => response.end(`hello ${nth}`),
    "/gzip": (_, response) => response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("hello")),
    "/deflate": (_, response) => response.writeHead(200, { "content-encoding": "deflate" }).end(deflateSync("hello")),
    "/br": (_, response) => response.writeHead(200, { "content-encoding": "br" }).end(brotliCompressSync("hello")),
    "/zstd": (_, response) => response.writeHead(200, { "content-encoding": "zstd" }).end(zstdCompressSync("hello")),
    "/twice": (_, response) =>
      response.writeHead(200, { "content-encoding": "br, gzip" }).end(gzipSync(brotliCompressSync("hello"))),
    "/encoded": (_, response) =>
      response.writeHead(200, { "content-encoding": "gzip, ".repeat(6) }).end("does not matter"),
    "/strange": (_, response) => response.writeHead(200, { "content-encoding": "rot13" }).end("uryyb"),
    "/lying": (_, response) => response.writeHead(200, { "content-encoding": "gzip" }).end("hello"),
    "/moved": (_, response) => response.writeHead(302, { location: "/a" }).end(),
    "/circle": (_, response) => response.writeHead(301, { location: "/circle" }).end(),
    "/to-file": (_, response) => response.writeHead(302, { location: "file:///etc/passwd" }).end(),
    "/to-nothing": (_, response) => response.writeHead(302, { location: "http://[" }).end(),
    "/unasked": (_, response) => response.writeHead(304).end(),
    "/forbidden": (_, response) => response.writeHead(403).end(),
    "/teapot": (_, response) => response.writeHead(418).end(),
    "/busy": (_, response, nth) => (nth < 3 ? response.writeHead(503).end() : response.end("hello")),
    "/down": (_, response) => response.writeHead(500).end(),
    "/unimplemented": (_, response) => response.writeHead(501).end(),
    "/truncated": (request, response, nth) => {
      if (nth > 1) return response.end("hello")
      response.writeHead(200, { "content-length": "10" })
      return response.write("hello", () => request.socket.destroy())
    },
    "/always-truncated": (request, response) => {
      response.writeHead(200, { "content-length": "10" })
      response.write("hello", () => request.socket.destroy())
    },
    "/no-answer": (request) => request.socket.destroy(),
    "/silent": () => {},
    "/stalled": (_, response) => response.writeHead(200, { "content-length": "10" }).write("hello"),
    "/large": (_, response) => response.end("x".repeat(100_000)),
    "/bomb": (_, response) =>
      response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("x".repeat(100_000))),
    "/login": (request, response) =>
      request.headers.authorization === `Basic ${btoa("me:s3cret")}`
        ? response.end("hello")
        : response.writeHead(401).end(),
  })
})
after(async () => {
  await server.close()
  await store.close()
  rmSync(folder, { recursive: true })
})

const HELLO = "3l41b48w4vk3d4g7q5raj8fgyn0vqix"
const quick: Partial<NodeFetcherOptions> = { retryMs: 1, attemptsMax: 3 }

/** Fetches with a fetcher of its own, and a cache of its own unless one is named. */
async function withFetcher<T>(
  options: Partial<NodeFetcherOptions>,
  work: (fetcher: NodeFetcher) => Promise<T>,
): Promise<T> {
  const cacheFolder = options.cacheFolder ?? mkdtempSync(join(folder, "cache-"))
  const fetcher = nodeFetcher({ store: async () => store, cacheFolder, ...quick, ...options })
  try {
    return await work(fetcher)
  } finally {
    fetcher.close()
  }
}
function fetched(path: string, options: Partial<NodeFetcherOptions> = {}): Promise<string> {
  return withFetcher(options, async (fetcher) => {
    const { path: stored, hash } = await fetcher.file({ url: server.url + path, name: "f.txt" })
    if (stored.includes(HELLO)) assert.equal(encodeHex(hash.digest), hexDigest("sha256", "hello"))
    return stored
  })
}
function times(path: string): number {
  return server.asked.filter((asked) => asked === path).length
}

describe("a file", () => {
  for (const path of ["/a", "/gzip", "/deflate", "/br", "/zstd", "/twice", "/moved"]) {
    test(path, async () => {
      // What C++ Nix 2.34.8 makes of it.
      assert.equal(await fetched(path), "/nix/store/h3l41b48w4vk3d4g7q5raj8fgyn0vqix-f.txt")
    })
  }

  test("the contents are in the store, and the path refers to nothing", async () => {
    await fetched("/a")
    const info = (await store.pathInfos.get("h3l41b48w4vk3d4g7q5raj8fgyn0vqix"))!
    assert.deepEqual(info.references, [])
    assert.equal(info.contentAddress?.method, "flat")
    assert.equal(info.node.type, "file")
    if (info.node.type !== "file") return
    let contents = ""
    for await (const piece of (await store.blobs.read(info.node.digest))!) contents += new TextDecoder().decode(piece)
    assert.equal(contents, "hello")
  })

  test("how far it is, is told", async () => {
    const told: FetchProgress[] = []
    await fetched("/large", { onProgress: (progress) => told.push(progress) })
    assert.equal(told.at(-1)?.finished, true)
    assert.equal(told.at(-1)?.done, 100_000)
    assert.ok(told.every(({ activity }) => activity === `downloading '${server.url}/large'`))
  })
})

const PROBLEMS: readonly {
  path: string
  message: RegExp
  asked: number
  options?: Partial<NodeFetcherOptions>
}[] = [
  { path: "/nothing", message: /unable to download 'http:\/\/127\.0\.0\.1:[0-9]+\/nothing': HTTP error 404$/, asked: 1 },
  { path: "/unasked", message: /HTTP error 304$/, asked: 1 },
  { path: "/forbidden", message: /HTTP error 403$/, asked: 1 },
  { path: "/teapot", message: /HTTP error 418$/, asked: 1 },
  { path: "/unimplemented", message: /HTTP error 501$/, asked: 1 },
  { path: "/down", message: /HTTP error 500$/, asked: 3 },
  { path: "/always-truncated", message: /Transferred a partial file \(18\) end of response with 5 bytes missing/, asked: 3 },
  { path: "/no-answer", message: /Server returned nothing \(no headers, no data\) \(52\)/, asked: 3 },
  { path: "/silent", message: /Timeout was reached \(28\)/, asked: 3, options: { stalledTimeoutMs: 30 } },
  { path: "/stalled", message: /\((?:18|28)\)/, asked: 3, options: { stalledTimeoutMs: 30 } },
  { path: "/circle", message: /Number of redirects hit maximum amount \(47\) Maximum \(10\) redirects followed/, asked: 11 },
  { path: "/to-file", message: /redirected to a 'file:' address/, asked: 1 },
  { path: "/to-nothing", message: /'http:\/\/\[' is not a valid URL/, asked: 1 },
  { path: "/strange", message: /\(61\) Unrecognized content encoding type: rot13/, asked: 1 },
  { path: "/encoded", message: /\(61\) Reject response due to more than 5 content encodings/, asked: 1 },
  { path: "/lying", message: /\(61\)/, asked: 1 },
  { path: "/large", message: /it has more than 1000 bytes/, asked: 1, options: { bytesMax: 1000 } },
  { path: "/bomb", message: /it has more than 1000 bytes/, asked: 1, options: { bytesMax: 1000 } },
] // prettier-ignore
describe("refused", () => {
  for (const { path, message, asked, options } of PROBLEMS) {
    test(`${path}, after ${asked}`, async () => {
      const before = times(path)
      await assert.rejects(
        fetched(path, options),
        (error) => error instanceof FetchError && message.test(error.message),
      )
      assert.equal(times(path) - before, asked)
    })
  }
  test("nobody listens", async () => {
    const closed = await testServer({})
    await closed.close()
    const asked = withFetcher({}, (fetcher) => fetcher.file({ url: `${closed.url}/a`, name: "a" }))
    await assert.rejects(asked, /Could not connect to server \(7\) Failed to connect to 127\.0\.0\.1:/)
  })
  for (const { url, message } of [
    { url: "a", message: /URL 'a' doesn't have a scheme/ },
    { url: "git://x/y", message: /Unsupported protocol \(1\) Protocol "git" not supported/ },
    { url: "file:///does/not/exist", message: /Could not read a file:\/\/ file \(37\)/ },
    { url: "file://host/x", message: /has unexpected authority 'host'/ },
    { url: "file:///", message: /Could not read a file:\/\/ file \(37\) Could not open file \/$/ },
    { url: "file:///dev/null", message: /Could not open file \/dev\/null$/ },
    { url: "http://x/%zz", message: /not a valid URL/ },
    { url: "http://me:%zz@x/", message: /^'http:\/\/x\/' is not a valid URL$/ },
  ]) {
    test(url, async () => {
      await assert.rejects(
        withFetcher({}, (fetcher) => fetcher.file({ url, name: "a" })),
        (error) => error instanceof FetchError && message.test(error.message),
      )
    })
  }
})

test("what may pass is asked for again, with a warning each time", async () => {
  const warnings: string[] = []
  assert.match(await fetched("/busy", { onWarning: (message) => warnings.push(message) }), /f\.txt$/)
  assert.deepEqual(
    warnings.map((warning) => warning.replace(/^.*?'; |^.*': /, "").replace(/[0-9]+ ms/, "N ms")),
    ["HTTP error 503; retrying in N ms (attempt 1/3)", "HTTP error 503; retrying in N ms (attempt 2/3)"],
  )
  assert.match(await fetched("/truncated"), /f\.txt$/)
})

describe("what is known of an address", () => {
  test("is not asked for again, also by another process", async () => {
    const cacheFolder = mkdtempSync(join(folder, "cache-"))
    const first = await fetched("/changes", { cacheFolder })
    assert.equal(await fetched("/changes", { cacheFolder }), first)
    assert.notEqual(await fetched("/changes"), first)
  })
  for (const path of ["/tagged", "/dated", "/ignorant"]) {
    test(`${path}: after a while, only whether it has changed`, async () => {
      const cacheFolder = mkdtempSync(join(folder, "cache-"))
      const options = { cacheFolder, tarballTtl: 0 }
      const before = times(path)
      const first = await fetched(path, options)
      assert.equal(await fetched(path, options), first)
      assert.equal(times(path) - before, 2)
    })
  }
  test("is better than nothing", async () => {
    const cacheFolder = mkdtempSync(join(folder, "cache-"))
    const passing = await testServer({ "/a": tagged("hello") })
    const request = { url: `${passing.url}/a`, name: "f.txt" }
    const options = { cacheFolder, tarballTtl: 0 }
    const first = await withFetcher(options, (fetcher) => fetcher.file(request))
    await passing.close()
    const warnings: string[] = []
    const second = await withFetcher({ ...options, onWarning: (message) => warnings.push(message) }, (fetcher) =>
      fetcher.file(request),
    )
    assert.equal(second.path, first.path)
    assert.match(warnings.at(-1)!, /; using cached version$/)
  })
  test("is of no use if the store has lost it", async () => {
    const cacheFolder = mkdtempSync(join(folder, "cache-"))
    const first = await fetched("/a", { cacheFolder })
    const other = memoryStore()
    const before = times("/a")
    assert.equal(await fetched("/a", { cacheFolder, store: async () => other }), first)
    assert.equal(times("/a") - before, 1)
    await other.close()
  })
  test("a cache that is damaged is begun anew", async () => {
    const cacheFolder = mkdtempSync(join(folder, "cache-"))
    const first = await fetched("/a", { cacheFolder })
    writeFileSync(join(cacheFolder, "fetch.sqlite"), "rubbish".repeat(1000))
    for (const suffix of ["-wal", "-shm"]) rmSync(join(cacheFolder, `fetch.sqlite${suffix}`), { force: true })
    assert.equal(await fetched("/a", { cacheFolder }), first)
    assert.ok(readFileSync(join(cacheFolder, "fetch.sqlite"), "latin1").startsWith("SQLite"))
  })
  test("values that are none of ours do not count", async () => {
    const cacheFolder = mkdtempSync(join(folder, "cache-"))
    for (const value of ["{", null, [], { path: 1 }, { path: "/etc/passwd" }]) {
      const cache = new FetchCache(cacheFolder, assert.fail)
      cache.put("file", `f.txt ${server.url}/a`, value)
      cache.close()
      const before = times("/a")
      assert.match(await fetched("/a", { cacheFolder }), /f\.txt$/)
      assert.equal(times("/a") - before, 1)
    }
  })
  test("rows that are damaged do not count", async () => {
    const cacheFolder = mkdtempSync(join(folder, "cache-"))
    const first = await fetched("/changes", { cacheFolder })
    const { DatabaseSync } = await import("node:sqlite")
    const database = new DatabaseSync(join(cacheFolder, "fetch.sqlite"))
    database.exec("UPDATE known SET value = replace(value, 'f.txt', 'g.txt')")
    database.close()
    assert.notEqual(await fetched("/changes", { cacheFolder }), first)
  })
  test("another process that writes for long is not waited for, and loses nothing", async () => {
    const cacheFolder = mkdtempSync(join(folder, "cache-"))
    const first = await fetched("/changes", { cacheFolder })
    const { DatabaseSync } = await import("node:sqlite")
    const database = new DatabaseSync(join(cacheFolder, "fetch.sqlite"))
    database.exec("BEGIN IMMEDIATE")
    assert.match(await fetched("/a", { cacheFolder, onWarning: assert.fail }), /f\.txt$/)
    database.exec("ROLLBACK")
    database.close()
    assert.equal(await fetched("/changes", { cacheFolder }), first)
  })
  test("a cache that cannot be is told of, once", async () => {
    const cacheFolder = join(folder, "no-folder")
    writeFileSync(cacheFolder, "")
    const warnings: string[] = []
    const options = { cacheFolder, onWarning: (message: string) => warnings.push(message) }
    assert.match(await fetched("/a", options), /f\.txt$/)
    assert.deepEqual(
      warnings.map((warning) => warning.replace(/: E.*/, "")),
      [`the cache of what was fetched, in '${cacheFolder}', cannot be used`],
    )
  })
  test("is for nobody else's eyes", { skip: process.platform === "win32" }, async () => {
    const cacheFolder = join(folder, "private")
    await fetched("/a", { cacheFolder })
    assert.equal(statSync(cacheFolder).mode & 0o777, 0o700)
  })
  test("without a folder, fetching works all the same", async () => {
    const fetcher = nodeFetcher({ store: async () => store, ...quick })
    assert.match((await fetcher.file({ url: `${server.url}/a`, name: "f.txt" })).path, /f\.txt$/)
    fetcher.close()
  })
})

describe("names and passwords", () => {
  test("come from the address, or from a file", async () => {
    const url = server.url.replace("http://", "http://me:s3cret@")
    await withFetcher({}, (fetcher) => fetcher.file({ url: `${url}/login`, name: "x" }))
    const netrcFile = join(folder, "netrc")
    writeFileSync(netrcFile, "machine 127.0.0.1 login me password s3cret\n")
    assert.match(await fetched("/login", { netrcFile }), /f\.txt$/)
    await assert.rejects(fetched("/login"), /HTTP error 401/)
    await assert.rejects(fetched("/login", { netrcFile: join(folder, "no-netrc") }), /HTTP error 401/)
  })
  test("in a file that cannot be read are told to be missing", async () => {
    const warnings: string[] = []
    const options = { netrcFile: folder, onWarning: (message: string) => warnings.push(message) }
    await assert.rejects(fetched("/login", options), /HTTP error 401/)
    assert.deepEqual(
      warnings.map((warning) => warning.replace(/: E.*/, "")),
      [`reading '${folder}'`],
    )
  })
  test("are in no message, no progress and no cache", async () => {
    const cacheFolder = mkdtempSync(join(folder, "cache-"))
    const url = server.url.replace("http://", "http://me:s3cret@")
    const said: string[] = []
    const options = {
      cacheFolder,
      onProgress: ({ activity }: FetchProgress) => said.push(activity),
      onWarning: (message: string) => said.push(message),
    }
    await withFetcher(options, (fetcher) => fetcher.file({ url: `${url}/login`, name: "x" }))
    for (const path of ["/down", "/nothing", "/always-truncated", "/to-file"]) {
      await withFetcher(options, (fetcher) => fetcher.file({ url: url + path, name: "x" })).catch((error: Error) =>
        said.push(error.message),
      )
    }
    for (const suffix of ["", "-wal"]) {
      try {
        said.push(readFileSync(join(cacheFolder, `fetch.sqlite${suffix}`), "latin1"))
      } catch {
        // There need not be a log.
      }
    }
    assert.ok(said.length > 5)
    assert.ok(said.every((text) => !text.includes("s3cret")))
  })
  test("are not for others that an address leads to", async () => {
    let seen: string | undefined = "none"
    const other = await testServer({
      "/x": (request, response) => {
        seen = request.headers.authorization
        response.end("x")
      },
    })
    const first = await testServer({
      "/x": (_, response) => response.writeHead(302, { location: `${other.url}/x` }).end(),
    })
    const url = `${first.url.replace("http://", "http://me:s3cret@")}/x`
    await withFetcher({}, (fetcher) => fetcher.file({ url, name: "x" }))
    assert.equal(seen, undefined)
    await first.close()
    await other.close()
  })
})

test("a file of this machine, with a name that is not UTF-8", async () => {
  const path = Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff])])
  writeFileSync(path, "hello")
  const url = byteStringOf(`file://${folder}/%FF`)
  const { path: stored } = await withFetcher({}, (fetcher) => fetcher.file({ url, name: "f.txt" }))
  assert.equal(stored, "/nix/store/h3l41b48w4vk3d4g7q5raj8fgyn0vqix-f.txt")
})
