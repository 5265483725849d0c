import assert from "node:assert/strict"
import { before, describe, test } from "node:test"
import { gunzipSync, gzipSync } from "node:zlib"
import { concat } from "@tvix-ts/bytes"
import { encodeNix32 } from "@tvix-ts/hash"
import { fingerprint, formatStorePath, parseNarInfo, SecretKey, verifySignature } from "@tvix-ts/nix-compat"
import { calculateNar, memoryStore, type Store } from "@tvix-ts/store"
import { binaryCache, memoryTokens, memoryUploads, type CacheOptions, type Decompress } from "./index.ts"
import {
  bodyOf,
  built,
  clientPath,
  fileTree,
  folderTree,
  parcelOf,
  type ClientPath,
  type Parcel,
} from "./testing/paths.ts"

type App = ReturnType<typeof binaryCache>

let hello: ClientPath
let user: ClientPath
let key: SecretKey
let stranger: SecretKey
before(async () => {
  key = await SecretKey.generate("cache-1")
  stranger = await SecretKey.generate("stranger-1")
  hello = await clientPath("hello", folderTree)
  const { storePath } = hello.info
  user = await clientPath("user", fileTree(`run ${formatStorePath(storePath)}\n`), [storePath])
})

function emptyCache(options: CacheOptions = {}): { app: App; store: Store } {
  const store = memoryStore()
  return { app: binaryCache(store, { anonymousWrites: true, ...options }), store }
}

interface Said {
  readonly status: number
  readonly text: string
}
async function put(app: App, url: string, body: Uint8Array, headers: Record<string, string> = {}): Promise<Said> {
  const response = await app.request(url, { method: "PUT", body: new Uint8Array(body), headers })
  return { status: response.status, text: await response.text() }
}
/** NAR, then narinfo: what was said last. */
async function upload(
  app: App,
  { narUrl, file, infoUrl, narInfo }: Parcel,
  headers?: Record<string, string>,
): Promise<Said> {
  const said = await put(app, narUrl, file, headers)
  return said.status === 201 ? put(app, infoUrl, bodyOf(narInfo), headers) : said
}

const gunzip: Decompress = async function* (contents) {
  const pieces = await Array.fromAsync(contents, (piece) => piece.slice())
  yield gunzipSync(concat(pieces))
}

