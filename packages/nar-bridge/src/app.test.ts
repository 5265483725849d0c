import assert from "node:assert/strict"
import { before, describe, test } from "node:test"
import { byteStringFrom } from "@tvix-ts/bytes"
import type { B3Digest, CallOptions, Directory } from "@tvix-ts/castore"
import { encodeNix32 } from "@tvix-ts/hash"
import {
  fingerprint,
  formatPublicKey,
  formatStorePath,
  parseListing,
  parseNarInfo,
  SecretKey,
  verifySignature,
} from "@tvix-ts/nix-compat"
import { ingestNar, memoryStore, storeTree, type PathInfo, type Store } from "@tvix-ts/store"
import { binaryCache, memoryTokens, type CacheOptions } from "./index.ts"
import { clientPath, fileTree, folderTree, type ClientPath } from "./testing/paths.ts"

type App = ReturnType<typeof binaryCache>

let hello: ClientPath
let user: ClientPath
let key: SecretKey
before(async () => {
  key = await SecretKey.generate("cache-1")
  hello = await clientPath("hello", folderTree)
  const { storePath } = hello.info
  user = await clientPath("user", fileTree(`run ${formatStorePath(storePath)}\n`), [storePath])
})

/** A store with both, and a cache of it. */
async function cache(options: CacheOptions = {}): Promise<{ app: App; store: Store }> {
  const store = memoryStore()
  for (const { nar, info } of [hello, user]) {
    await ingestNar([nar], store)
    await store.pathInfos.put(info)
  }
  return { app: binaryCache(store, options), store }
}

const infoUrl = ({ info }: ClientPath): string => `/${info.storePath.digest}.narinfo`
const narUrl = ({ storePath, narHash }: PathInfo): string => `/nar/${storePath.digest}-${encodeNix32(narHash)}.nar`
async function bytes(response: Response): Promise<Uint8Array> {
  return new Uint8Array(await response.arrayBuffer())
}
async function narInfoOf(app: App, path: ClientPath): Promise<ReturnType<typeof parseNarInfo>> {
  return parseNarInfo(byteStringFrom(await bytes(await app.request(infoUrl(path)))))
}

describe("what a cache is", () => {
  test("nix-cache-info", async () => {
    const { app } = await cache({ priority: 7 })
    const response = await app.request("/nix-cache-info")
    assert.equal(response.status, 200)
    assert.equal(response.headers.get("content-type"), "text/x-nix-cache-info")
    assert.equal(await response.text(), "StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 7\n")
  })

  test("the page says what to put into nix.conf", async () => {
    const { app } = await cache({ keys: [key] })
    const page = await (await app.request("/")).text()
    assert.ok(page.includes(`extra-trusted-public-keys = ${formatPublicKey(key.publicKey)}`), page)
    assert.ok(!page.includes(key.reveal()))
  })

  test("health", async () => {
    const { app } = await cache({ private: true })
    assert.equal((await app.request("/healthz")).status, 200)
  })

  test("metrics, where the host has some", async () => {
    const metrics = async (): Promise<{ type: string; text: string }> => ({ type: "text/plain", text: "a 1\n" })
    assert.equal(await (await (await cache({ metrics })).app.request("/metrics")).text(), "a 1\n")
    assert.equal((await (await cache()).app.request("/metrics")).status, 404)
  })
})

