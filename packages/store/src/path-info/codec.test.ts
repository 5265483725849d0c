import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import { CastoreError } from "@tvix-ts/castore"
import {
  NARInfo_CASchema,
  NARInfo_SignatureSchema,
  NodeSchema,
  PathInfoSchema,
  StorePathSchema,
  type Node as NodeMessage,
  type PathInfo as PathInfoMessage,
} from "@tvix-ts/protos"
import fc from "fast-check"
import { examplePathInfo, exampleStorePath } from "../testing/path-info-service.ts"
import { bytesOf, encodeHex } from "@tvix-ts/bytes"
import { storePathBase } from "@tvix-ts/nix-compat"
import { decodePathInfo, encodePathInfo, messageOfPathInfo, pathInfoOfMessage } from "./codec.ts"

const ZEROS = new Uint8Array(32)
const DUMMY = "00000000000000000000000000000000-dummy"

/** The valid message that Tvix's tests start from (store/src/proto/tests/pathinfo.rs), and one change to it. */
function message(change: (message: PathInfoMessage) => void = () => {}): PathInfoMessage {
  const valid = create(PathInfoSchema, {
    node: directory(DUMMY),
    references: [new Uint8Array(20)],
    narinfo: { narSha256: ZEROS, referenceNames: [DUMMY], ca: { digest: ZEROS } },
  })
  change(valid)
  return valid
}

function directory(name: string, digest: Uint8Array = ZEROS, size = 0n): NodeMessage {
  return create(NodeSchema, { node: { case: "directory", value: { name: bytesOf(name), digest, size } } })
}
function file(name: string, digest: Uint8Array = ZEROS): NodeMessage {
  return create(NodeSchema, { node: { case: "file", value: { name: bytesOf(name), digest } } })
}
function symlink(name: string, target: string): NodeMessage {
  return create(NodeSchema, { node: { case: "symlink", value: { name: bytesOf(name), target: bytesOf(target) } } })
}