describe("uploads", () => {
  test("are there afterwards, and are what was sent", async () => {
    const { app, store } = emptyCache()
    for (const path of [hello, user]) {
      const said = await upload(app, parcelOf(path))
      assert.deepEqual(said, { status: 201, text: "stored\n" })
      const stored = await store.pathInfos.get(path.info.storePath.digest)
      assert.ok(stored !== undefined)
      assert.deepEqual(stored, path.info)
      const { narSize, narHash } = path.info
      assert.deepEqual(await calculateNar(stored.node, store), { narSize, narHash })
    }
  })

  test("can be sent again", async () => {
    const { app } = emptyCache()
    await upload(app, parcelOf(hello))
    assert.equal((await upload(app, parcelOf(hello))).status, 201)
  })

  test("a NAR is not wanted twice: HEAD says that it is here", async () => {
    const { app } = emptyCache()
    const { narUrl, file } = parcelOf(hello)
    assert.equal((await app.request(narUrl, { method: "HEAD" })).status, 404)
    await put(app, narUrl, file)
    assert.equal((await app.request(narUrl, { method: "HEAD" })).status, 200)
    const read = await app.request(narUrl)
    assert.deepEqual(new Uint8Array(await read.arrayBuffer()), file)
  })

  test("compressed", async () => {
    const { app, store } = emptyCache({ decompress: gunzip })
    const file = gzipSync(hello.nar)
    const narUrl = "/nar/some-name.nar.gz"
    const narInfo = parcelOf(hello, { url: narUrl.slice(1), compression: "gzip", fileSize: file.length }).narInfo
    const { fileHash: _, ...said } = narInfo
    assert.deepEqual(await upload(app, { ...parcelOf(hello), narUrl, file, narInfo: said }), {
      status: 201,
      text: "stored\n",
    })
    assert.notEqual(await store.pathInfos.get(hello.info.storePath.digest), undefined)
  })

  test("under the hash of the archive, as others than C++ Nix call them", async () => {
    const { app } = emptyCache({ decompress: gunzip })
    const name = encodeNix32(hello.info.narHash)
    assert.equal((await put(app, `/nar/${name}.nar.gz`, gzipSync(hello.nar))).status, 201)
    assert.equal((await put(app, `/nar/${name}.nar.gz`, gzipSync(user.nar))).status, 400)
  })

  test("is kept for ever by its hash alone: what has another name can be replaced", async () => {
    const { app } = emptyCache()
    const hashed = `/nar/${encodeNix32(hello.info.narHash)}.nar`
    const own = `/nar/${hello.info.storePath.digest}-${encodeNix32(hello.info.narHash)}.nar`
    for (const [url, caching] of [
      ["/nar/some-name.nar", "public, no-cache"],
      [hashed, "public, max-age=31536000, immutable"],
      [own, "public, max-age=31536000, immutable"],
    ] as const) {
      // oxlint-disable no-await-in-loop -- one after the other
      assert.equal((await put(app, url, hello.nar)).status, 201)
      if (url === own) await put(app, parcelOf(hello).infoUrl, bodyOf(parcelOf(hello).narInfo))
      const response = await app.request(url)
      assert.equal(response.headers.get("cache-control"), caching, url)
      const etag = response.headers.get("etag")!
      const again = await app.request(url, { headers: { "If-None-Match": etag } })
      assert.equal(again.status, 304)
      assert.equal(again.headers.get("cache-control"), caching)
      // oxlint-enable no-await-in-loop
    }
    await put(app, "/nar/some-name.nar", user.nar)
    assert.deepEqual(new Uint8Array(await (await app.request("/nar/some-name.nar")).arrayBuffer()), user.nar)
  })

  test("compressed, and the name does not say so", async () => {
    const { app } = emptyCache({ decompress: gunzip })
    assert.equal((await put(app, "/nar/some-name.nar", gzipSync(hello.nar))).status, 201)
  })

  test("a narinfo may be compressed as well", async () => {
    const { app } = emptyCache({ decompress: gunzip })
    const { narUrl, file, infoUrl, narInfo } = parcelOf(hello)
    await put(app, narUrl, file)
    const body = gzipSync(bodyOf(narInfo))
    assert.equal((await put(app, infoUrl, body, { "Content-Encoding": "gzip" })).status, 201)
    assert.equal((await put(app, infoUrl, body, { "Content-Encoding": "deflate" })).status, 415)
    assert.equal((await put(app, infoUrl, body.subarray(5), { "Content-Encoding": "gzip" })).status, 400)
  })

  test("a listing is passed over, since we make our own", async () => {
    const { app } = emptyCache()
    assert.equal((await put(app, `/${hello.info.storePath.digest}.ls`, new Uint8Array(10))).status, 200)
    assert.equal((await put(app, "/x.ls", new Uint8Array(10))).status, 400)
  })

  test("what uploads are called outlives the server", async () => {
    const store = memoryStore()
    const uploads = memoryUploads()
    const { narUrl, file, infoUrl, narInfo } = parcelOf(hello)
    assert.equal((await put(binaryCache(store, { uploads, anonymousWrites: true }), narUrl, file)).status, 201)
    assert.equal(
      (await put(binaryCache(store, { uploads, anonymousWrites: true }), infoUrl, bodyOf(narInfo))).status,
      201,
    )
  })

  test("signatures are added by whoever sends our narinfo back", async () => {
    const { app } = emptyCache()
    await upload(app, parcelOf(hello))
    const { infoUrl } = parcelOf(hello)
    const read = parseNarInfo(await (await app.request(infoUrl)).text())
    const signature = await stranger.sign(fingerprint(read))
    assert.equal((await put(app, infoUrl, bodyOf({ ...read, signatures: [signature] }))).status, 201)
    assert.deepEqual(parseNarInfo(await (await app.request(infoUrl)).text()).signatures, [signature])
  })
})

