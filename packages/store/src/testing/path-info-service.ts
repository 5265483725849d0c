import assert from "node:assert/strict"
import { afterEach, beforeEach, describe, test } from "node:test"
import { utf8 } from "@tvix-ts/bytes"
import { CastoreError, digestOf } from "@tvix-ts/castore"
import { encodeNix32, hash } from "@tvix-ts/hash"
import type { Signature, StorePath } from "@tvix-ts/nix-compat"
import type { PathInfo } from "../path-info/path-info.ts"
import type { PathInfoService } from "../path-info/service.ts"

export interface OpenPathInfoService {
  readonly service: PathInfoService
  /** Called after `service.close()`. */
  readonly close?: () => Promise<void>
}

/** A store path with a digest made from `seed`. */
export function exampleStorePath(seed: string, name: string = "example"): StorePath {
  return { digest: encodeNix32(hash("sha256", utf8(seed)).subarray(0, 20)), name }
}

/** A path info as {@link PathInfoService} accepts it, with `changes`. */
export function examplePathInfo(seed: string, changes: Partial<PathInfo> = {}): PathInfo {
  const contents = utf8(seed)
  return {
    storePath: exampleStorePath(seed),
    node: { type: "file", digest: digestOf(contents), size: contents.length, executable: false },
    references: [],
    narSize: 112 + 8 * Math.ceil(contents.length / 8),
    narHash: hash("sha256", contents),
    signatures: [],
    ...changes,
  }
}

function signature(name: string, fill: number): Signature {
  return { name, bytes: new Uint8Array(64).fill(fill) }
}

const sortedPaths = (paths: readonly StorePath[]): StorePath[] =>
  paths.toSorted((a, b) => (`${a.digest}-${a.name}` < `${b.digest}-${b.name}` ? -1 : 1))

/** Each field of a path info in each of its forms. */
const SHAPES: readonly [name: string, pathInfo: PathInfo][] = [
  ["a file", examplePathInfo("file")],
  [
    "an executable",
    examplePathInfo("x", { node: { type: "file", digest: digestOf(utf8("x")), size: 1, executable: true } }),
  ],
  [
    "an empty file",
    examplePathInfo("", { node: { type: "file", digest: digestOf(utf8("")), size: 0, executable: false } }),
  ],
  ["a symlink, its target not UTF-8", examplePathInfo("link", { node: { type: "symlink", target: "/nix/\xff\xc3" } })],
  ["a directory", examplePathInfo("dir", { node: { type: "directory", digest: digestOf(utf8("dir")), size: 7 } })],
  [
    "the greatest sizes",
    examplePathInfo("big", {
      node: { type: "file", digest: digestOf(utf8("big")), size: Number.MAX_SAFE_INTEGER, executable: false },
      narSize: Number.MAX_SAFE_INTEGER,
    }),
  ],
  ["a size of zero", examplePathInfo("zero", { narSize: 0 })],
  ["a long name", examplePathInfo("long", { storePath: exampleStorePath("long", "n".repeat(211)) })],
  ["a name of every character", examplePathInfo("characters", { storePath: exampleStorePath("c", "aZ0+-._?=") })],
  [
    "references, itself among them",
    examplePathInfo("refs", {
      references: sortedPaths([exampleStorePath("refs"), exampleStorePath("a"), exampleStorePath("b", "other")]),
    }),
  ],
  ["signatures", examplePathInfo("signed", { signatures: [signature("cache.example.org-1", 1), signature("b", 2)] })],
  ["a deriver", examplePathInfo("derived", { deriver: exampleStorePath("drv", "hello-1.0.drv") })],
  ["a deriver of a derivation", examplePathInfo("drv2", { deriver: exampleStorePath("drv", "hello.drv.drv") })],
  ...(["md5", "sha1", "sha256", "sha512"] as const).flatMap((algorithm) =>
    (["flat", "nar", "text"] as const)
      .filter((method) => method !== "text" || algorithm === "sha256")
      .map((method): [string, PathInfo] => [
        `content-addressed, ${method} by ${algorithm}`,
        examplePathInfo(`${method}${algorithm}`, {
          contentAddress: { method, hash: { algorithm, digest: hash(algorithm, utf8("contents")) } },
        }),
      ]),
  ),
]

