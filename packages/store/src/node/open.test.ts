import assert from "node:assert/strict"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, test } from "node:test"
import { utf8 } from "@tvix-ts/bytes"
import { CastoreError, digestOf } from "@tvix-ts/castore"
import { storeTree } from "../import.ts"
import { produce, file } from "../testing/trees.ts"
import { serveStore } from "./grpc/server.ts"
import { openLocalStore } from "./local/store.ts"
import { openStore } from "./open.ts"

const dir = mkdtempSync(join(tmpdir(), "tvix-open-"))
test.after(() => rmSync(dir, { recursive: true }))

const REFUSED: readonly [address: string, reason: RegExp][] = [
  ["", /it is empty/],
  [
    "ftp://host",
    /'ftp:' is unknown; known are memory:, local:\/\/\/DIR, grpc\+http:\/\/HOST:PORT, .*cache\(NEAR,FAR\)/,
  ],
  ["constructor:", /'constructor:' is unknown/],
  ["memory:x", /nothing after/],
  ["memory://x", /nothing after/],
  ["local:", /names no folder/],
  ["local://", /names no folder/],
  ["local:///", /names no folder/],
  ["local://host/dir", /'host' has no meaning/],
  ["local:///dir?x=1", /'\?x=1' has no meaning/],
  ["local:///a%2fb", /./],
  ["grpc+http://", /./],
  ["grpc+http://host", /names no port/],
  ["grpc+http://host:99999", /not well-formed/],
  ["grpc+http://host:1/path", /'\/path' has no meaning/],
  ["grpc+http://me@host:1", /'me' has no meaning/],
  ["grpc+http://me:secret@host:1", /^store address 'grpc\+http:\/\/me:…@host:1': a password has no place in it/],
  ["s3:", /names no bucket/],
  ["s3:///prefix", /names no bucket/],
  ["s3://Un_der", /no name of a bucket/],
  ["s3://bucket/a b", /is no prefix/],
  ["s3://bucket/a//b", /is no prefix/],
  ["s3://bucket?endpoint=ftp://host", /begins with 'http:\/\/'/],
  ["s3://bucket?endpoint=http://host/path", /ends with its host/],
  [
    "s3://bucket?endpoint=http://me:secret@host",
    /^store address 's3:\/\/bucket\?endpoint=http:\/\/me:…@host': .*no credentials/,
  ],
  ["s3://bucket?region=a b", /no region/],
  ["s3://bucket?style=other", /path or host/],
  ["s3://bucket?anonymous=yes", /true or false/],
  ["s3://bucket?region=a&region=b", /there twice/],
  ["s3://id:secret@bucket", /^store address 's3:\/\/id:…@bucket': a password/],
  [
    "s3://bucket?secret_access_key=abc",
    /^store address 's3:\/\/bucket\?secret_access_key=…': 'secret_access_key' has no/,
  ],
  ["postgres:", /names no host/],
  ["postgres:///db", /names no host/],
  ["postgres://me:secret@host/db", /^store address 'postgres:\/\/me:…@host\/db': a password/],
  [
    "postgres://host/db?password=secret",
    /^store address 'postgres:\/\/host\/db\?password=…': 'password' has no meaning/,
  ],
  ["postgres://host/db?host=/other", /two hosts/],
  ["postgres://host/db?schema=public;drop", /no schema/],
  ["postgres://host/db?sslmode=prefer", /'sslmode' is one of/],
  ["postgres://host/db", /there are no blobs in it; 'parts\(/],
  ["parts(blobs=postgres://host/db,directories=memory:,pathinfos=memory:)", /there are no blobs at the address/],
  ["parts()", /its form is/],
  ["parts(memory:)", /its form is/],
  ["parts(blobs=memory:)", /does not say where the directories are/],
  ["parts(blobs=memory:,blobs=memory:)", /twice/],
  ["parts(files=memory:)", /'files' is none of blobs, directories, pathinfos/],
  ["parts(blobs=memory:,directories=memory:,pathinfos=ftp://host)", /unknown/],
  ["grpc+unix://socket", /./],
  ["grpc+unix:///", /names no socket/],
  ["cache(memory:,memory:", /not closed/],
  ["cache(memory:)", /two addresses/],
  ["cache(memory:,memory:,memory:)", /two addresses/],
  ["cache(memory:,nix+https://h,memory:)", /more if they are of binary caches/],
  ["cache(memory:,nix+https://h?colour=red)", /'colour' is no option/],
  ["nix+https://me:s3cret@h", /token-file/],
  ["cache(memory:),memory:)", /was not opened/],
  ["cache((memory:,memory:)", /not closed/],
  ["cache(memory:,ftp://host)", /unknown/],
  ["cache(,memory:)", /it is empty/],
]
describe("openStore refuses", () => {
  for (const [address, reason] of REFUSED) {
    test(`'${address}'`, async () => {
      await assert.rejects(openStore(address), (error) => {
        assert.ok(error instanceof CastoreError && error.problem.code === "invalid", String(error))
        assert.match(error.message, reason)
        return true
      })
    })
  }
})

const PARTS = "parts( blobs=memory:, pathinfos = memory: ,directories=cache(memory:,memory:))"
describe("openStore opens", () => {
  for (const address of [
    "memory:",
    "memory://",
    " memory: ",
    "cache(memory:,cache(memory:,memory:))",
    PARTS,
    `cache(memory:,${PARTS})`,
  ]) {
    test(`'${address}'`, async () => {
      const store = await openStore(address)
      const { storePath } = await storeTree((sink) => produce(file("x"), sink), store, { name: "x" })
      assert.ok(await store.pathInfos.get(storePath.digest))
      await store.close()
      await store.close()
    })
  }

  test("folders, by address and by path", async () => {
    const folder = join(dir, "with space, (and more)")
    const first = await openStore(`local://${encodeURI(folder)}`)
    const digest = await first.blobs.put([utf8("kept")])
    await first.close()
    assert.ok(existsSync(join(folder, "store.sqlite")))
    for (const address of [folder, `local:${folder}`]) {
      const store = await openStore(address)
      assert.equal((await store.blobs.stat(digest))?.size, 4)
      await store.close()
      await store.close()
    }
  })

  test("servers, on a port and on a socket, with a cache before them", async () => {
    const served = openLocalStore(join(dir, "served"))
    const socket = join(dir, "socket")
    const servers = [
      await serveStore(served, { address: "127.0.0.1:0" }),
      await serveStore(served, { address: `unix:${socket}` }),
    ]
    const addresses = [`grpc+http://${servers[0]!.address}`, `grpc+unix://${socket}`]
    for (const address of [...addresses, `cache(memory:,${addresses[0]})`]) {
      const store = await openStore(address)
      const pathInfo = await storeTree((sink) => produce(file(address), sink), store, { name: "x" })
      assert.deepEqual((await store.pathInfos.get(pathInfo.storePath.digest))?.narHash, pathInfo.narHash)
      assert.equal((await served.blobs.stat(digestOf(utf8(address))))?.size, address.length)
      await store.close()
    }
    for (const server of servers) await server.close(1000)
    await served.close()
  })
})
