/** Putting paths into binary caches, and copying closures out of them and into them. */
import assert from "node:assert/strict"
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, afterEach, beforeEach, describe, test } from "node:test"
import { byteStringFrom, concat, equal, utf8 } from "@tvix-ts/bytes"
import { CastoreError } from "@tvix-ts/castore"
import { hash } from "@tvix-ts/hash"
import {
  contentAddressPath,
  fingerprint,
  formatPublicKey,
  parseNarInfo,
  parseStorePath,
  SecretKey,
  type ContentAddress,
  type StorePath,
} from "@tvix-ts/nix-compat"
import { copyPaths, type CopyProgress } from "../../copy/copy.ts"
import { storeTree } from "../../import.ts"
import type { PathInfo } from "../../path-info/path-info.ts"
import { memoryStore, type Store } from "../../store.ts"
import { directory, file, narOf, noise, produce, symlink, type Tree } from "../../testing/trees.ts"
import { decompress, isCompression } from "../decompress.ts"
import { openBinaryCache, type BinaryCacheSettings } from "./open.ts"
import { cacheServer, publish, serveFile, type Answer, type CacheServer } from "./testing/cache-server.ts"

const key = await SecretKey.generate("test-1")
const trusted = `trusted-public-keys=${formatPublicKey(key.publicKey)}`
const tree = directory({ bin: directory({ run: file("#!/bin/sh\n", true) }), link: symlink("bin") })
const dir = mkdtempSync(join(tmpdir(), "tvix-http-"))
after(() => rmSync(dir, { recursive: true }))

let server: CacheServer
const stores: Store[] = []
beforeEach(async () => {
  server = await cacheServer()
})
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close()
  await server.close()
})

function open(address: string, settings: BinaryCacheSettings = {}, near: Store = memoryStore()): Store {
  const store = openBinaryCache(address, near, { env: { HOME: dir }, wait: async () => {}, ...settings })
  stores.push(store)
  return store
}
const openServer = (options = trusted, settings: BinaryCacheSettings = {}, near?: Store): Store =>
  open(`${server.address}?${options}`, settings, near)

/** Adds a signed path to `store`. */
async function add(store: Store, contents: Tree, name: string, references: readonly StorePath[] = []) {
  const { contentAddress: _, ...stored } = await storeTree((sink) => produce(contents, sink), store, { name })
  const unsigned: PathInfo = { ...stored, references: references.toSorted((a, b) => (a.digest < b.digest ? -1 : 1)) }
  return store.pathInfos.put({ ...unsigned, signatures: [await key.sign(fingerprint(unsigned))] })
}

function problem(code: string, message: RegExp = /./) {
  return (error: unknown): true => {
    assert.ok(error instanceof CastoreError, String(error))
    assert.equal(error.problem.code, code, error.message)
    assert.match(error.message, message)
    return true
  }
}

const puts = (): readonly string[] => server.asked.filter((line) => line.startsWith("PUT "))
const headersOf = (method: string): (string | undefined)[] => [
  ...new Set(
    server.requests.filter((request) => request.method === method).map(({ headers }) => headers.authorization),
  ),
]

