/** What a service can do to us: to be busy, to be slow, to lie, to go away. */
import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { afterEach, beforeEach, describe, test } from "node:test"
import { utf8 } from "@tvix-ts/bytes"
import { digestOf, type B3Digest } from "../digest.ts"
import { directoryDigest } from "../directory/codec.ts"
import type { Directory } from "../directory/service.ts"
import type { CastoreError } from "../problem.ts"
import { readBlob, testBlobService } from "../testing/blob-service.ts"
import { noise } from "../testing/bytes.ts"
import { testDirectoryService } from "../testing/directory-service.ts"
import { problem } from "../testing/problem.ts"
import { s3BlobService } from "./blobs.ts"
import { s3DirectoryService } from "./directories.ts"
import { objectName } from "./names.ts"
import { S3Objects } from "./objects.ts"
import { startFakeS3, type FakeRequest, type FakeS3, type Fault } from "./testing/fake-s3.ts"

testBlobService("S3 that checks signatures", async () => {
  const fake = await startFakeS3()
  return { service: s3BlobService(fake.options()), close: () => fake.stop() }
})
testDirectoryService("S3 that knows no conditions", async () => {
  const fake = await startFakeS3()
  fake.conditions = false
  return { service: s3DirectoryService(fake.options()), close: () => fake.stop() }
})

let fake: FakeS3
beforeEach(async () => void (fake = await startFakeS3()))
afterEach(() => fake.stop())

const LARGE = noise(1_500_000)
const SMALL = utf8("a small blob")
const nameOf = (kind: Parameters<typeof objectName>[0], digest: B3Digest): string =>
  `some/prefix/${objectName(kind, digest)}`

/** A problem, with what a person reads of it. */
function says(code: CastoreError["problem"]["code"], message: RegExp) {
  return (error: unknown): true => {
    assert.match((error as Error).message, message)
    return problem(code)(error)
  }
}

/** Fails the first `count` times that something is asked for. */
function firstTimes(count: number, fault: Fault): (request: FakeRequest) => Fault | undefined {
  const seen = new Map<string, number>()
  return ({ method, key, query }) => {
    const what = `${method} ${key}?${query.toString()}`
    const times = seen.get(what) ?? 0
    seen.set(what, times + 1)
    return times < count ? fault : undefined
  }
}