describe("narinfos", () => {
  test("say what the store knows, and where the NAR is", async () => {
    const { app } = await cache()
    const { info } = user
    assert.deepEqual(await narInfoOf(app, user), {
      storePath: info.storePath,
      url: narUrl(info).slice(1),
      compression: "none",
      fileHash: info.narHash,
      fileSize: info.narSize,
      narHash: info.narHash,
      narSize: info.narSize,
      references: [hello.info.storePath],
      signatures: [],
      contentAddress: info.contentAddress,
    })
  })

  test("of what was never signed by us are signed when they are asked for", async () => {
    const { app } = await cache({ keys: [key] })
    const { signatures } = await narInfoOf(app, hello)
    assert.equal(signatures.length, 1)
    assert.ok(await verifySignature(fingerprint(hello.info), signatures[0]!, [key.publicKey]))
  })

  test("name the compression that was asked for", async () => {
    const { app } = await cache({ compression: "zstd" })
    const { compression, url, fileHash, fileSize } = await narInfoOf(app, hello)
    const known = {
      compression: "zstd",
      url: `${narUrl(hello.info).slice(1)}.zst`,
      fileHash: undefined,
      fileSize: undefined,
    }
    assert.deepEqual({ compression, url, fileHash, fileSize }, known)
  })

  test("can be asked for again, and are not sent again", async () => {
    const { app } = await cache()
    const etag = (await app.request(infoUrl(hello))).headers.get("etag")!
    assert.match(etag, /^"[0-9a-f]{32}"$/)
    const again = await app.request(infoUrl(hello), { headers: { "If-None-Match": `"other", ${etag}` } })
    assert.equal(again.status, 304)
    assert.equal(await again.text(), "")
    assert.equal((await app.request(infoUrl(hello), { headers: { "If-None-Match": '"other"' } })).status, 200)
  })

  test("HEAD has the length, and nothing else", async () => {
    const { app } = await cache()
    const text = await (await app.request(infoUrl(hello))).text()
    const head = await app.request(infoUrl(hello), { method: "HEAD" })
    assert.equal(head.status, 200)
    assert.equal(head.headers.get("content-length"), String(text.length))
    assert.equal(await head.text(), "")
  })

  for (const name of ["00000000000000000000000000000000", "0", "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee", "%2e%2e%2fpasswd"]) {
    test(`there is none of ${name}`, async () => {
      const { app } = await cache()
      const response = await app.request(`/${name}.narinfo`)
      assert.equal(response.status, 404)
      assert.match(response.headers.get("cache-control")!, /^public, max-age=\d$/)
    })
  }
})

