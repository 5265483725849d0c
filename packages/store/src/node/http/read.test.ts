/** Reading from binary caches that are as they should be, and from others. */
import assert from "node:assert/strict"
import { existsSync, readdirSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, test } from "node:test"
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib"
import { byteStringFrom, bytesOf, concat, utf8 } from "@tvix-ts/bytes"
import { hash } from "@tvix-ts/hash"
import { fingerprint, formatNarInfo, formatPublicKey, SecretKey, type NarInfo } from "@tvix-ts/nix-compat"
import { firstOf } from "../../http/first-of.ts"
import { cacheStore, memoryStore } from "../../store.ts"
import { exampleStorePath } from "../../testing/path-info-service.ts"
import { directory, file, noise } from "../../testing/trees.ts"
import { openBinaryCache } from "./open.ts"
import { cacheServer, publish, serveFile, type Published } from "./testing/cache-server.ts"
import { asked, emptyHome, key, open, problem, server, stores, tree, trusted } from "./testing/reader.ts"

const otherKey = await SecretKey.generate("other-1")

describe("describe", () => {
  test("asks for the narinfo, once, and not for the archive", async () => {
    const { pathInfo, infoPath } = await publish(server.files, tree, "x", { key })
    const store = open()
    const { node: _, ...description } = pathInfo
    for (let i = 0; i < 3; i++) assert.deepEqual(await store.pathInfos.describe(pathInfo.storePath.digest), description)
    assert.deepEqual(server.asked.toSorted(), [`GET ${infoPath}`, "GET /nix-cache-info"])
  })

  test("many at once are asked for once", async () => {
    const { pathInfo, infoPath } = await publish(server.files, tree, "x", { key })
    const store = open()
    await Promise.all(Array.from({ length: 50 }, () => store.pathInfos.describe(pathInfo.storePath.digest)))
    assert.equal(asked(infoPath), 1)
  })

  for (const status of [403, 404, 410]) {
    test(`what is answered with ${status} is not there, for a while`, async () => {
      let now = 0
      const store = open(`${trusted}&negative-ttl=10`, { now: () => now })
      const path = exampleStorePath("x")
      const narinfo = `/${path.digest}.narinfo`
      server.answers.set(narinfo, (_, response) => response.writeHead(status).end())
      assert.equal(await store.pathInfos.describe(path.digest), undefined)
      now = 9999
      assert.equal(await store.pathInfos.get(path.digest), undefined)
      assert.equal(asked(narinfo), 1)
      now = 10_000
      assert.equal(await store.pathInfos.describe(path.digest), undefined)
      assert.equal(asked(narinfo), 2)
    })
  }

  for (const [encoding, encode] of [
    ["gzip", gzipSync],
    ["br", brotliCompressSync],
    ["zstd", zstdCompressSync],
  ] as const) {
    test(`narinfos encoded with ${encoding}`, async () => {
      const { pathInfo, infoPath } = await publish(server.files, tree, "x", { key })
      server.answers.set(infoPath, (_, response) => {
        response.writeHead(200, { "content-encoding": encoding }).end(encode(server.files.get(infoPath)!))
      })
      assert.equal((await open().pathInfos.describe(pathInfo.storePath.digest))?.narSize, pathInfo.narSize)
    })
  }

  test("of signatures, those that are looked at", async () => {
    const junk = Array.from({ length: 10_000 }, (_, i) => ({ name: `zzz-${i}`, bytes: new Uint8Array(64) }))
    const change = (info: NarInfo): NarInfo => ({ ...info, signatures: [...info.signatures, ...junk] })
    const { pathInfo } = await publish(server.files, tree, "x", { key, change })
    const { digest } = pathInfo.storePath
    assert.equal((await open().pathInfos.describe(digest))?.signatures.length, 64)
    assert.deepEqual((await open().pathInfos.get(digest))?.signatures[0], pathInfo.signatures[0])
  })

  test("what nobody has signed may not say of itself that it is as large as it likes", async () => {
    for (const [name, narSize, options, there] of [
      ["a", 2 ** 36, {}, true],
      ["b", 2 ** 36 + 8, {}, false],
      ["c", 2 ** 53 - 8, { key }, true],
    ] as const) {
      const change = async (info: NarInfo): Promise<NarInfo> => {
        const changed = { ...info, narSize }
        const signatures = "key" in options ? [await key.sign(fingerprint(changed))] : []
        return { ...changed, signatures }
      }
      // oxlint-disable no-await-in-loop -- one after the other
      const { infoPath, narInfo } = await publish(server.files, tree, name, { contentAddressed: true })
      server.files.set(infoPath, bytesOf(formatNarInfo(await change(narInfo))))
      const described = open().pathInfos.describe(narInfo.storePath.digest)
      if (there) assert.equal((await described)?.narSize, narSize)
      else await assert.rejects(described, problem("corrupt", /signed by nobody/))
      // oxlint-enable no-await-in-loop
    }
  })

  /** What somebody may do to a narinfo who does not have the key. */
  const ALTERED: readonly [name: string, change: (info: NarInfo) => NarInfo, reason?: RegExp][] = [
    ["another name", (info) => ({ ...info, storePath: { ...info.storePath, name: "y" } })],
    ["another path", (info) => ({ ...info, storePath: exampleStorePath("other") }), /it is of '/],
    ["another hash", (info) => ({ ...info, narHash: info.narHash.with(0, info.narHash[0]! ^ 1) })],
    ["another size", (info) => ({ ...info, narSize: info.narSize + 8 })],
    ["a reference more", (info) => ({ ...info, references: [exampleStorePath("more")] })],
    ["a reference less", (info) => ({ ...info, references: [] })],
    ["no signature", (info) => ({ ...info, signatures: [] }), /signed by nobody, trusted are 'test-1'/],
    [
      "a damaged signature",
      (info) => ({ ...info, signatures: [{ name: "test-1", bytes: info.signatures[0]!.bytes.with(5, 0) }] }),
    ],
    [
      "the signature under another name",
      (info) => ({ ...info, signatures: [{ ...info.signatures[0]!, name: "evil-1" }] }),
      /signed by 'evil-1'/,
    ],
    [
      "a content address that is not that of the path",
      (info) => ({
        ...info,
        signatures: [],
        contentAddress: { method: "nar", hash: { algorithm: "sha256", digest: new Uint8Array(32) } },
      }),
    ],
  ]
  for (const [name, change, reason = /no signature by a trusted key holds/] of ALTERED) {
    test(`refuses a narinfo with ${name}`, async () => {
      const references = name === "a reference less" ? [exampleStorePath("one")] : []
      const { pathInfo } = await publish(server.files, tree, "x", { key, references, change })
      const store = open()
      await assert.rejects(store.pathInfos.describe(pathInfo.storePath.digest), problem("corrupt", reason))
      await assert.rejects(store.pathInfos.get(pathInfo.storePath.digest), problem("corrupt", reason))
      assert.equal(
        server.asked.some((line) => line.includes("/nar/")),
        false,
      )
    })
  }

  test("refuses what is signed with a key of the same name", async () => {
    const impostor = await SecretKey.generate("test-1")
    const { pathInfo } = await publish(server.files, tree, "x", { key: impostor })
    await assert.rejects(open().pathInfos.describe(pathInfo.storePath.digest), problem("corrupt"))
  })

  const MALFORMED: readonly [name: string, text: (good: string) => string | Uint8Array][] = [
    ["nothing", () => ""],
    ["no lines", () => "hello"],
    ["a web page", () => "<html>please log in</html>\n"],
    ["a field twice", (good) => good.replace(/(NarSize: .*\n)/, "$1$1")],
    ["no URL", (good) => good.replace(/URL: .*\n/, "")],
    ["a size that is none", (good) => good.replace(/NarSize: .*/, "NarSize: -1")],
    [
      "a hash of another kind",
      (good) => good.replace(/NarHash: sha256:.*/, "NarHash: md5:d41d8cd98f00b204e9800998ecf8427e"),
    ],
    ["too many bytes", (good) => good + `Comment: ${"x".repeat(2 ** 20)}\n`],
    ["half of it", (good) => good.slice(0, good.length >> 1)],
    ["a path elsewhere", (good) => good.replace("/nix/store", "/gnu/store")],
  ]
  for (const [name, text] of MALFORMED) {
    test(`refuses a narinfo that is ${name}`, async () => {
      const { pathInfo, infoPath } = await publish(server.files, tree, "x", { key })
      const bytes = text(byteStringFrom(server.files.get(infoPath)!))
      server.files.set(infoPath, typeof bytes === "string" ? bytesOf(bytes) : bytes)
      await assert.rejects(
        open().pathInfos.describe(pathInfo.storePath.digest),
        problem("corrupt", /\.narinfo is damaged/),
      )
    })
  }

  test("a narinfo that unpacks to gigabytes is given up early", async () => {
    const { pathInfo, infoPath } = await publish(server.files, tree, "x", { key })
    const bomb = gzipSync(new Uint8Array(50_000_000))
    server.answers.set(infoPath, (_, response) => response.writeHead(200, { "content-encoding": "gzip" }).end(bomb))
    await assert.rejects(
      open().pathInfos.describe(pathInfo.storePath.digest),
      problem("corrupt", /more than 1048576 bytes/),
    )
  })

  test("unsigned, but content-addressed", async () => {
    const { pathInfo } = await publish(server.files, tree, "x", { contentAddressed: true })
    assert.deepEqual(await open().pathInfos.get(pathInfo.storePath.digest), pathInfo)
  })

  test("unsigned, with an archive that has another hash than its content address", async () => {
    const change = (info: NarInfo): NarInfo => ({ ...info, narHash: new Uint8Array(32) })
    const { pathInfo } = await publish(server.files, tree, "x", { contentAddressed: true, change })
    await assert.rejects(open().pathInfos.describe(pathInfo.storePath.digest), problem("corrupt", /signed by nobody/))
  })

  test("unsigned, if that is wanted; nothing, if nothing was said", async () => {
    const { pathInfo } = await publish(server.files, tree, "x")
    assert.deepEqual(await open("require-signatures=false").pathInfos.get(pathInfo.storePath.digest), pathInfo)
    await assert.rejects(open("").pathInfos.describe(pathInfo.storePath.digest), problem("invalid", /whose signatures/))
  })

  test("one of several keys is enough, and one of several signatures", async () => {
    const { pathInfo } = await publish(server.files, tree, "x", {
      key,
      change: (info) => ({ ...info, signatures: [{ name: "a", bytes: new Uint8Array(64) }, ...info.signatures] }),
    })
    const keys = `trusted-public-keys=${formatPublicKey(otherKey.publicKey)}%20${formatPublicKey(key.publicKey)}`
    assert.equal((await open(keys).pathInfos.describe(pathInfo.storePath.digest))?.signatures.length, 2)
  })

  test("what is no binary cache, or one of other paths", async () => {
    server.files.clear()
    const { digest } = exampleStorePath("x")
    await assert.rejects(open().pathInfos.describe(digest), problem("invalid", /does not appear to be one/))
    server.files.set("/nix-cache-info", utf8("StoreDir: /gnu/store\n"))
    await assert.rejects(open().pathInfos.describe(digest), problem("corrupt", /'\/gnu\/store'/))
  })

  test("list is not possible", async () => {
    await assert.rejects(Array.fromAsync(open().pathInfos.list()), problem("invalid", /does not say which it has/))
  })
})

describe("get", () => {
  test("of what was fetched before, says what the narinfo says now; another archive is fetched", async () => {
    let now = 0
    const store = open(trusted, { now: () => now }, "none")
    const first = await publish(server.files, file("first"), "x", { key })
    const { digest } = first.pathInfo.storePath
    assert.deepEqual(await store.pathInfos.get(digest), first.pathInfo)
    const signature = await otherKey.sign(fingerprint(first.pathInfo))
    const signatures = [...first.narInfo.signatures, signature]
    server.files.set(first.infoPath, bytesOf(formatNarInfo({ ...first.narInfo, signatures })))
    now += 3_600_000
    assert.equal((await store.pathInfos.get(digest))?.signatures.length, 2)
    assert.equal(asked(first.narPath), 1)
    const other = await publish(server.files, file("other"), "y")
    const changed = { ...other.narInfo, storePath: first.pathInfo.storePath, url: "nar/other.nar" }
    server.files.set("/nar/other.nar", other.nar)
    const signed = { ...changed, signatures: [await key.sign(fingerprint(changed))] }
    server.files.set(first.infoPath, bytesOf(formatNarInfo(signed)))
    now += 3_600_000
    const { node, ...description } = (await store.pathInfos.get(digest))!
    assert.deepEqual(description, await store.pathInfos.describe(digest))
    assert.deepEqual(node, other.pathInfo.node)
  })

  const COMPRESS: Readonly<Record<string, (nar: Uint8Array) => Uint8Array>> = {
    none: (nar) => nar,
    zstd: zstdCompressSync,
    br: brotliCompressSync,
    gzip: gzipSync,
  }
  for (const [compression, compress] of Object.entries(COMPRESS)) {
    test(`downloads, checks and takes apart what is compressed with ${compression}`, async () => {
      const { pathInfo, narPath } = await publish(server.files, tree, "x", { key, compression, compress })
      const store = open(trusted, {}, "none")
      assert.deepEqual(await store.pathInfos.get(pathInfo.storePath.digest), pathInfo)
      const { narSize, narHash } = await store.nar.calculate(pathInfo.node)
      assert.deepEqual({ narSize, narHash }, { narSize: pathInfo.narSize, narHash: pathInfo.narHash })
      await store.pathInfos.get(pathInfo.storePath.digest)
      assert.equal(asked(narPath), 1)
    })
  }

  test("without FileHash and FileSize, with a URL that has a query, on a path", async () => {
    const { pathInfo, narPath, narInfo } = await publish(server.files, tree, "x", { key })
    const { fileHash: _, fileSize: __, ...rest } = narInfo
    server.files.set("/sub/nix-cache-info", server.files.get("/nix-cache-info")!)
    const text = formatNarInfo({ ...rest, url: `${narInfo.url}?hash=1` })
    server.files.set(`/sub/${pathInfo.storePath.digest}.narinfo`, bytesOf(text))
    server.files.set(`/sub${narPath}?hash=1`, server.files.get(narPath)!)
    const store = openBinaryCache(`${server.address}/sub?${trusted}`, undefined, { env: { HOME: emptyHome } })
    stores.push(store)
    assert.deepEqual(await store.pathInfos.get(pathInfo.storePath.digest), pathInfo)
  })

  type Damage = (published: Published) => void
  const zeros = directory({ a: file(new Uint8Array(100_000)) })
  const DAMAGED: readonly [name: string, damage: Damage, reason: RegExp, code?: string][] = [
    ["other bytes", ({ narPath, nar }) => server.files.set(narPath, nar.with(5000, nar[5000]! ^ 1)), /another SHA-256/],
    ["what is cut off", ({ narPath, nar }) => server.files.set(narPath, nar.slice(0, -100)), /bytes, not/],
    ["what goes on", ({ narPath, nar }) => server.files.set(narPath, concat([nar, nar])), /more than/],
    ["what is no archive", ({ narPath, nar }) => server.files.set(narPath, noise(nar.length)), /is damaged/],
    ["what is not there", ({ narPath }) => server.files.delete(narPath), /is not in the store/, "missing"],
  ]
  for (const [name, damage, reason, code = "corrupt"] of DAMAGED) {
    test(`refuses ${name}, and leaves nothing behind`, async () => {
      const published = await publish(server.files, tree, "x", { key })
      damage(published)
      const near = memoryStore()
      const store = open(trusted, {}, near)
      await assert.rejects(store.pathInfos.get(published.pathInfo.storePath.digest), problem(code, reason))
      const { node } = published.pathInfo
      assert.ok(node.type === "directory")
      assert.equal(await near.directories.get(node.digest), undefined)
      // The next one is told of what is there by then.
      server.files.set(published.narPath, published.nar)
      assert.deepEqual(await store.pathInfos.get(published.pathInfo.storePath.digest), published.pathInfo)
      assert.equal(asked(published.infoPath), 2)
    })
  }

  test("refuses another archive, of which the narinfo says all but what is signed", async () => {
    const { pathInfo, nar, narPath } = await publish(new Map(), tree, "x", { key })
    const other = nar.with(5000, nar[5000]! ^ 1)
    const change = (info: NarInfo): NarInfo => ({ ...info, fileHash: hash("sha256", other), fileSize: other.length })
    await publish(server.files, tree, "x", { key, change })
    server.files.set(narPath, other)
    const near = memoryStore()
    const getting = open(trusted, {}, near).pathInfos.get(pathInfo.storePath.digest)
    await assert.rejects(getting, problem("corrupt", /the archive has another SHA-256 than it should have/))
    assert.ok(pathInfo.node.type === "directory")
    assert.equal(await near.directories.get(pathInfo.node.digest), undefined)
  })

  const LIES: readonly [name: string, change: (info: NarInfo) => NarInfo, reason: RegExp][] = [
    ["FileHash", (info) => ({ ...info, fileHash: new Uint8Array(32) }), /another SHA-256 than its narinfo/],
    ["FileSize, too small", (info) => ({ ...info, fileSize: 100 }), /more than the 100 bytes/],
    ["FileSize, too large", (info) => ({ ...info, fileSize: info.fileSize! + 1 }), /bytes, not/],
    ["Compression", (info) => ({ ...info, compression: "zstd" }), /damaged zstd data/],
    ["Compression nobody knows", (info) => ({ ...info, compression: "lzip" }), /'lzip', which is not supported/],
    ["URL to elsewhere", (info) => ({ ...info, url: "ftp://example.org/x" }), /no address for an archive/],
    ["URL with a password", (info) => ({ ...info, url: "http://me:secret@127.0.0.1/x" }), /no address for an archive/],
  ]
  for (const [name, change, reason] of LIES) {
    test(`refuses what a narinfo says, unsigned as it is: ${name}`, async () => {
      const { pathInfo } = await publish(server.files, tree, "x", { key, change })
      await assert.rejects(open().pathInfos.get(pathInfo.storePath.digest), problem("corrupt", reason))
    })
  }

  test("bombs go off in bounded room: no more than the archive's size comes out", async () => {
    const bomb = zstdCompressSync(concat([new Uint8Array(8), new Uint8Array(200_000_000)]))
    const { pathInfo, narPath } = await publish(server.files, zeros, "x", {
      key,
      compression: "zstd",
      compress: () => bomb,
    })
    assert.equal(server.files.get(narPath), bomb)
    await assert.rejects(open().pathInfos.get(pathInfo.storePath.digest), problem("corrupt"))
  })

  test("an archive of too many files is given up before it is in memory", async () => {
    const { pathInfo } = await publish(server.files, tree, "x", { key })
    const { digest } = pathInfo.storePath
    await assert.rejects(
      open(trusted, { entriesMax: 3 }).pathInfos.get(digest),
      problem("corrupt", /more than 3 files/),
    )
    assert.deepEqual(await open(trusted, { entriesMax: 4 }).pathInfos.get(digest), pathInfo)
  })

  test("what could not be downloaded takes no room", async () => {
    const claim = (narSize: number) => publish(server.files, tree, "x", { change: (info) => ({ ...info, narSize }) })
    const { pathInfos } = open("require-signatures=false", {}, "none")
    const { digest } = (await claim(10 * 2 ** 30)).pathInfo.storePath
    for (let i = 0; i < 3; i++) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await assert.rejects(pathInfos.get(digest), problem("corrupt"))
    }
    await claim(17 * 2 ** 30)
    await assert.rejects(pathInfos.get(digest), problem("full", /temporary folder/))
  })

  test("a path that is content-addressed, but is other contents", async () => {
    const digest = new Uint8Array(32)
    const { pathInfo } = await publish(server.files, file("x"), "x", {
      key,
      change: (info) => ({ ...info, contentAddress: { method: "flat", hash: { algorithm: "sha256", digest } } }),
    })
    await assert.rejects(open().pathInfos.get(pathInfo.storePath.digest), problem("corrupt", /content address says/))
  })

  test("many who want the same wait for one download; who has enough does not end it for the others", async () => {
    const { pathInfo, narPath } = await publish(server.files, tree, "x", { key })
    const gate = Promise.withResolvers<void>()
    const arrived = Promise.withResolvers<void>()
    server.answers.set(narPath, (request, response) => {
      arrived.resolve()
      void gate.promise.then(() => serveFile(server.files, request, response))
    })
    const store = open()
    const stop = new AbortController()
    const impatient = store.pathInfos.get(pathInfo.storePath.digest, { signal: stop.signal })
    const others = Array.from({ length: 20 }, () => store.pathInfos.get(pathInfo.storePath.digest))
    await arrived.promise
    const enough = new Error("enough")
    stop.abort(enough)
    await assert.rejects(impatient, enough)
    gate.resolve()
    for (const one of await Promise.all(others)) assert.deepEqual(one, pathInfo)
    assert.equal(asked(narPath), 1)
  })

  test("a download that nobody waits for any longer is ended", async () => {
    const { pathInfo, narPath } = await publish(server.files, tree, "x", { key })
    const ended = Promise.withResolvers<void>()
    const arrived = Promise.withResolvers<void>()
    server.answers.set(narPath, (request, response) => {
      response.writeHead(200).write(server.files.get(narPath)!.subarray(0, 1000))
      request.socket.on("close", () => ended.resolve())
      arrived.resolve()
    })
    const stop = new AbortController()
    const getting = open().pathInfos.get(pathInfo.storePath.digest, { signal: stop.signal })
    await arrived.promise
    stop.abort(new Error("enough"))
    await assert.rejects(getting, /enough/)
    await ended.promise
  })

  test("the temporary folder is gone with the store", async () => {
    const { pathInfo } = await publish(server.files, tree, "x", { key })
    const folders = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith("tvix-cache-"))
    const before = folders()
    const store = open(trusted, {}, "none")
    await store.pathInfos.describe(pathInfo.storePath.digest)
    assert.deepEqual(folders(), before)
    await store.pathInfos.get(pathInfo.storePath.digest)
    const [made] = folders().filter((name) => !before.includes(name))
    assert.ok(made !== undefined)
    await store.close()
    assert.equal(existsSync(join(tmpdir(), made)), false)
  })
})