describe("put", () => {
  for (const compression of ["zstd", "none", "br", "gzip", "xz"]) {
    test(`the archive compressed with ${compression}, then the narinfo, for everybody to read`, async () => {
      const near = memoryStore()
      const pathInfo = await add(near, directory({ tree, big: file(noise(1_500_000)) }), "x")
      await openServer(`compression=${compression}`, {}, near).pathInfos.put(pathInfo)
      const infoPath = `/${pathInfo.storePath.digest}.narinfo`
      const narInfo = parseNarInfo(byteStringFrom(server.files.get(infoPath)!))
      assert.deepEqual(puts(), [`PUT /${narInfo.url}`, `PUT ${infoPath}`])
      assert.equal(narInfo.compression, compression)
      assert.ok(isCompression(compression))
      const sent = server.files.get(`/${narInfo.url}`)!
      assert.equal(narInfo.fileSize, sent.length)
      const unpacked = decompress(
        (async function* () {
          yield sent
        })(),
        compression,
      )
      const nar = await narOf(directory({ tree, big: file(noise(1_500_000)) }))
      assert.ok(equal(concat(await Array.fromAsync(unpacked, (piece) => piece.slice())), nar))
      const reader = openServer()
      assert.deepEqual(await reader.pathInfos.get(pathInfo.storePath.digest), pathInfo)
    })
  }

  test("what is there is not sent again; signatures are added to those that are there", async () => {
    const near = memoryStore()
    const pathInfo = await add(near, tree, "x")
    await openServer(trusted, {}, near).pathInfos.put(pathInfo)
    const before = puts().length
    await openServer(trusted, {}, near).pathInfos.put(pathInfo)
    assert.equal(puts().length, before)
    const other = await SecretKey.generate("other-1")
    const signature = await other.sign(fingerprint(pathInfo))
    const merged = await openServer(trusted, {}, near).pathInfos.put({ ...pathInfo, signatures: [signature] })
    assert.deepEqual(
      merged.signatures.map(({ name }) => name),
      ["other-1", "test-1"],
    )
    assert.deepEqual(puts().slice(before), [`PUT /${pathInfo.storePath.digest}.narinfo`])
    assert.equal((await openServer().pathInfos.describe(pathInfo.storePath.digest))?.signatures.length, 2)
  })

  test("an empty folder becomes a binary cache", async () => {
    server.files.clear()
    const near = memoryStore()
    await openServer("", {}, near).pathInfos.put(await add(near, tree, "x"))
    assert.equal(byteStringFrom(server.files.get("/nix-cache-info")!), "StoreDir: /nix/store\n")
  })

  test("a path that was not there a moment ago is there", async () => {
    const near = memoryStore()
    const pathInfo = await add(near, tree, "x")
    const store = openServer(trusted, {}, near)
    assert.equal(await store.pathInfos.describe(pathInfo.storePath.digest), undefined)
    await store.pathInfos.put(pathInfo)
    assert.ok(await store.pathInfos.describe(pathInfo.storePath.digest))
  })

  for (const [name, lie] of [
    ["size", (pathInfo: PathInfo) => ({ ...pathInfo, narSize: pathInfo.narSize + 8 })],
    ["hash", (pathInfo: PathInfo) => ({ ...pathInfo, narHash: new Uint8Array(32) })],
  ] as const) {
    test(`a tree whose archive has another ${name} is not put, small or large`, async () => {
      for (const contents of [tree, directory({ big: file(noise(3_000_000)) })]) {
        const near = memoryStore()
        const pathInfo = await add(near, contents, "x")
        const store = openServer("compression=none", {}, near)
        await assert.rejects(store.pathInfos.put(lie(pathInfo)), problem("corrupt", /another than its path info/))
        assert.deepEqual([...server.files.keys()], ["/nix-cache-info"])
      }
    })
  }

  test("servers that have too much to do are sent it again, from the beginning", async () => {
    const near = memoryStore()
    const pathInfo = await add(near, directory({ big: file(noise(3_000_000)) }), "x")
    const busy: Answer = (request, response, nth) => {
      if (request.method !== "PUT" || nth > 2) serveFile(server.files, request, response)
      else if (nth === 1) response.writeHead(503).end()
      else request.once("data", () => request.socket.destroy())
    }
    server.answers.get = (path: string) => (path.startsWith("/nar/") ? busy : undefined)
    await openServer("compression=none", {}, near).pathInfos.put(pathInfo)
    assert.equal(puts().filter((line) => line.startsWith("PUT /nar/")).length, 3)
    assert.deepEqual(await openServer().pathInfos.get(pathInfo.storePath.digest), pathInfo)
  })

  for (const [name, contents] of [
    ["small", tree],
    ["large", directory({ big: file(noise(40_000_000)) })],
  ] as const) {
    test(`a server that does not let us: ${name}`, async () => {
      const near = memoryStore()
      const pathInfo = await add(near, contents, "x")
      server.answers.get = (path: string) =>
        path.startsWith("/nar/")
          ? (_, response) => response.writeHead(401, { connection: "close" }).end("no")
          : undefined
      const settings = { env: { HOME: dir, TVIX_CACHE_TOKEN: "s3cret" } }
      await assert.rejects(openServer("compression=none", settings, near).pathInfos.put(pathInfo), (error) => {
        // It may have hung up before we had read why.
        assert.ok(
          error instanceof CastoreError && ["invalid", "unavailable"].includes(error.problem.code),
          String(error),
        )
        assert.doesNotMatch(String(error), /s3cret/)
        return true
      })
      assert.equal(server.files.has(`/${pathInfo.storePath.digest}.narinfo`), false)
    })
  }
})