const DIGEST = digestOf(utf8("refused"))
/** Path infos that are refused, by what is wrong with them. */
const REFUSED: readonly [name: string, changes: Partial<PathInfo>][] = [
  ["a digest of 31 digits", { storePath: { digest: "0".repeat(31), name: "x" } }],
  ["a digest with a foreign digit", { storePath: { digest: `${"0".repeat(31)}e`, name: "x" } }],
  ["an empty name", { storePath: exampleStorePath("refused", "") }],
  ["a name with a slash", { storePath: exampleStorePath("refused", "a/b") }],
  ["a name too long", { storePath: exampleStorePath("refused", "n".repeat(212)) }],
  [
    "a short digest of a file",
    { node: { type: "file", digest: DIGEST.subarray(1) as typeof DIGEST, size: 1, executable: false } },
  ],
  [
    "a short digest of a directory",
    { node: { type: "directory", digest: DIGEST.subarray(1) as typeof DIGEST, size: 1 } },
  ],
  ["a negative size", { node: { type: "file", digest: DIGEST, size: -1, executable: false } }],
  ["a size that is not exact", { node: { type: "directory", digest: DIGEST, size: 2 ** 53 } }],
  ["an empty target", { node: { type: "symlink", target: "" } }],
  ["a target with a NUL", { node: { type: "symlink", target: "a\0b" } }],
  ["a target longer than any system takes", { node: { type: "symlink", target: "t".repeat(4096) } }],
  ["a reference that is none", { references: [{ digest: "short", name: "x" }] }],
  ["references out of order", { references: sortedPaths([exampleStorePath("a"), exampleStorePath("b")]).toReversed() }],
  ["a reference twice", { references: [exampleStorePath("a"), exampleStorePath("a")] }],
  ["a short hash", { narHash: new Uint8Array(31) }],
  ["a fraction of a byte", { narSize: 0.5 }],
  ["a short signature", { signatures: [{ name: "key", bytes: new Uint8Array(63) }] }],
  ["a signature without a name", { signatures: [signature("", 0)] }],
  ["a deriver that is no derivation", { deriver: exampleStorePath("drv", "hello") }],
  ["a deriver with a wrong digest", { deriver: { digest: "", name: "hello.drv" } }],
  [
    "a content address with a short hash",
    { contentAddress: { method: "nar", hash: { algorithm: "sha256", digest: new Uint8Array(20) } } },
  ],
  ["a text by SHA-1", { contentAddress: { method: "text", hash: { algorithm: "sha1", digest: new Uint8Array(20) } } }],
]

/**
 * What it means to be a {@link PathInfoService}. Each back end's test file calls it:
 *
 *     testPathInfoService("memory", async () => ({ service: memoryPathInfoService() }))
 */