describe("in front of it, another store", () => {
  test("path infos without archives come from the cache, with them they are kept", async () => {
    const { pathInfo, narPath, infoPath } = await publish(server.files, tree, "x", { key })
    const near = memoryStore()
    const store = cacheStore(near, open(trusted, {}, near))
    const { node: _, ...description } = pathInfo
    assert.deepEqual(await store.pathInfos.describe(pathInfo.storePath.digest), description)
    assert.equal(asked(narPath), 0)
    const all = await Promise.all(Array.from({ length: 20 }, () => store.pathInfos.get(pathInfo.storePath.digest)))
    for (const one of all) assert.deepEqual(one, pathInfo)
    assert.equal(asked(narPath), 1)
    assert.deepEqual(await near.pathInfos.get(pathInfo.storePath.digest), pathInfo)
    await server.close()
    assert.deepEqual(await store.pathInfos.get(pathInfo.storePath.digest), pathInfo)
    assert.equal((await store.nar.calculate(pathInfo.node)).narSize, pathInfo.narSize)
    assert.equal(asked(infoPath), 1)
  })

  test("what the near store has lost is downloaded again", async () => {
    const { pathInfo, narPath } = await publish(server.files, tree, "x", { key })
    const near = memoryStore()
    const far = open(trusted, {}, near)
    await far.pathInfos.get(pathInfo.storePath.digest)
    await far.pathInfos.get(pathInfo.storePath.digest)
    assert.equal(asked(narPath), 2)
  })

  test("several caches are asked in the order of their priorities, and do for each other", async () => {
    const [other, third] = [await cacheServer(), await cacheServer()]
    try {
      other.files.set("/nix-cache-info", utf8("StoreDir: /nix/store\nPriority: 10\n"))
      const near = memoryStore()
      const far = [server, other, third].map(({ address }, i) => {
        const store = openBinaryCache(`${address}?${trusted}${i === 2 ? "&priority=5" : ""}&attempts=1`, near, {
          env: { HOME: emptyHome },
        })
        stores.push(store)
        return store
      })
      const store = cacheStore(near, firstOf([far[0]!, far[1]!, far[2]!]))
      const { pathInfo, infoPath } = await publish(server.files, tree, "x", { key })
      third.answers.set(infoPath, (_, response) => response.writeHead(500).end())
      await publish(other.files, tree, "x", { key: otherKey })
      assert.deepEqual(await store.pathInfos.get(pathInfo.storePath.digest), pathInfo)
      const last = [server, other, third].map(
        ({ asked: lines }) => lines.filter((line) => line.endsWith(infoPath)).length,
      )
      assert.deepEqual(last, [1, 1, 1])
    } finally {
      await other.close()
      await third.close()
    }
  })

  test("if one of several caches fails and nobody has it, that is said; it is left alone for a while", async () => {
    let now = 0
    const near = memoryStore()
    const { digest } = exampleStorePath("x")
    server.answers.set(`/${digest}.narinfo`, (_, response) => response.writeHead(500).end())
    const other = await cacheServer()
    try {
      const second = openBinaryCache(`${other.address}?${trusted}`, near, { env: { HOME: emptyHome } })
      stores.push(second)
      const store = cacheStore(
        near,
        firstOf([open(`${trusted}&attempts=1`, {}, near), second], () => now),
      )
      for (const [at, asks] of [
        [0, 1],
        [59_999, 1],
        [60_000, 2],
      ] as const) {
        now = at
        await assert.rejects(store.pathInfos.describe(digest), problem("unavailable", /500/))
        assert.equal(asked(`/${digest}.narinfo`), asks)
      }
      assert.equal(other.asked.filter((line) => line.endsWith(".narinfo")).length, 1)
    } finally {
      await other.close()
    }
  })

  test("what is put goes to the cache, unless that is read-only", async () => {
    for (const [options, there] of [
      [trusted, true],
      [`${trusted}&read-only=true`, false],
    ] as const) {
      const near = memoryStore()
      const store = cacheStore(near, open(options, {}, near))
      const { pathInfo: unsigned, infoPath } = await publish(new Map(), tree, `put-${there}`, { store: near })
      const pathInfo = { ...unsigned, signatures: [await key.sign(fingerprint(unsigned))] }
      assert.deepEqual(await store.pathInfos.put(pathInfo), pathInfo)
      assert.equal(server.files.has(infoPath), there)
      assert.deepEqual(await store.pathInfos.get(pathInfo.storePath.digest), pathInfo)
    }
  })
})