test("what a server says about a path that it does not want is repeated, without what it does to terminals", async () => {
  const near = memoryStore()
  const pathInfo = await add(near, tree, "x")
  for (const [body, said] of [
    [
      "the path is signed by nobody\x1b[2J\nand more",
      /answers 422 Unprocessable Entity: the path is signed by nobody\[2J$/,
    ],
    ["<html><title>No</title>", /answers 422 Unprocessable Entity$/],
    ["y".repeat(1000), /Entity: y{200}$/],
  ] as const) {
    server.answers.get = (path: string) =>
      path.endsWith(".narinfo")
        ? (request, response) => response.writeHead(request.method === "PUT" ? 422 : 404).end(body)
        : undefined
    await assert.rejects(openServer("", {}, near).pathInfos.put(pathInfo), problem("invalid", said))
  }
})

test("a server that knows no HEAD is asked for the whole", async () => {
  const near = memoryStore()
  const pathInfo = await add(near, tree, "x")
  server.answers.get = () => (request, response) => {
    if (request.method === "HEAD") response.writeHead(405).end()
    else serveFile(server.files, request, response)
  }
  assert.equal((await copyPaths([pathInfo.storePath], near, openServer(""))).length, 1)
  assert.equal((await copyPaths([pathInfo.storePath], near, openServer(""))).length, 0)
})

describe("who we are", () => {
  const tokenFile = join(dir, "token")
  writeFileSync(tokenFile, "from-a-file\n")
  const netrc = join(dir, "netrc")
  writeFileSync(netrc, "machine 127.0.0.1 login me password s3cret\n")
  const home = join(dir, "home")
  mkdirSync(home)
  writeFileSync(join(home, ".netrc"), "default login anybody password x\n")
  const TOLD: readonly [
    name: string,
    options: string,
    env: Record<string, string>,
    put: string | undefined,
    get: string | undefined,
  ][] = [
    ["nothing", "", {}, undefined, undefined],
    ["a token in a file", `token-file=${tokenFile}`, {}, "Bearer from-a-file", "Bearer from-a-file"],
    ["a token in a variable", "token-env=MINE", { MINE: "abc" }, "Bearer abc", "Bearer abc"],
    ["the token for pushing", "", { TVIX_CACHE_TOKEN: "push" }, "Bearer push", undefined],
    ["name and password", `netrc-file=${netrc}`, {}, `Basic ${btoa("me:s3cret")}`, `Basic ${btoa("me:s3cret")}`],
    ["those of $NETRC", "", { NETRC: netrc }, `Basic ${btoa("me:s3cret")}`, `Basic ${btoa("me:s3cret")}`],
    ["those of ~/.netrc", "", { HOME: home }, `Basic ${btoa("anybody:x")}`, `Basic ${btoa("anybody:x")}`],
  ]
  for (const [name, options, env, put, get] of TOLD) {
    test(`is told with ${name}`, async () => {
      const near = memoryStore()
      const pathInfo = await add(near, tree, "x")
      await openServer(options, { env: { HOME: dir, ...env } }, near).pathInfos.put(pathInfo)
      assert.deepEqual(headersOf("PUT"), [put])
      assert.deepEqual(headersOf("GET"), [get])
    })
  }
  for (const [name, options, env, reason] of [
    ["a file that is not there", "token-file=/no/such/file", {}, /'\/no\/such\/file'/],
    ["a variable that is not set", "token-env=MINE", {}, /\$MINE: there is no token/],
    ["two lines", "token-env=MINE", { MINE: "s3cret\r\nX-Evil: 1" }, /\$MINE: what is in it is no token/],
    ["a netrc that is not there", "netrc-file=/no/such/file", {}, /'\/no\/such\/file'/],
  ] as const) {
    test(`is not told with ${name}`, async () => {
      const store = openServer(options, { env: { HOME: dir, ...env } })
      const putting = store.pathInfos.has(["0".repeat(32)])
      await assert.rejects(putting, (error) => problem("invalid", reason)(error) && !String(error).includes("s3cret"))
    })
  }
})

describe("copyPaths", () => {
  /** A closure of `count` paths, each of which refers to some of those before it. */
  async function closure(store: Store, count: number): Promise<readonly PathInfo[]> {
    const all: PathInfo[] = []
    for (let i = 0; i < count; i++) {
      const references = [all[i - 1], all[i >> 1], all[i - 7]].flatMap((one) => one?.storePath ?? [])
      const unique = [...new Map(references.map((path) => [path.digest, path])).values()]
      all.push(await add(store, directory({ [`f${i}`]: file(`${i}`), common: tree }), `p${i}`, unique))
    }
    return all
  }

  test("a closure into a cache and out of it, each archive once, references first", async () => {
    const from = memoryStore()
    const all = await closure(from, 60)
    const root = all.at(-1)!.storePath
    const copied = await copyPaths([root], from, openServer(""))
    assert.equal(copied.length, 60)
    const order = puts().filter((line) => line.endsWith(".narinfo"))
    assert.equal(order.length, 60)
    for (const { storePath, references } of all) {
      const place = (path: StorePath): number => order.indexOf(`PUT /${path.digest}.narinfo`)
      for (const reference of references) assert.ok(place(reference) < place(storePath))
    }
    assert.deepEqual(await copyPaths([root], from, openServer("")), [], "nothing is left to do")
    const to = memoryStore()
    const progress: CopyProgress[] = []
    server.asked.length = 0
    await copyPaths([root], openServer(), to, { onProgress: (now) => progress.push({ ...now }) })
    for (const pathInfo of all) assert.deepEqual(await to.pathInfos.get(pathInfo.storePath.digest), pathInfo)
    assert.equal(server.asked.length, 1 + 60 + 60)
    assert.equal(new Set(server.asked).size, server.asked.length)
    const { current: _, ...last } = progress.at(-1)!
    const bytes = all.reduce((sum, { narSize }) => sum + narSize, 0)
    const expected = { found: 60, pathsTotal: 60, paths: 60, narBytesTotal: bytes, narBytes: bytes }
    assert.deepEqual(last, { ...expected, bytesCopied: bytes, bytesThere: 0 })
  })

  test("a narinfo waits for those of all that it refers to", async () => {
    const from = memoryStore()
    const reference = await add(from, directory({ a: file("first") }), "reference")
    const top = await add(from, directory({ b: file("second") }), "top", [reference.storePath])
    const narInfo = (pathInfo: PathInfo): string => `/${pathInfo.storePath.digest}.narinfo`
    const topArchived = Promise.withResolvers<void>()
    const nars: string[] = []
    server.answers.get = (path: string) => (request, response) => {
      if (!path.startsWith("/nar/")) return serveFile(server.files, request, response)
      nars.push(path)
      // The archive of the reference is taken only when that of what refers to it is there.
      response.on("finish", () => nars.length > 1 && path === nars[1] && topArchived.resolve())
      if (path === nars[0])
        void topArchived.promise.then(() => setImmediate(() => serveFile(server.files, request, response)))
      else serveFile(server.files, request, response)
    }
    await copyPaths([top.storePath], from, openServer(""))
    assert.deepEqual(
      puts().filter((line) => line.endsWith(".narinfo")),
      [`PUT ${narInfo(reference)}`, `PUT ${narInfo(top)}`],
    )
  })

  test("goes on where it was cut off", async () => {
    const from = memoryStore()
    const all = await closure(from, 30)
    const root = all.at(-1)!.storePath
    await copyPaths([root], from, openServer(""))
    const narInfo = server.files.get(`/${all[20]!.storePath.digest}.narinfo`)!
    const narPath = `/${parseNarInfo(byteStringFrom(narInfo)).url}`
    server.answers.set(narPath, (_, response) => response.writeHead(404).end())
    const to = memoryStore()
    await assert.rejects(copyPaths([root], openServer(), to), problem("missing", /nar/))
    const there = await Array.fromAsync(to.pathInfos.list())
    assert.ok(there.length > 0 && there.length < 30)
    server.answers.clear()
    const rest = await copyPaths([root], openServer(), to)
    assert.equal(rest.length, 30 - there.length)
  })

  test("only what is signed by those who are asked for, from any store", async () => {
    const from = memoryStore()
    const good = await add(from, tree, "x")
    const other = await SecretKey.generate("other-1")
    const options = { trusted: [key.publicKey] }
    assert.equal((await copyPaths([good.storePath], from, memoryStore(), options)).length, 1)
    const bad = copyPaths([good.storePath], from, memoryStore(), { trusted: [other.publicKey] })
    await assert.rejects(bad, problem("corrupt", /signed by 'test-1', trusted are 'other-1'/))
  })

  for (const target of ["a store", "a cache"]) {
    test(`contents that are to speak for themselves, and do not, come to ${target} not`, async () => {
      const from = memoryStore()
      const { signatures: _, ...other } = await add(from, file("other"), "x")
      const hashOf = (text: string): ContentAddress["hash"] => ({
        algorithm: "sha256",
        digest: hash("sha256", utf8(text)),
      })
      const all = ["other", "this"].map((text) => {
        const contentAddress: ContentAddress = { method: "flat", hash: hashOf(text) }
        const path = contentAddressPath("x", contentAddress, { others: [], self: false })
        return { ...other, storePath: parseStorePath(path), contentAddress, signatures: [] }
      })
      await from.pathInfos.putMany(all)
      const to = target === "a store" ? memoryStore() : open(`nix+file://${join(dir, "speaking")}?${trusted}`)
      const [good, bad] = all.map(({ storePath }) => storePath)
      const options = { trusted: [key.publicKey] }
      assert.equal((await copyPaths([good!], from, to, options)).length, 1)
      await assert.rejects(
        copyPaths([bad!], from, to, options),
        problem("corrupt", /another hash than its content address/),
      )
    })
  }

  test("from one cache to another", async () => {
    const { pathInfo } = await publish(server.files, tree, "x", { key })
    const folder = join(dir, "copied")
    await copyPaths([pathInfo.storePath], openServer(), open(`nix+file://${folder}`))
    assert.deepEqual(await open(`nix+file://${folder}?${trusted}`).pathInfos.get(pathInfo.storePath.digest), pathInfo)
  })
})

describe("a cache in a folder", () => {
  test("is written and read, and nothing unfinished is left in it", async () => {
    const folder = join(dir, "folder with space")
    const address = `nix+file://${encodeURI(folder)}?${trusted}`
    const from = memoryStore()
    const pathInfo = await add(from, tree, "x")
    await copyPaths([pathInfo.storePath], from, open(address))
    assert.equal(readdirSync(folder, { recursive: true }).length, 4)
    const bad = { ...(await add(from, tree, "y")), narHash: new Uint8Array(32) }
    await assert.rejects(open(address, {}, from).pathInfos.put(bad), problem("corrupt"))
    assert.equal(readdirSync(folder, { recursive: true }).length, 4)
    assert.deepEqual(await open(address).pathInfos.get(pathInfo.storePath.digest), pathInfo)
  })

  for (const url of ["../secret", "nar/../../secret", "/etc/passwd", "nar//x", "http://example.org/x"]) {
    test(`leads nowhere else: ${url}`, async () => {
      const folder = mkdtempSync(join(dir, "folder-"))
      writeFileSync(join(dir, "secret"), "secret")
      const files = new Map<string, Uint8Array>([["/nix-cache-info", utf8("StoreDir: /nix/store\n")]])
      const { pathInfo } = await publish(files, tree, "x", { key, change: (info) => ({ ...info, url }) })
      for (const [path, bytes] of files) if (!path.includes("/nar/")) writeFileSync(join(folder, path), bytes)
      const getting = open(`nix+file://${folder}?${trusted}`).pathInfos.get(pathInfo.storePath.digest)
      await assert.rejects(getting, problem("corrupt", /not below it/))
    })
  }
})