describe("signing", () => {
  test("what is accepted is signed by all of our keys, and keeps what it had", async () => {
    const second = await SecretKey.generate("cache-2")
    const { app, store } = emptyCache({ keys: [key, second] })
    const path = await built(hello, [stranger])
    await upload(app, parcelOf(path))
    const { signatures } = (await store.pathInfos.get(path.info.storePath.digest))!
    assert.deepEqual(
      signatures.map(({ name }) => name),
      ["stranger-1", "cache-1", "cache-2"],
    )
    const keys = [key, second, stranger].map(({ publicKey }) => publicKey)
    for (const signature of signatures) assert.ok(await verifySignature(fingerprint(path.info), signature, keys))
  })

  test("content address and deriver stay, though somebody sends the narinfo again without them", async () => {
    const { app, store } = emptyCache()
    const deriver = { ...hello.info.storePath, name: "hello.drv" }
    await upload(app, parcelOf(hello, { deriver }))
    const { infoUrl, narInfo } = parcelOf(hello)
    const { contentAddress, ...bare } = narInfo
    assert.equal((await put(app, infoUrl, bodyOf(bare))).status, 201)
    const stored = await store.pathInfos.get(hello.info.storePath.digest)
    assert.deepEqual(stored?.contentAddress, contentAddress)
    assert.deepEqual(stored?.deriver, deriver)
    const other = { ...deriver, name: "other.drv" }
    assert.equal((await put(app, infoUrl, bodyOf({ ...bare, deriver: other }))).status, 201)
    assert.deepEqual((await store.pathInfos.get(hello.info.storePath.digest))?.deriver, other)
  })

  test("where a signature is required, one by that key is", async () => {
    const { app } = emptyCache({ requiredKeys: [key.publicKey] })
    assert.equal((await upload(app, parcelOf(await built(hello, [stranger, key])))).status, 201)
    for (const keys of [[], [stranger]]) {
      const { app: fresh, store } = emptyCache({ requiredKeys: [key.publicKey] })
      const path = await built(hello, keys)
      const said = await upload(fresh, parcelOf(path))
      assert.equal(said.status, 403)
      assert.match(said.text, /has no signature by cache-1/)
      assert.equal(await store.pathInfos.get(path.info.storePath.digest), undefined)
    }
  })

  test("what follows from its contents needs none", async () => {
    const { app } = emptyCache({ requiredKeys: [key.publicKey] })
    assert.equal((await upload(app, parcelOf(hello))).status, 201)
  })

  test("a false signature by a key that we know is refused, whoever else has signed", async () => {
    const path = await built(hello, [key])
    const [signature] = path.info.signatures
    const bytes = signature!.bytes.slice()
    bytes[0]! ^= 1
    const narInfo = { signatures: [{ name: key.name, bytes }] }
    for (const options of [{ requiredKeys: [key.publicKey] }, { keys: [key] }]) {
      const { app } = emptyCache(options)
      const said = await upload(app, parcelOf(path, narInfo))
      assert.deepEqual(said, { status: 400, text: "Sig: the signature of cache-1 is false\n" })
    }
  })

  test("a narinfo that was changed after it was signed is refused", async () => {
    const { app } = emptyCache({ requiredKeys: [key.publicKey] })
    await upload(app, parcelOf(hello))
    const path = await built(user, [key])
    assert.equal((await upload(app, parcelOf(path, { references: [] }))).status, 400)
    assert.equal((await upload(app, parcelOf(path))).status, 201)
  })
})