describe("passing failures are waited out", () => {
  const FAULTS: readonly [name: string, fault: Fault][] = [
    ["SlowDown", { status: 503, code: "SlowDown" }],
    ["an internal error", { status: 500, code: "InternalError" }],
    ["a time-out", { status: 400, code: "RequestTimeout" }],
    ["too many requests", { status: 429, code: "", headers: { "retry-after": "0" } }],
    ["a connection that is cut", "cut"],
    ["answers that break off", "cut-answer"],
  ]
  for (const [name, fault] of FAULTS) {
    test(name, async () => {
      fake.fault = firstTimes(3, fault)
      const blobs = s3BlobService(fake.options({ partBytes: 100_000 }))
      for (const bytes of [SMALL, LARGE]) {
        const digest = await blobs.put([bytes])
        assert.deepEqual(await readBlob(blobs, digest), bytes)
        assert.equal((await blobs.stat(digest))?.size, bytes.length)
      }
      const directories = s3DirectoryService(fake.options())
      const digest = await directories.put({ entries: [["link", { type: "symlink", target: "x" }]] })
      assert.equal((await directories.get(digest))?.entries.length, 1)
    })
  }

  test("but not for ever", async () => {
    fake.fault = () => ({ status: 503, code: "SlowDown" })
    const blobs = s3BlobService(fake.options({ attempts: 4 }))
    await assert.rejects(blobs.put([SMALL]), says("unavailable", /bucket 'bucket' at http:.*: SlowDown: as the test/))
    assert.equal(fake.requests.length, 4)
  })

  test("a service that does not answer", async () => {
    const slow = await startFakeS3()
    let asked = 0
    const options = slow.options({ attempts: 2, timeoutMs: 20 })
    // Never answered: the body of the fault is a promise nobody keeps.
    slow.fault = () => {
      asked++
      return { status: 100, code: "" }
    }
    await assert.rejects(s3BlobService(options).stat(digestOf(SMALL)), problem("unavailable"))
    assert.ok(asked > 0)
    await slow.stop()
  })

  test("a service that is slow, but gets on, is waited for", async () => {
    const objects = new S3Objects(fake.options({ attempts: 1, timeoutMs: 300 }))
    // Longer than the time limit, in pieces that are not.
    fake.latencyMs = 600
    assert.equal(await objects.put("x", LARGE), true)
    fake.latencyMs = 0
    fake.pieceMs = 15
    assert.deepEqual((await objects.get("x", LARGE.length))?.bytes, LARGE)
  })

  test("not so one that sends a byte now and then", async () => {
    const server = createServer((_, response) => {
      response.writeHead(200, { "content-length": 1_000_000 })
      const timer = setInterval(() => response.write("x"), 5)
      response.once("close", () => clearInterval(timer))
    })
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    try {
      const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      const objects = new S3Objects(fake.options({ endpoint, attempts: 1, timeoutMs: 100 }))
      await assert.rejects(objects.get("x", LARGE.length), problem("unavailable"))
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })

  test("waiting ends when the caller does not want to wait", async () => {
    const controller = new AbortController()
    fake.fault = () => {
      controller.abort(new Error("enough"))
      return { status: 503, code: "SlowDown", headers: { "retry-after": "100" } }
    }
    const blobs = s3BlobService(fake.options())
    await assert.rejects(blobs.stat(digestOf(SMALL), { signal: controller.signal }), /enough/)
    await assert.rejects(blobs.put([SMALL], { signal: controller.signal }), /enough/)
  })
})

describe("what is refused for good is told, without a secret", () => {
  const options = () => fake.options()
  const CASES: readonly [name: string, open: () => ReturnType<typeof options>, message: RegExp][] = [
    ["no bucket", () => ({ ...options(), bucket: "none" }), /^bucket 'none' at http:\S+: there is no such bucket$/],
    [
      "a key that nobody knows",
      () => ({ ...options(), credentials: async () => ({ accessKeyId: "AKOTHER", secretAccessKey: "other/secret" }) }),
      /does not accept the credentials: InvalidAccessKeyId/,
    ],
    [
      "a wrong secret",
      () => ({
        ...options(),
        credentials: async () => ({ accessKeyId: "AKEXAMPLE", secretAccessKey: "other/secret" }),
      }),
      /does not accept the credentials: SignatureDoesNotMatch/,
    ],
    ["nobody in particular", () => ({ ...options(), credentials: undefined }), /do not permit it.*AccessDenied/],
  ]
  for (const [name, open, message] of CASES) {
    test(name, async () => {
      for (const ask of [
        () => s3BlobService(open()).put([SMALL]),
        () => s3BlobService(open()).put([LARGE]),
        () => s3BlobService(open()).read(digestOf(SMALL)),
        () => s3DirectoryService(open()).get(digestOf(SMALL)),
      ]) {
        await assert.rejects(ask(), (error) => {
          assert.doesNotMatch(String((error as Error).stack), /other\/secret/)
          return says("unavailable", message)(error)
        })
      }
      assert.equal(fake.objects.size, 0)
    })
  }

  test("a clock that is wrong", async () => {
    const date = new Date(Date.now() + 20 * 60_000).toUTCString()
    fake.fault = () => ({ status: 403, code: "RequestTimeTooSkewed", headers: { date } })
    const reading = s3BlobService(fake.options()).read(digestOf(SMALL))
    await assert.rejects(reading, says("unavailable", /RequestTimeTooSkewed.*clock is 20 minutes behind the service's/))
  })

  test("credentials that have expired are asked for again, once", async () => {
    let asked = 0
    fake.fault = () => (asked < 2 ? { status: 400, code: "ExpiredToken" } : undefined)
    const { credentials, ...rest } = fake.options()
    const renewing = { ...rest, credentials: async () => (asked++, credentials!()) }
    await s3BlobService(renewing).put([SMALL])
    assert.equal(asked, 2)
    fake.fault = () => ({ status: 400, code: "ExpiredToken" })
    await assert.rejects(s3BlobService(renewing).put([SMALL]), says("unavailable", /ExpiredToken/))
    assert.equal(asked, 4)
  })
})

describe("nothing that is wrong is given to anybody", () => {
  const damages: readonly [name: string, damage: (bytes: Buffer) => Buffer][] = [
    ["a byte is another", (bytes) => Buffer.from(bytes.with(bytes.length >> 1, bytes[bytes.length >> 1]! ^ 1))],
    ["the end is missing", (bytes) => bytes.subarray(0, -1)],
    ["all is missing", () => Buffer.alloc(0)],
    ["it is something else", () => Buffer.from("<html>")],
    ["there is more", (bytes) => Buffer.concat([bytes, Buffer.from("x")])],
  ]
  for (const [name, damage] of damages) {
    test(`a chunk, a list of chunks and a directory of which ${name}`, async () => {
      const blobs = s3BlobService(fake.options())
      const directories = s3DirectoryService(fake.options())
      const small = await blobs.put([SMALL])
      const large = await blobs.put([LARGE])
      const directory = await directories.put({ entries: [["link", { type: "symlink", target: "x" }]] })
      const second = (await blobs.stat(large))!.chunks[1]!.digest
      const change = (key: string): (() => void) => {
        const stored = fake.objects.get(key)!
        fake.objects.set(key, { ...stored, bytes: damage(stored.bytes) })
        return () => void fake.objects.set(key, stored)
      }
      for (const [digest, key] of [
        [small, nameOf("chunks", small)],
        [large, nameOf("chunks", second)],
        [large, nameOf("blobs", large)],
      ] as const) {
        const restore = change(key)
        const given: Uint8Array[] = []
        const expected = digest === small ? SMALL : LARGE
        try {
          const contents = await blobs.read(digest)
          // A list of nothing is what a blob has that was not cut: then it is not there.
          if (name !== "all is missing") assert.notEqual(contents, undefined)
          for await (const piece of contents ?? []) given.push(piece)
          // What is behind a frame, or means the same, is no damage to what is read.
          if (contents !== undefined) assert.deepEqual(Buffer.concat(given), Buffer.from(expected))
          if (key !== nameOf("blobs", large)) assert.equal(name, "there is more")
        } catch (error) {
          problem("corrupt")(error)
          const length = given.reduce((sum, piece) => sum + piece.length, 0)
          assert.deepEqual(Buffer.concat(given), Buffer.from(expected.subarray(0, length)))
        }
        restore()
      }
      change(nameOf("directories", directory))
      if (name === "there is more") assert.equal((await directories.get(directory))?.entries.length, 1)
      else await assert.rejects(directories.get(directory), problem("corrupt"))
    })
  }

  test("a frame that is larger inside than anything may be", async () => {
    const digest = digestOf(SMALL)
    const bytes = Buffer.from(await fake.options().zstd.compress(new Uint8Array(9 * 2 ** 20)))
    fake.objects.set(nameOf("chunks", digest), { bytes, size: undefined })
    await assert.rejects(s3BlobService(fake.options()).read(digest), says("corrupt", /cannot be decompressed/))
  })

  test("an object that is larger than anything may be is not read to its end", async () => {
    const digest = digestOf(SMALL)
    fake.objects.set(nameOf("chunks", digest), { bytes: Buffer.alloc(40 * 2 ** 20), size: undefined })
    await assert.rejects(s3BlobService(fake.options()).read(digest), says("corrupt", /more than/))
  })

  test("a chunk that a list names is not there", async () => {
    const blobs = s3BlobService(fake.options())
    const large = await blobs.put([LARGE])
    fake.objects.delete(nameOf("chunks", (await blobs.stat(large))!.chunks[2]!.digest))
    await assert.rejects(readBlob(blobs, large), problem("missing"))
  })

  test("answers that are not S3's", async () => {
    const objects = new S3Objects(fake.options())
    fake.objects.set("some/prefix/a&b", { bytes: Buffer.alloc(1), size: undefined })
    await assert.rejects(
      Array.fromAsync(objects.list("")),
      says("unavailable", /is not a list of objects, as S3 has it/),
    )
  })
})

describe("objects", () => {
  test("in pages", async () => {
    const objects = new S3Objects(fake.options())
    const names = ["a/1", "a/2", "a/3", "a/4", "a/5", "a/6", "a/7", "b"]
    for (const name of names) await objects.put(name, utf8(name))
    assert.deepEqual(await Array.fromAsync(objects.list("")), names)
    assert.deepEqual(await Array.fromAsync(objects.list("a/")), names.slice(0, -1))
    assert.deepEqual(await Array.fromAsync(objects.list("c")), [])
    await objects.delete("a/1")
    assert.equal(await objects.get("a/1", 10), undefined)
  })

  test("conditions are given up for an hour, and only if the service says that it knows none", async () => {
    let now = 0
    const objects = new S3Objects(fake.options(), () => now)
    await objects.put("x", SMALL)
    /** Whether conditions are known to be looked at. */
    const looksAtThem = async (): Promise<boolean> => !(await objects.put("x", SMALL, { unless: "there" }))
    fake.fault = ({ method }) => (method === "PUT" ? { status: 501, code: "" } : undefined)
    await assert.rejects(objects.put("x", SMALL, { unless: "there" }), problem("unavailable"))
    fake.fault = ({ method }) => (method === "PUT" ? { status: 501, code: "NotImplemented" } : undefined)
    await assert.rejects(objects.put("x", SMALL), problem("unavailable"))
    fake.fault = () => undefined
    assert.equal(await looksAtThem(), true)
    fake.conditions = false
    assert.equal(await looksAtThem(), false)
    fake.conditions = true
    now = 3_599_999
    assert.equal(await looksAtThem(), false)
    now = 3_600_000
    assert.equal(await looksAtThem(), true)
  })

  for (const conditions of [true, false]) {
    test(`in parts, on conditions that a service ${conditions ? "knows" : "does not know"}`, async () => {
      fake.conditions = conditions
      const objects = new S3Objects(fake.options({ partBytes: 100_000 }))
      assert.equal(await objects.put("large", LARGE, { unless: "there" }), true)
      assert.equal(await objects.put("large", LARGE, { unless: "there" }), !conditions)
      const { bytes, etag } = (await objects.get("large", 2_000_000))!
      assert.deepEqual(bytes, LARGE)
      assert.equal(await objects.put("large", LARGE.subarray(1), { replaces: etag! }), true)
      assert.equal(await objects.put("large", LARGE, { replaces: etag! }), !conditions)
      assert.equal(await objects.put("gone", LARGE, { replaces: etag! }), !conditions)
      assert.equal(fake.uploads.size, 0)
    })
  }

  test("of which the last part fails are not there, not even in parts", async () => {
    fake.fault = ({ query }) => (query.get("partNumber") === "15" ? { status: 400, code: "EntityTooSmall" } : undefined)
    const objects = new S3Objects(fake.options({ partBytes: 100_000 }))
    await assert.rejects(objects.put("large", LARGE), says("unavailable", /EntityTooSmall/))
    assert.equal(fake.objects.size, 0)
    assert.equal(fake.uploads.size, 0)
  })

  test("of which the line is lost meanwhile are not there, not even in parts", async () => {
    fake.fault = ({ query }) => (Number(query.get("partNumber")) > 7 ? "cut" : undefined)
    const objects = new S3Objects(fake.options({ partBytes: 100_000, attempts: 3 }))
    await assert.rejects(objects.put("large", LARGE), says("unavailable", /the connection failed/))
    assert.equal(fake.objects.size, 0)
    assert.equal(fake.uploads.size, 0)
  })

  test("that are given up meanwhile are not there, not even in parts", async () => {
    const controller = new AbortController()
    fake.fault = ({ query }) => {
      if (query.get("partNumber") === "5") controller.abort(new Error("never mind"))
      return undefined
    }
    const objects = new S3Objects(fake.options({ partBytes: 100_000 }))
    await assert.rejects(objects.put("large", LARGE, { signal: controller.signal }), /never mind/)
    assert.equal(fake.objects.size, 0)
    assert.equal(fake.uploads.size, 0)
  })

  test("whose last answer is lost are there", async () => {
    const objects = new S3Objects(fake.options({ partBytes: 100_000 }))
    let lost = 0
    fake.fault = ({ method, query }) =>
      method === "POST" && query.has("uploadId") && lost++ === 0 ? "cut-answer" : undefined
    assert.equal(await objects.put("large", LARGE), true)
    assert.equal(lost, 2)
    assert.equal(fake.objects.get("some/prefix/large")?.bytes.length, LARGE.length)
  })
})

test("a directory is stored after all that are in it, whatever fails", async () => {
  const chain: Directory[] = [{ entries: [] }]
  for (let i = 0; i < 20; i++) {
    const digest = directoryDigest(chain[i]!)
    chain.push({ entries: [["down", { type: "directory", digest, size: i }]] })
  }
  const failing = nameOf("directories", directoryDigest(chain[10]!))
  fake.fault = ({ key, method }) =>
    key === failing && method === "PUT" ? { status: 403, code: "AccessDenied" } : undefined
  const putter = s3DirectoryService(fake.options()).putMultiple()
  for (const directory of chain) await putter.put(directory)
  await assert.rejects(putter.close(), says("unavailable", /AccessDenied/))
  const expected = chain.slice(0, 10).map((directory) => nameOf("directories", directoryDigest(directory)))
  assert.deepEqual([...fake.objects.keys()].sort(), expected.sort())
})

test("a chunk that is there is not sent again, and lists come after their chunks", async () => {
  const blobs = s3BlobService(fake.options())
  const digest = await blobs.put([LARGE])
  const puts = fake.requests.filter((request) => request.startsWith("PUT"))
  assert.equal(puts.at(-1), `PUT ${nameOf("blobs", digest)}`)
  fake.requests.length = 0
  await blobs.put([LARGE.subarray(0, -10)])
  const again = fake.requests.filter((request) => request.startsWith("PUT"))
  assert.equal(again.length, 2, again.join("\n"))
})

test("a bucket in the host", async () => {
  const seen: string[] = []
  const real = globalThis.fetch
  globalThis.fetch = (async (url: string) => {
    seen.push(url)
    return new Response(null, { status: 200, headers: { "x-amz-meta-size": "7" } })
  }) as typeof fetch
  try {
    const options = fake.options({ endpoint: "https://s3.example.org", bucketIn: "host", prefix: "" })
    assert.equal((await s3BlobService(options).stat(digestOf(SMALL)))?.size, 7)
  } finally {
    globalThis.fetch = real
  }
  assert.deepEqual(seen, [`https://bucket.s3.example.org/${objectName("chunks", digestOf(SMALL))}`])
})
