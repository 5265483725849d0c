import assert from "node:assert/strict"
import { after, before, describe, test } from "node:test"
import { gzipSync, zstdCompressSync } from "node:zlib"
import { xz } from "@napi-rs/lzma"
import type { BuildRequest } from "@tvix-ts/build"
import { encodeHex } from "@tvix-ts/bytes"
import { TreeBuilder, type Node } from "@tvix-ts/castore"
import type { Derivation } from "@tvix-ts/nix-compat"
import { memoryStore, type Store } from "@tvix-ts/store"
import { tar, type TarPart } from "../../testing/tar.ts"
import { builtinUnpackChannel } from "./unpack-channel.ts"

const PARTS: readonly TarPart[] = [
  { path: "src/sub/", type: "5", mode: 0o755 },
  { path: "src/sub/a", contents: "hi\n", mode: 0o755 },
  { path: "src/sub/l", type: "2", target: "a" },
]
const FILE: TarPart = { path: "a", contents: "hi\n" }
const SOURCE = "/nix/store/11111111111111111111111111111111-channel.tar"
const OUT = "/nix/store/22222222222222222222222222222222-channel"

// SHA-256 of the archives that nix-store --dump of C++ Nix 2.8 makes of what it builds of these.
const NAR_OF_PARTS = "35f38e4eb2aa879610b5d345f655bf47cfc89b29b80eaa25d0aa1b2cc4c0f724"
const NAR_OF_FILE = "41a3870f3a4aec29310b4e536aa954c2eadb95f88b67eadabc2f5b8fe979d4b7"

describe("builtin:unpack-channel", () => {
  let store: Store
  before(() => {
    store = memoryStore()
  })
  after(() => store.close())

  const stored = async (archive: Uint8Array): Promise<Node> => {
    const builder = new TreeBuilder(store)
    builder.file(archive.length, false)
    if (archive.length > 0) await builder.contents(archive)
    return builder.finish()
  }
  const build = async (archive: Uint8Array, attributes: Record<string, string> = {}) => {
    const env = new Map(Object.entries({ channelName: "nixos", src: SOURCE, ...attributes }))
    const inputs = new Map([[SOURCE.slice("/nix/store/".length), await stored(archive)]])
    const needles = ["1".repeat(32), "2".repeat(32)]
    const request = { inputs, needles } as unknown as BuildRequest
    const { signal } = new AbortController()
    const context = { path: "/nix/store/x-channel.drv", store, out: OUT, signal, onLog() {}, onActivity() {} }
    return builtinUnpackChannel({ env } as unknown as Derivation, request, context)
  }
  const narOf = async (node: Node): Promise<string> => encodeHex((await store.nar.calculate(node)).narHash)

  for (const [name, compress] of [
    ["no compression", (bytes: Uint8Array) => bytes],
    ["gzip", gzipSync],
    ["zstd", zstdCompressSync],
    ["xz", xz.compress],
  ] as const) {
    test(`gives the one folder in an archive the channel's name: ${name}`, async () => {
      assert.equal(await narOf((await build(await compress(tar(...PARTS)))).node), NAR_OF_PARTS)
    })
  }
  test("a file, too", async () => assert.equal(await narOf((await build(tar(FILE))).node), NAR_OF_FILE))
  test("says what it refers to", async () => {
    const link: TarPart = { path: "src/link", type: "2", target: `${OUT}/nixos` }
    assert.deepEqual((await build(tar(...PARTS, link))).needles, [1])
  })

  const REFUSED: readonly (readonly [
    what: string,
    parts: readonly TarPart[],
    reason: RegExp,
    attributes?: Record<string, string>,
  ])[] = [
    ["nothing", [], /channel tarball '.*' is empty/],
    ["two things", [...PARTS, FILE], /channel tarball '.*' contains more than one file/],
    ["what leads out", [{ ...FILE, path: "src/../../a" }], /leads upwards/],
    ["a path as a name", PARTS, /not allowed to contain filesystem separators, got 'a\/b'/, { channelName: "a/b" }],
    ["no name", PARTS, /failed to rename 'src' to ''/, { channelName: "" }],
    ["a name that leads upwards", PARTS, /failed to rename 'src' to '\.\.'/, { channelName: ".." }],
    ["no input", PARTS, /'\/etc\/passwd' is no file among the inputs/, { src: "/etc/passwd" }],
  ]
  for (const [what, parts, reason, attributes] of REFUSED) {
    test(`refuses ${what}`, async () => {
      await assert.rejects(build(tar(...parts), attributes), (error: Error) => {
        assert.match(error.message, /^cannot build '\/nix\/store\/x-channel.drv': /)
        assert.match(error.message, reason)
        return true
      })
    })
  }
})