describe("uploads that are refused", () => {
  const refusals: [name: string, change: (parcel: Parcel) => Partial<Parcel>, status: number, text: RegExp][] = [
    ["a NAR that is none", () => ({ file: new Uint8Array(100) }), 400, /Nix archive/],
    ["a NAR that is cut off", ({ file }) => ({ file: file.subarray(0, -8), narUrl: "/nar/x.nar" }), 400, /at byte/],
    [
      "a NAR with something behind it",
      ({ file }) => ({ file: concat([file, file]), narUrl: "/nar/x.nar" }),
      400,
      /at byte/,
    ],
    ["a NAR under another hash", () => ({ narUrl: `/nar/${"0".repeat(52)}.nar` }), 400, /another SHA-256/],
    ["a name that is none", () => ({ narUrl: "/nar/..%2fx.nar" }), 400, /called after/],
    ["a compression that is unknown", () => ({ narUrl: "/nar/x.nar.lzip" }), 415, /compressed/],
    ["a compression that cannot be read here", () => ({ narUrl: "/nar/x.nar.xz" }), 415, /compressed/],
    ["the narinfo of another path", () => ({ infoUrl: `/${"0".repeat(32)}.narinfo` }), 400, /StorePath/],
    ["no digest", () => ({ infoUrl: "/x.narinfo" }), 400, /digest/],
  ]
  for (const [name, change, status, text] of refusals) {
    test(name, async () => {
      const { app, store } = emptyCache()
      const parcel = parcelOf(hello)
      const said = await upload(app, { ...parcel, ...change(parcel) })
      assert.equal(said.status, status, said.text)
      assert.match(said.text, text)
      assert.deepEqual(await Array.fromAsync(store.pathInfos.list()), [])
    })
  }

  const changes: [
    name: string,
    change: (parcel: Parcel) => Partial<Parcel["narInfo"]>,
    status: number,
    text: RegExp,
  ][] = [
    ["NarSize", () => ({ narSize: 1 }), 409, /is here with a NAR of \d+ bytes/],
    ["NarHash", () => ({ narHash: new Uint8Array(32) }), 409, /is here with another NAR/],
    ["FileSize", () => ({ fileSize: 1 }), 400, /^FileSize/],
    ["FileHash", () => ({ fileHash: new Uint8Array(32) }), 400, /^FileHash/],
    ["URL", () => ({ url: "nar/never-sent.nar" }), 409, /was not uploaded/],
    ["URL, of something else", () => ({ url: "../nar/x.nar" }), 400, /^URL/],
    ["URL, on another server", () => ({ url: "http://example.org/x.nar" }), 400, /^URL/],
    ["References", () => ({ references: [user.info.storePath] }), 409, /is here with other references/],
    ["CA", () => ({ contentAddress: user.info.contentAddress! }), 400, /^CA: the path that follows/],
    ["Deriver", () => ({ deriver: hello.info.storePath }), 400, /^deriver: .*\.drv/],
  ]
  for (const [name, change, status, text] of changes) {
    test(`a narinfo with another ${name}`, async () => {
      const { app, store } = emptyCache()
      await upload(app, parcelOf(hello))
      await upload(app, parcelOf(user))
      const before = await Array.fromAsync(store.pathInfos.list())
      const parcel = parcelOf(hello)
      const said = await put(app, parcel.infoUrl, bodyOf({ ...parcel.narInfo, ...change(parcel) }))
      assert.equal(said.status, status, said.text)
      assert.match(said.text, text)
      assert.deepEqual(await Array.fromAsync(store.pathInfos.list()), before)
    })
  }

  test("a narinfo before its NAR", async () => {
    const { app } = emptyCache()
    const { infoUrl, narInfo } = parcelOf(hello)
    const said = await put(app, infoUrl, bodyOf(narInfo))
    assert.equal(said.status, 409)
    assert.match(said.text, /was not uploaded/)
  })

  test("a narinfo with a reference that was collected meanwhile: nothing of it is kept", async () => {
    const store = memoryStore()
    const describeBefore: Store["pathInfos"]["describe"] = async (digest) =>
      digest === hello.info.storePath.digest ? hello.info : store.pathInfos.get(digest)
    const pathInfos = { ...store.pathInfos, describe: describeBefore }
    const app = binaryCache({ ...store, pathInfos }, { anonymousWrites: true })
    const said = await upload(app, parcelOf(user))
    assert.equal(said.status, 409)
    assert.match(said.text, /^the reference \/nix\/store\/\S+-hello is not here: send it first$/m)
    assert.equal((await app.request(parcelOf(user).infoUrl)).status, 404)
    assert.equal(await store.pathInfos.get(user.info.storePath.digest), undefined)
  })

  test("a narinfo whose NAR was collected meanwhile", async () => {
    const uploads = memoryUploads()
    const { narUrl, file, infoUrl, narInfo } = parcelOf(hello)
    await put(binaryCache(memoryStore(), { uploads, anonymousWrites: true }), narUrl, file)
    const said = await put(binaryCache(memoryStore(), { uploads, anonymousWrites: true }), infoUrl, bodyOf(narInfo))
    assert.equal(said.status, 409)
    assert.match(said.text, /uploaded too long ago/)
  })

  test("a path without what it refers to", async () => {
    const { app } = emptyCache()
    const said = await upload(app, parcelOf(user))
    assert.equal(said.status, 409)
    assert.match(said.text, /^the reference .*-hello is not here/)
  })

  test("another NAR for a path that is here", async () => {
    const { app } = emptyCache()
    const [one, other] = [await built(hello), await clientPath("other", fileTree("other"))]
    await upload(app, parcelOf(one))
    const { storePath } = one.info
    const said = await upload(app, { ...parcelOf(await built(other), { storePath }), infoUrl: parcelOf(one).infoUrl })
    assert.equal(said.status, 409)
    assert.match(said.text, /is here with another NAR/)
  })

  test("our narinfo, sent back with what is not so", async () => {
    const { app } = emptyCache()
    await upload(app, parcelOf(hello))
    const path = await built(user)
    await upload(app, parcelOf(path))
    const { infoUrl } = parcelOf(path)
    const before = await (await app.request(infoUrl)).text()
    const read = parseNarInfo(before)
    const lies = {
      narSize: [{ narSize: 1 }, /a NAR of \d+ bytes/],
      references: [{ references: [] }, /other references/],
    } as const
    for (const [lie, text] of Object.values(lies)) {
      const said = await put(app, infoUrl, bodyOf({ ...read, ...lie }))
      assert.equal(said.status, 409)
      assert.match(said.text, text)
    }
    assert.equal(await (await app.request(infoUrl)).text(), before)
  })

  const first: [what: string, lie: Partial<Parcel["narInfo"]>, text: RegExp][] = [
    ["size", { narSize: 1 }, /^NarSize/],
    ["references", { references: [] }, /^CA/],
  ]
  for (const [what, lie, text] of first) {
    test(`a path that is new, with other ${what} than it has`, async () => {
      const { app, store } = emptyCache()
      await upload(app, parcelOf(hello))
      const said = await upload(app, parcelOf(user, lie))
      assert.equal(said.status, 400)
      assert.match(said.text, text)
      assert.equal(await store.pathInfos.get(user.info.storePath.digest), undefined)
    })
  }

  test("more signatures than anybody reads, at once or one after the other", async () => {
    const { app } = emptyCache()
    const { narUrl, file, infoUrl, narInfo } = parcelOf(await built(hello))
    const send = (from: number, count: number): Promise<Said> => {
      const signatures = Array.from({ length: count }, (_, i) => ({ name: `k-${from + i}`, bytes: new Uint8Array(64) }))
      return put(app, infoUrl, bodyOf({ ...narInfo, signatures }))
    }
    await put(app, narUrl, file)
    assert.equal((await send(0, 65)).status, 400)
    assert.equal((await send(0, 40)).status, 201)
    assert.equal((await send(40, 24)).status, 201)
    assert.equal((await send(40, 24)).status, 201)
    assert.equal((await send(64, 1)).status, 409)
  })

  test("nonsense", async () => {
    const { app } = emptyCache()
    const { infoUrl } = parcelOf(hello)
    for (const text of ["", "x", "a: b\n", `StorePath: ${formatStorePath(hello.info.storePath)}\n`]) {
      const said = await put(app, infoUrl, new TextEncoder().encode(text))
      assert.equal(said.status, 400, text)
    }
  })

  test("what is too large", async () => {
    const { app } = emptyCache({ limits: { narSizeMax: hello.nar.length - 1, narInfoSizeMax: 100 } })
    const { narUrl, file, infoUrl, narInfo } = parcelOf(hello)
    assert.equal((await put(app, narUrl, file)).status, 413)
    assert.equal((await put(app, narUrl, file, { "Content-Length": "99999999999999" })).status, 413)
    assert.equal((await put(app, infoUrl, bodyOf(narInfo))).status, 413)
  })

  test("too many files", async () => {
    const { narUrl, file } = parcelOf(hello)
    const statuses = []
    for (const entriesMax of [3, 4]) {
      statuses.push((await put(emptyCache({ limits: { entriesMax } }).app, narUrl, file)).status)
    }
    assert.deepEqual(statuses, [400, 201])
  })

  test("what becomes too large", async () => {
    const { app } = emptyCache({ limits: { narSizeMax: hello.nar.length - 1 }, decompress: gunzip })
    assert.equal((await put(app, "/nar/x.nar.gz", gzipSync(hello.nar))).status, 413)
  })

  test("too many at the same time", async () => {
    const { store } = emptyCache()
    const limits = { uploadsMax: 1, uploadsWaitingMax: 0 }
    const app = binaryCache(store, { anonymousWrites: true, limits })
    const { narUrl, file } = parcelOf(hello)
    let release = (): void => {}
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        release = () => {
          controller.enqueue(file)
          controller.close()
        }
      },
    })
    const first = app.request(new Request(`http://cache${narUrl}`, { method: "PUT", body, duplex: "half" }))
    const said = await app.request(narUrl, { method: "PUT", body: new Uint8Array(file) })
    assert.equal(said.status, 503)
    assert.ok(Number(said.headers.get("retry-after")) > 0)
    release()
    assert.equal((await first).status, 201)
    assert.equal((await put(app, narUrl, file)).status, 201)
  })
})

describe("rights", () => {
  test("writing needs a token that is good for it", async () => {
    const tokens = memoryTokens()
    const reader = tokens.create({ name: "reader", right: "read" }).secret
    const writer = tokens.create({ name: "writer", right: "write" }).secret
    const { app } = emptyCache({ tokens, anonymousWrites: false })
    const parcel = parcelOf(hello)
    const statuses = []
    for (const headers of [{}, { Authorization: "Bearer x" }, bearer(reader), bearer(writer)]) {
      statuses.push((await upload(app, parcel, headers)).status)
    }
    assert.deepEqual(statuses, [401, 401, 403, 201])
  })

  test("where there are no tokens, nobody writes", async () => {
    const { app } = emptyCache({ anonymousWrites: false })
    assert.equal((await upload(app, parcelOf(hello), bearer("tvix_x"))).status, 401)
  })
})

function bearer(secret: string): Record<string, string> {
  return { Authorization: `Bearer ${secret}` }
}