describe("path infos as messages", () => {
  test("Tvix's example", () => {
    const pathInfo = pathInfoOfMessage(message())
    const storePath = { digest: "0".repeat(32), name: "dummy" }
    assert.deepEqual(pathInfo, {
      storePath,
      node: { type: "directory", digest: ZEROS, size: 0 },
      references: [storePath],
      narSize: 0,
      narHash: ZEROS,
      signatures: [],
      contentAddress: { method: "nar", hash: { algorithm: "sha256", digest: ZEROS } },
    })
    const zeros = (count: number): string => "00".repeat(count)
    const name = encodeHex(bytesOf(DUMMY))
    assert.equal(
      encodeHex(encodePathInfo(pathInfo)),
      // Field by field: node { directory { name, digest } }, references, narinfo { nar_sha256, reference_names, ca }.
      `0a4c0a4a0a26${name}1220${zeros(32)}` +
        `1214${zeros(20)}` +
        `1a6e1220${zeros(32)}2226${name}32221220${zeros(32)}`,
    )
  })

  test("a derivation's name is without its ending, and only one of two", () => {
    for (const [name, wire] of [
      ["hello.drv", "hello"],
      ["hello.drv.drv", "hello.drv"],
    ] as const) {
      const pathInfo = examplePathInfo("derived", { deriver: exampleStorePath("drv", name) })
      const sent = messageOfPathInfo(pathInfo)
      assert.equal(sent.narinfo!.deriver!.name, wire)
      assert.equal(sent.narinfo!.deriver!.digest.length, 20)
      assert.deepEqual(pathInfoOfMessage(sent).deriver, pathInfo.deriver)
    }
  })

  test("references come in any order and more than once, and are a sorted set afterwards", () => {
    const paths = ["a", "b", "c"].map((seed) => exampleStorePath(seed))
    const sorted = paths.toSorted((a, b) => (a.digest < b.digest ? -1 : 1))
    const sent = messageOfPathInfo(examplePathInfo("x", { references: sorted }))
    const { narinfo } = sent
    sent.references = [...sent.references, sent.references[0]!].reverse()
    narinfo!.referenceNames = [...narinfo!.referenceNames, narinfo!.referenceNames[0]!].reverse()
    assert.deepEqual(pathInfoOfMessage(sent).references, sorted)
  })

  const REFUSED: readonly [name: string, field: string, change: (message: PathInfoMessage) => void][] = [
    ["no node", "node", (m) => delete m.node],
    ["a node of no kind", "node", (m) => (m.node = create(NodeSchema, {}))],
    ["a directory's digest", "node.directory.digest", (m) => (m.node = directory(DUMMY, new Uint8Array(0)))],
    ["a directory's size", "node.directory.size", (m) => (m.node = directory(DUMMY, ZEROS, 2n ** 53n))],
    ["a directory's name", "node.name", (m) => (m.node = directory("invalid"))],
    ["a file's digest", "node.file.digest", (m) => (m.node = file(DUMMY, new Uint8Array(0)))],
    ["a file's name", "node.name", (m) => (m.node = file("invalid"))],
    ["a symlink's name", "node.name", (m) => (m.node = symlink("invalid", "foo"))],
    ["a symlink's target", "node.symlink.target", (m) => (m.node = symlink(DUMMY, ""))],
    ["a target with a NUL", "node.symlink.target", (m) => (m.node = symlink(DUMMY, "a\0"))],
    ["a name that is a path", "node.name", (m) => (m.node = symlink(`/nix/store/${DUMMY}`, "foo"))],
    ["a name in upper-case digits", "node.name", (m) => (m.node = symlink(`${"A".repeat(32)}-x`, "foo"))],
    ["a name that ends with its digest", "node.name", (m) => (m.node = symlink(`${"0".repeat(32)}-`, "foo"))],
    ["no narinfo", "narinfo", (m) => delete m.narinfo],
    ["a hash of 2 bytes", "narinfo.nar_sha256", (m) => (m.narinfo!.narSha256 = Uint8Array.of(0xbe, 0xef))],
    ["an archive too large", "narinfo.nar_size", (m) => (m.narinfo!.narSize = 2n ** 64n - 1n)],
    ["too few names", "narinfo.reference_names", (m) => (m.narinfo!.referenceNames = [])],
    ["a reference of 2 bytes", "references[1]", (m) => m.references.push(Uint8Array.of(0xff, 0xff))],
    [
      "a reference that is a path",
      "narinfo.reference_names[0]",
      (m) => (m.narinfo!.referenceNames[0] = `/nix/store/${DUMMY}`),
    ],
    ["another reference", "narinfo.reference_names[0]", (m) => m.references[0]!.fill(0xff)],
    [
      "a deriver's digest",
      "narinfo.deriver.digest",
      (m) => (m.narinfo!.deriver = create(StorePathSchema, { name: "foo" })),
    ],
    [
      "a deriver's name",
      "narinfo.deriver.name",
      (m) => (m.narinfo!.deriver = create(StorePathSchema, { name: "a/b", digest: new Uint8Array(20) })),
    ],
    [
      "a deriver's name that its ending makes too long",
      "narinfo.deriver.name",
      (m) => (m.narinfo!.deriver = create(StorePathSchema, { name: "n".repeat(208), digest: new Uint8Array(20) })),
    ],
    [
      "an empty signature",
      "narinfo.signatures[0].data",
      (m) => m.narinfo!.signatures.push(create(NARInfo_SignatureSchema, { name: "k" })),
    ],
    [
      "a nameless signature",
      "narinfo.signatures[0].name",
      (m) => m.narinfo!.signatures.push(create(NARInfo_SignatureSchema, { data: new Uint8Array(64) })),
    ],
    ["a content address of 20 bytes", "narinfo.ca.digest", (m) => (m.narinfo!.ca!.digest = new Uint8Array(20))],
    [
      "a content address of no known kind",
      "narinfo.ca.type",
      (m) => (m.narinfo!.ca = create(NARInfo_CASchema, { type: 9 as 0, digest: ZEROS })),
    ],
  ]
  for (const [name, field, change] of REFUSED) {
    test(`refuses ${name}`, () => {
      assert.throws(
        () => pathInfoOfMessage(message(change)),
        (error) => {
          assert.ok(error instanceof CastoreError, String(error))
          assert.equal(error.problem.code === "invalid" && error.problem.field, field, error.message)
          return true
        },
      )
    })
  }

  test("whatever the bytes are, they are a path info that encodes to itself, or invalid", () => {
    const seed = encodePathInfo(
      examplePathInfo("seed", {
        references: [exampleStorePath("a")],
        deriver: exampleStorePath("d", "x.drv"),
        signatures: [{ name: "k", bytes: new Uint8Array(64) }],
      }),
    )
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(seed.length - 1), fc.nat(255)), { maxLength: 4 }),
        fc.nat(seed.length),
        (flips, length) => {
          const bytes = seed.slice(0, length === 0 ? seed.length : length)
          for (const [at, value] of flips) if (at < bytes.length) bytes[at] = value
          let pathInfo
          try {
            pathInfo = decodePathInfo(bytes)
          } catch (error) {
            return error instanceof CastoreError && error.problem.code === "invalid"
          }
          assert.deepEqual(decodePathInfo(encodePathInfo(pathInfo)), pathInfo)
          return true
        },
      ),
      { numRuns: 2000 },
    )
  })

  test("fields that are unknown are dropped", () => {
    const known = encodePathInfo(examplePathInfo("known"))
    const more = Uint8Array.of(...known, 0xf2, 0x07, 1, 0)
    assert.deepEqual(encodePathInfo(decodePathInfo(more)), known)
    assert.deepEqual(toBinary(PathInfoSchema, fromBinary(PathInfoSchema, known)), known)
    assert.equal(storePathBase(decodePathInfo(known).storePath), storePathBase(exampleStorePath("known")))
  })
})