export function testPathInfoService(backend: string, open: () => Promise<OpenPathInfoService>): void {
  describe(`PathInfoService: ${backend}`, () => {
    let service: PathInfoService
    let close: (() => Promise<void>) | undefined
    beforeEach(async () => void ({ service, close } = await open()))
    afterEach(async () => {
      await service.close()
      await close?.()
    })

    test("what was never put is not there", async () => {
      assert.equal(await service.get(exampleStorePath("never").digest), undefined)
      assert.equal(await service.describe(exampleStorePath("never").digest), undefined)
      assert.deepEqual(await all(service), [])
    })

    for (const [name, pathInfo] of SHAPES) {
      test(`comes back as it was put: ${name}`, async () => {
        assert.deepEqual(plain(await service.put(pathInfo)), plain(pathInfo))
        assert.deepEqual(plain((await service.get(pathInfo.storePath.digest))!), plain(pathInfo))
        const described = await service.describe(pathInfo.storePath.digest)
        assert.deepEqual(plain({ ...described!, node: pathInfo.node }), plain(pathInfo))
        assert.deepEqual((await all(service)).map(plain), [plain(pathInfo)])
      })
    }

    for (const [name, changes] of REFUSED) {
      test(`refuses ${name}, and keeps what was there`, async () => {
        const before = examplePathInfo("refused")
        await service.put(before)
        await assert.rejects(service.put({ ...before, ...changes }), isInvalid)
        assert.deepEqual((await all(service)).map(plain), [plain(before)])
      })
    }

    test("refuses to look up what is no digest", async () => {
      for (const digest of ["", "0".repeat(31), "0".repeat(33), "e".repeat(32), "\0".repeat(32)]) {
        await assert.rejects(service.get(digest), isInvalid)
        await assert.rejects(service.has([exampleStorePath("path").digest, digest]), isInvalid)
      }
    })

    test("puts the new in place of the old", async () => {
      const old = examplePathInfo("path", { signatures: [signature("old", 1)] })
      await service.put(old)
      const changed = examplePathInfo("path", { narHash: new Uint8Array(32).fill(9), narSize: 8 })
      assert.deepEqual(plain(await service.put(changed)), plain(changed), "the signature was of another archive")
      assert.deepEqual((await all(service)).map(plain), [plain(changed)])
    })

    test("keeps the signatures that still hold", async () => {
      const a = signature("a", 1)
      const b = signature("b", 2)
      await service.put(examplePathInfo("path", { signatures: [a, b] }))
      const put = examplePathInfo("path", { signatures: [signature("c", 3), b] })
      const merged = { ...put, signatures: [...put.signatures, a] }
      assert.deepEqual(plain(await service.put(put)), plain(merged))
      assert.deepEqual(plain((await service.get(put.storePath.digest))!), plain(merged))
      const again = examplePathInfo("path", { deriver: exampleStorePath("drv", "x.drv") })
      assert.deepEqual((await service.put(again)).signatures.length, 3, "a deriver is not part of what is signed")
    })

    test("what the caller changes afterwards is not changed in the store", async () => {
      const pathInfo = examplePathInfo("mine", { narHash: new Uint8Array(32).fill(1) })
      await service.put(pathInfo)
      pathInfo.narHash.fill(2)
      assert.equal((await service.get(pathInfo.storePath.digest))!.narHash[0], 1)
    })

    test("lists many in the order of their digests", async () => {
      const many = Array.from({ length: 700 }, (_, i) => examplePathInfo(`many ${i}`))
      for (let at = 0; at < many.length; at += 50) {
        await Promise.all(many.slice(at, at + 50).map((pathInfo) => service.put(pathInfo)))
      }
      const digests = many.map((pathInfo) => pathInfo.storePath.digest).sort()
      assert.deepEqual(
        (await all(service)).map((pathInfo) => pathInfo.storePath.digest),
        digests,
      )
      // Whoever stops early leaves nothing open: the service closes.
      for await (const first of service.list()) {
        assert.equal(first.storePath.digest, digests[0])
        break
      }
    })

    test("one that is put while others are listed does no harm", async () => {
      for (const seed of ["a", "b", "c"]) await service.put(examplePathInfo(seed))
      let count = 0
      for await (const pathInfo of service.list()) {
        count++
        await service.put({ ...pathInfo, deriver: exampleStorePath("drv", "x.drv") })
      }
      assert.equal(count, 3)
    })

    test("puts many at once, those that others refer to before them", async () => {
      const [a, b] = [signature("a", 1), signature("b", 2)]
      await service.put(examplePathInfo("0", { signatures: [a] }))
      const many = Array.from({ length: 300 }, (_, i) => {
        const references = sortedPaths(
          [i - 1, i >> 1].flatMap((n) => (n < 0 || n === i ? [] : exampleStorePath(`${n}`))),
        )
        return examplePathInfo(`${i}`, {
          signatures: [b],
          references: [...new Map(references.map((p) => [p.digest, p])).values()],
        })
      })
      await service.putMany(many)
      const stored = await all(service)
      assert.equal(stored.length, 300)
      for (const pathInfo of many.slice(1)) {
        assert.deepEqual(plain((await service.get(pathInfo.storePath.digest))!), plain(pathInfo))
      }
      assert.deepEqual(
        (await service.get(exampleStorePath("0").digest))!.signatures.map(({ name }) => name),
        ["b", "a"],
      )
      await service.putMany([])
    })

    test("tells of many which are there", async () => {
      const [there, absent] = [0, 1].map((n) =>
        Array.from({ length: 1200 }, (_, i) => examplePathInfo(`${n} ${i}`)),
      ) as [PathInfo[], PathInfo[]]
      await service.putMany(there)
      const digestsOf = (pathInfos: readonly PathInfo[]): string[] => pathInfos.map(({ storePath }) => storePath.digest)
      const asked = [...digestsOf(absent), ...digestsOf(there), ...digestsOf(there.slice(0, 5))]
      assert.deepEqual([...(await service.has(asked))].sort(), digestsOf(there).sort())
      assert.deepEqual(await service.has(digestsOf(absent)), new Set())
      assert.deepEqual(await service.has([]), new Set())
    })

    test("the same path twice among many: the last is what is stored", async () => {
      const last = examplePathInfo("path", { narSize: 2 })
      await service.putMany([examplePathInfo("path", { narSize: 1 }), last])
      assert.deepEqual((await all(service)).map(plain), [plain(last)])
    })

    for (const [name, changes] of REFUSED) {
      test(`refuses ${name} among many, and stores none`, async () => {
        const many = [examplePathInfo("a"), { ...examplePathInfo("refused"), ...changes }, examplePathInfo("b")]
        await assert.rejects(service.putMany(many), isInvalid)
        assert.deepEqual(await all(service), [])
      })
    }

    test("concurrent puts of one path all succeed, and every signature is kept", async () => {
      await Promise.all(
        Array.from({ length: 8 }, (_, i) =>
          service.put(examplePathInfo("path", { signatures: [signature(`key-${i}`, i)] })),
        ),
      )
      assert.equal((await service.get(exampleStorePath("path").digest))!.signatures.length, 8)
    })

    test("what needs something that is not there is not stored", async () => {
      const needed = examplePathInfo("needed")
      const pathInfo = examplePathInfo("user", { references: [needed.storePath] })
      const requires = [needed.storePath]
      const isMissing = (error: unknown): boolean => error instanceof CastoreError && error.problem.code === "missing"
      await assert.rejects(service.put(pathInfo, { requires }), isMissing)
      assert.equal(await service.get(pathInfo.storePath.digest), undefined)
      await service.put(needed)
      await assert.rejects(service.put(pathInfo, { requires: [{ ...needed.storePath, name: "other" }] }), isMissing)
      assert.deepEqual(plain(await service.put(pathInfo, { requires })), plain(pathInfo))
      assert.notEqual(await service.get(pathInfo.storePath.digest), undefined)
    })

    test("an aborted call fails with the signal's reason and stores nothing", async () => {
      const pathInfo = examplePathInfo("aborted")
      const reason = new Error("enough")
      const signal = AbortSignal.abort(reason)
      await assert.rejects(service.put(pathInfo, { signal }), reason)
      await assert.rejects(service.putMany([pathInfo], { signal }), reason)
      await assert.rejects(service.get(pathInfo.storePath.digest, { signal }), reason)
      await assert.rejects(service.has([pathInfo.storePath.digest], { signal }), reason)
      assert.equal(await service.get(pathInfo.storePath.digest), undefined)
      await service.put(pathInfo)
      await assert.rejects(all(service, { signal }), reason)
    })

    test("a list that is aborted half-way ends with the signal's reason", async () => {
      for (let i = 0; i < 20; i++) await service.put(examplePathInfo(`${i}`))
      const reason = new Error("enough")
      const controller = new AbortController()
      await assert.rejects(async () => {
        for await (const _ of service.list({ signal: controller.signal })) controller.abort(reason)
      }, reason)
    })

    test("closes twice", async () => {
      await service.close()
      await service.close()
    })
  })
}

function isInvalid(error: unknown): boolean {
  assert.ok(error instanceof CastoreError, String(error))
  assert.equal(error.problem.code, "invalid", error.message)
  return true
}

async function all(service: PathInfoService, options?: Parameters<PathInfoService["list"]>[0]): Promise<PathInfo[]> {
  const listed: PathInfo[] = []
  for await (const pathInfo of service.list(options)) listed.push(pathInfo)
  return listed
}

/** A path info with nothing but plain objects and arrays, for `deepEqual`, which tells a Buffer from a Uint8Array. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value]
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .map(([key, field]) => [key, plain(field)]),
  )
}