describe("NARs", () => {
  test("as they are", async () => {
    const { app } = await cache()
    const response = await app.request(narUrl(hello.info))
    assert.equal(response.status, 200)
    assert.equal(response.headers.get("content-length"), String(hello.nar.length))
    assert.equal(response.headers.get("cache-control"), "public, max-age=31536000, immutable")
    assert.equal(response.headers.get("etag"), `"${encodeNix32(hello.info.narHash)}"`)
    assert.deepEqual(await bytes(response), hello.nar)
  })

  test("HEAD has the length", async () => {
    const { app } = await cache()
    const response = await app.request(narUrl(hello.info), { method: "HEAD" })
    assert.equal(response.status, 200)
    assert.equal(response.headers.get("content-length"), String(hello.nar.length))
    assert.equal(await response.text(), "")
  })

  test("are not sent to whoever has them", async () => {
    const { app } = await cache()
    const etag = `"${encodeNix32(hello.info.narHash)}"`
    assert.equal((await app.request(narUrl(hello.info), { headers: { "If-None-Match": etag } })).status, 304)
  })

  const ranges: [range: string, from: number, to: number][] = [
    ["bytes=0-0", 0, 1],
    ["bytes=8-20", 8, 21],
    ["bytes=100-", 100, Infinity],
    ["bytes=-10", -10, Infinity],
    ["bytes=0-99999999", 0, Infinity],
  ]
  for (const [range, from, to] of ranges) {
    test(`in part: ${range}`, async () => {
      const { app } = await cache()
      const response = await app.request(narUrl(hello.info), { headers: { Range: range } })
      const part = hello.nar.slice(from, Math.min(to, hello.nar.length))
      const first = from < 0 ? hello.nar.length + from : from
      assert.equal(response.status, 206)
      assert.equal(
        response.headers.get("content-range"),
        `bytes ${first}-${first + part.length - 1}/${hello.nar.length}`,
      )
      assert.equal(response.headers.get("content-length"), String(part.length))
      assert.deepEqual(await bytes(response), part)
    })
  }

  for (const range of ["bytes=5-3", "bytes=0-1,3-4", "lines=1-2", "bytes=-", "bytes=a-b"]) {
    test(`whole, for a range that says nothing: ${range}`, async () => {
      const { app } = await cache()
      const response = await app.request(narUrl(hello.info), { headers: { Range: range } })
      assert.equal(response.status, 200)
      assert.deepEqual(await bytes(response), hello.nar)
    })
  }

  test("whole, if it has more files than an index is made of; it does not say otherwise", async () => {
    // bin, bin/hello, link and text.
    for (const [indexedEntriesMax, status, accepts] of [
      [4, 206, "bytes"],
      [3, 200, null],
    ] as const) {
      // oxlint-disable no-await-in-loop -- one after the other
      const { app } = await cache({ limits: { indexedEntriesMax } })
      const response = await app.request(narUrl(hello.info), { headers: { Range: "bytes=0-7" } })
      assert.equal(response.status, status)
      assert.equal(response.headers.get("accept-ranges"), accepts)
      assert.equal((await bytes(response)).length, status === 206 ? 8 : hello.nar.length)
      const head = await app.request(narUrl(hello.info), { method: "HEAD" })
      assert.equal(head.headers.get("accept-ranges"), accepts)
      // oxlint-enable no-await-in-loop
    }
  })

  for (const range of ["bytes=99999999-", "bytes=-0"]) {
    test(`nothing is in ${range}`, async () => {
      const { app } = await cache()
      const response = await app.request(narUrl(hello.info), { headers: { Range: range } })
      assert.equal(response.status, 416)
      assert.equal(response.headers.get("content-range"), `bytes */${hello.nar.length}`)
    })
  }

  test("a range of something else is answered with all of it", async () => {
    const { app } = await cache()
    const headers = { Range: "bytes=0-0", "If-Range": '"other"' }
    assert.equal((await app.request(narUrl(hello.info), { headers })).status, 200)
  })

  test("compressed, by whatever the host has for it", async () => {
    async function* reversed(contents: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      const pieces = await Array.fromAsync(contents, (piece) => piece.slice().reverse())
      yield* pieces.reverse()
    }
    const { app } = await cache({ compressors: { zstd: { version: "test-1", compress: reversed } } })
    const response = await app.request(`${narUrl(hello.info)}.zst`)
    assert.equal(response.status, 200)
    assert.equal(response.headers.get("etag"), `"${encodeNix32(hello.info.narHash)}-test-1"`)
    assert.deepEqual(await bytes(response), hello.nar.slice().reverse())
    assert.equal((await app.request(`${narUrl(hello.info)}.xz`)).status, 404)
  })

  test("there is none under another hash, or another path", async () => {
    const { app } = await cache()
    for (const url of [
      narUrl({ ...hello.info, narHash: user.info.narHash }),
      narUrl({ ...hello.info, storePath: user.info.storePath }),
      "/nar/0000000000000000000000000000000000000000000000000000.nar",
      "/nar/..%2f..%2fetc%2fpasswd",
      "/nar/",
    ]) {
      assert.equal((await app.request(url)).status, 404, url)
    }
  })

  const ways: [name: string, suffix: string, init: RequestInit][] = [
    ["as it is", "", {}],
    ["by HEAD", "", { method: "HEAD" }],
    ["in part", "", { headers: { Range: "bytes=0-7" } }],
    ["compressed", ".zst", {}],
    ["compressed, by HEAD", ".zst", { method: "HEAD" }],
  ]
  for (const [name, suffix, init] of ways) {
    test(`one whose tree is gone is not there: ${name}`, async () => {
      const { store } = await cache()
      const compress = (contents: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> => contents
      const compressors = { zstd: { version: "1", compress } }
      const app = binaryCache({ ...memoryStore(), pathInfos: store.pathInfos }, { compressors })
      assert.equal((await app.request(narUrl(hello.info) + suffix, init)).status, 404)
    })
  }

  test("the index of one that is read in part is made as long as somebody wants it", async () => {
    const { store } = await cache()
    const signals: AbortSignal[] = []
    const begun = Promise.withResolvers<void>()
    const directories: Store["directories"] = Object.assign(Object.create(store.directories) as Store["directories"], {
      // oxlint-disable-next-line require-yield -- it never comes
      async *getRecursive(_digest: B3Digest, options: CallOptions = {}): AsyncGenerator<Directory> {
        signals.push(options.signal!)
        begun.resolve()
        await new Promise((_, reject) => options.signal!.addEventListener("abort", () => reject(new Error("gone"))))
      },
    })
    const app = binaryCache({ ...store, directories }, { limits: { downloadsMax: 1, uploadsWaitMs: 1 } })
    const gone = new AbortController()
    const asked = app.request(narUrl(hello.info), { headers: { Range: "bytes=0-7" }, signal: gone.signal })
    await begun.promise
    assert.equal((await app.request(narUrl(hello.info))).status, 503)
    gone.abort()
    await asked
    assert.deepEqual(
      signals.map(({ aborted }) => aborted),
      [true],
    )
    assert.equal((await app.request(narUrl(hello.info))).status, 200)
  })

  test("one of which a part is gone ends before its length", async () => {
    const { store } = await cache()
    const app = binaryCache({ ...store, blobs: memoryStore().blobs })
    await assert.rejects(bytes(await app.request(narUrl(hello.info))))
  })
})

describe("listings", () => {
  test("are those of the NARs", async () => {
    const { app } = await cache()
    const response = await app.request(`/${hello.info.storePath.digest}.ls`)
    assert.equal(response.headers.get("content-type"), "application/json")
    const listing = parseListing(await response.text())
    assert.ok(listing.type === "directory")
    assert.deepEqual([...listing.entries.keys()], ["bin", "link", "text"])
    const text = listing.entries.get("text")!
    assert.ok(text.type === "regular")
    const { size, narOffset } = text
    assert.equal(byteStringFrom(hello.nar.subarray(narOffset, narOffset! + size)), "x".repeat(1000))
  })

  test("are UTF-8, and there is none of names that are not", async () => {
    const { app, store } = await cache()
    for (const [name, shown] of [
      ["\xc3\xa9", "é"],
      ["\xff", undefined],
    ] as const) {
      const { storePath } = await storeTree(
        async (sink) => {
          sink.directory()
          sink.entry(name)
          sink.symlink("x")
          sink.endDirectory()
        },
        store,
        { name: "accents" },
      )
      const response = await app.request(`/${storePath.digest}.ls`)
      assert.equal(response.status, shown === undefined ? 404 : 200)
      const text = await response.text()
      if (shown !== undefined) assert.ok(text.includes(`"${shown}"`), text)
    }
  })

  test("there is none of what is not there", async () => {
    const { app } = await cache()
    assert.equal((await app.request("/00000000000000000000000000000000.ls")).status, 404)
  })
})

describe("what a cache does not have", () => {
  for (const [method, url, status] of [
    ["GET", "/realisations/sha256:0!out.doi", 404],
    ["PUT", "/realisations/sha256:0!out.doi", 404],
    ["GET", "/log/00000000000000000000000000000000-x.drv", 404],
    ["PUT", "/log/00000000000000000000000000000000-x.drv", 404],
    ["PUT", "/debuginfo/abc", 404],
    ["GET", "/nothing", 404],
    ["POST", "/nix-cache-info", 405],
    ["PUT", "/nix-cache-info", 405],
    ["DELETE", "/00000000000000000000000000000000.narinfo", 405],
    ["POST", "/nar/x.nar", 405],
  ] as const) {
    test(`${method} ${url}: ${status}`, async () => {
      const { app } = await cache({ anonymousWrites: true })
      const response = await app.request(url, { method })
      assert.equal(response.status, status)
      assert.equal(response.headers.has("allow"), status === 405)
      assert.match(await response.text(), /^[^\n]+\n$/)
    })
  }
})

describe("pages of other origins", () => {
  test("may read", async () => {
    const { app } = await cache()
    assert.equal((await app.request(infoUrl(hello))).headers.get("access-control-allow-origin"), "*")
    const preflight = await app.request(infoUrl(hello), { method: "OPTIONS" })
    assert.equal(preflight.status, 204)
    assert.equal(preflight.headers.get("access-control-allow-methods"), "GET, HEAD, OPTIONS")
  })
})

describe("a private cache", () => {
  const urls = (): string[] => [infoUrl(hello), narUrl(hello.info), "/nix-cache-info", "/", "/nothing.ls"]

  test("is read with a token", async () => {
    const tokens = memoryTokens()
    const { app } = await cache({ tokens, private: true })
    const { secret } = tokens.create({ name: "reader", right: "read" })
    const basic = `Basic ${btoa(`nobody:${secret}`)}`
    for (const authorization of [`Bearer ${secret}`, basic]) {
      const response = await app.request(infoUrl(hello), { headers: { Authorization: authorization } })
      assert.equal(response.status, 200)
      assert.match(response.headers.get("cache-control")!, /^private, /)
    }
  })

  test("and not without, nor with a wrong one", async () => {
    const { app } = await cache({ tokens: memoryTokens(), private: true })
    for (const url of urls()) {
      for (const headers of [{}, { Authorization: "Bearer tvix_00000000_0" }, { Authorization: "nonsense" }]) {
        const response = await app.request(url, { headers })
        assert.equal(response.status, 401, url)
        assert.match(response.headers.get("www-authenticate")!, /^Basic /)
      }
    }
  })
})

describe("limits", () => {
  test("requests of one address", async () => {
    const { app } = await cache({ limits: { requestsPerSecond: 1e-6, burstSeconds: 2e6 } })
    const statuses = []
    for (let i = 0; i < 3; i++) statuses.push((await app.request("/healthz")).status)
    assert.deepEqual(statuses, [200, 200, 429])
  })

  test("requests at the same time", async () => {
    const { store } = await cache()
    let answer = (): void => {}
    const slow = new Promise<void>((resolve) => (answer = resolve))
    const describeSlowly: Store["pathInfos"]["describe"] = async (digest) => {
      await slow
      return store.pathInfos.get(digest)
    }
    const pathInfos = Object.assign(Object.create(store.pathInfos) as Store["pathInfos"], { describe: describeSlowly })
    const app = binaryCache({ ...store, pathInfos }, { limits: { requestsMax: 1 } })
    const first = app.request(infoUrl(hello))
    const second = await app.request(infoUrl(hello))
    assert.equal(second.status, 503)
    assert.ok(second.headers.has("retry-after"))
    answer()
    assert.equal((await first).status, 200)
    assert.equal((await app.request("/healthz")).status, 200)
  })
  test("requests whose answers are being sent", async () => {
    const { app } = await cache({ limits: { requestsMax: 1 } })
    const first = await app.request(narUrl(hello.info))
    assert.equal((await app.request("/healthz")).status, 503)
    await bytes(first)
    assert.equal((await app.request("/healthz")).status, 200)
    await app.request(narUrl(hello.info), { method: "HEAD" })
    assert.equal((await app.request("/healthz")).status, 200)
  })

  /** Asks until it is refused, reading nothing; then it is answered when one was read. @returns how many were answered */
  async function answered(app: App, url: string): Promise<number> {
    const responses: Response[] = []
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const response = await app.request(url)
      if (response.status === 503) break
      assert.equal(response.status, 200)
      responses.push(response)
    }
    await bytes(responses[0]!)
    assert.equal((await app.request(url)).status, 200)
    return responses.length
  }

  test("texts that are too long to be sent at once are downloads", async () => {
    const store = memoryStore()
    const { contentAddress: _, ...built } = hello.info
    const { storePath } = built
    const references = Array.from({ length: 500 }, (_, i) => ({ ...storePath, name: `${"n".repeat(150)}${1000 + i}` }))
    await store.pathInfos.put({ ...built, references })
    const app = binaryCache(store, { limits: { downloadsMax: 3, uploadsWaitMs: 1 } })
    assert.equal(await answered(app, infoUrl(hello)), 3)
  })

  test("large listings are made for few at a time", async () => {
    const store = memoryStore()
    const { storePath } = await storeTree(
      async (sink) => {
        sink.directory()
        for (let i = 0; i < 5001; i++) {
          sink.entry(`${10_000 + i}`)
          sink.symlink("somewhere")
        }
        sink.endDirectory()
      },
      store,
      { name: "large" },
    )
    const app = binaryCache(store, { limits: { uploadsWaitMs: 1 } })
    const url = `/${storePath.digest}.ls`
    for (let i = 0; i < 10; i++) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      assert.equal((await app.request(url, { method: "HEAD" })).status, 200)
    }
    assert.equal(await answered(app, url), 4)
  })

  test("archives that are compressed at the same time", async () => {
    let running = 0
    let most = 0
    async function* compress(contents: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
      most = Math.max(most, ++running)
      try {
        yield* contents
      } finally {
        running--
      }
    }
    const { app } = await cache({
      compressors: { zstd: { version: "1", compress } },
      limits: { compressionsMax: 2 },
    })
    const get = async (): Promise<Uint8Array> => bytes(await app.request(`${narUrl(hello.info)}.zst`))
    const gone = await app.request(`${narUrl(hello.info)}.zst`)
    await gone.body!.getReader().cancel()
    for (const nar of await Promise.all([get(), get(), get(), get(), get()])) assert.deepEqual(nar, hello.nar)
    assert.equal(most, 2)
    const head = await app.request(`${narUrl(hello.info)}.zst`, { method: "HEAD" })
    assert.equal(head.status, 200)
  })
})
