import { decodeHex, encodeHex } from "@tvix-ts/bytes"
import fc from "fast-check"
import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { describe, test } from "node:test"
import { digestOf, EMPTY_DIGEST, type B3Digest } from "../digest.ts"
import type { Node } from "../node.ts"
import { CastoreError } from "../problem.ts"
import { problem } from "../testing/problem.ts"
import { checkDirectory, directorySize } from "./check.ts"
import { decodeDirectory, decodeNode, directoryDigest, encodeDirectory, encodeNode } from "./codec.ts"
import type { Directory } from "./service.ts"

type Written = { readonly type: string; readonly digest?: string; readonly size?: number }
const vectors = JSON.parse(readFileSync(new URL("../vectors.json", import.meta.url), "utf8")) as {
  directories: { name: string; entries: [string, Written][]; encoded: string; digest: string; size: number }[]
  nodes: { name: string; node: Written; encoded: string }[]
}
const hex = (text: string): Uint8Array => decodeHex(text)!
const read = (node: Written): Node =>
  ({ ...node, ...(node.digest === undefined ? {} : { digest: hex(node.digest) }) }) as Node

describe("as other programs write them", () => {
  for (const { name, entries, encoded, digest, size } of vectors.directories) {
    test(name, () => {
      const directory: Directory = { entries: entries.map(([name, node]) => [name, read(node)]) }
      assert.equal(encodeHex(encodeDirectory(directory)), encoded)
      assert.equal(encodeHex(directoryDigest(directory)), digest)
      assert.equal(directorySize(directory), size)
      assert.deepEqual(decodeDirectory(hex(encoded)), directory)
    })
  }

  for (const { name, node, encoded } of vectors.nodes) {
    test(`node ${JSON.stringify(name)}, a ${node.type}`, () => {
      assert.equal(encodeHex(encodeNode(name, read(node))), encoded)
      assert.deepEqual(decodeNode(hex(encoded)), { name, node: read(node) })
    })
  }

  test("the empty directory, as Tvix's own tests have it", () => {
    assert.equal(
      encodeHex(directoryDigest({ entries: [] })),
      "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
    )
    assert.deepEqual(digestOf(new Uint8Array()), EMPTY_DIGEST)
  })
})

const D = "1220" + "00".repeat(32)
const field = (number: number, spaced: string, body = spaced.replaceAll(" ", "")): string =>
  `${((number << 3) | 2).toString(16).padStart(2, "0")}${(body.length / 2).toString(16).padStart(2, "0")}${body}`
const name = (text: string): string => field(1, Buffer.from(text, "latin1").toString("hex"))
const directoryNode = (text: string, rest = ""): string => field(1, name(text) + D + rest)
const fileNode = (text: string, rest = ""): string => field(2, name(text) + D + rest)
const linkNode = (text: string, target = "62"): string => field(3, name(text) + (target === "" ? "" : field(2, target)))

const REFUSED: readonly {
  readonly name: string
  readonly bytes: string
  readonly field: string
  readonly at?: number
}[] = [
  { name: "an unknown field", bytes: "2201 00", field: "message", at: 0 },
  { name: "a field of another type", bytes: "08 01", field: "message", at: 0 },
  { name: "field 0", bytes: "02 00", field: "message", at: 0 },
  { name: "a length beyond the end", bytes: "0a 05 00", field: "directories[0]", at: 2 },
  { name: "no length", bytes: directoryNode("a") + "12", field: "message", at: 40 },
  { name: "a length longer than it need be", bytes: "0a 80 00", field: "message", at: 1 },
  { name: "a length without end", bytes: "0a" + "ff".repeat(11), field: "message", at: 1 },
  { name: "a length above 2^53 - 1", bytes: "0a ffffffffffffff7f", field: "message", at: 1 },
  { name: "files before directories", bytes: fileNode("a") + directoryNode("b"), field: "directories" },
  { name: "symlinks before files", bytes: linkNode("a") + fileNode("b"), field: "files" },
  { name: "an unknown field in a node", bytes: field(1, name("a") + D + "2001"), field: "directories[0]", at: 39 },
  { name: "fields of a node out of order", bytes: field(2, D + name("a")), field: "files[0]", at: 36 },
  { name: "a field of a node twice", bytes: fileNode("a", "1801 1801"), field: "files[0]", at: 41 },
  { name: "a default size written out", bytes: fileNode("a", "1800"), field: "files[0].size", at: 40 },
  { name: "a default flag written out", bytes: fileNode("a", "2000"), field: "files[0].executable", at: 40 },
  { name: "a flag that is neither", bytes: fileNode("a", "2002"), field: "files[0].executable", at: 40 },
  { name: "an empty name written out", bytes: field(2, "0a00" + D), field: "files[0].name", at: 3 },
  { name: "a name beyond its node", bytes: field(2, "0a0561"), field: "files[0].name", at: 4 },
  { name: "no name", bytes: field(2, D), field: "files[0].name" },
  { name: "no digest", bytes: fileNode("a") + field(2, name("b")), field: "files[1].digest" },
  { name: "a short digest", bytes: field(1, name("b") + field(2, "00".repeat(31))), field: "directories[0].digest" },
  { name: "a size above 2^53 - 1", bytes: fileNode("a", "18 8080808080808010"), field: "message", at: 40 },
  { name: "sizes that add up to more", bytes: directoryNode("a", "18 ffffffffffffff0f"), field: "directories[0].size" },
  { name: ".", bytes: linkNode("."), field: "symlinks[0].name" },
  { name: "..", bytes: linkNode("a") + linkNode(".."), field: "symlinks[1].name" },
  { name: "a slash", bytes: directoryNode("/"), field: "directories[0].name" },
  { name: "NUL", bytes: fileNode("a\0b"), field: "files[0].name" },
  { name: "no target", bytes: linkNode("a", ""), field: "symlinks[0].target" },
  { name: "NUL in a target", bytes: linkNode("a", "6100"), field: "symlinks[0].target" },
  { name: "names descending", bytes: fileNode("b") + fileNode("a"), field: "files[1].name" },
  { name: "a name twice in a list", bytes: linkNode("b") + linkNode("b"), field: "symlinks[1].name" },
  { name: "a name in two lists", bytes: directoryNode("b") + fileNode("a") + fileNode("b"), field: "files[1].name" },
  {
    name: "a name in lists apart",
    bytes: directoryNode("b") + fileNode("a") + linkNode("b"),
    field: "symlinks[0].name",
  },
]

describe("refuses bytes", () => {
  for (const { name, bytes, field, at } of REFUSED) {
    test(name, () => {
      assert.throws(
        () => decodeDirectory(hex(bytes.replaceAll(" ", ""))),
        (error: Error) => {
          problem("invalid", field)(error)
          if (at !== undefined) assert.match(error.message, new RegExp(`: byte ${at}:`))
          return true
        },
      )
    })
  }

  for (const { name, bytes, field } of [
    { name: "nothing", bytes: "", field: "node" },
    { name: "two kinds", bytes: linkNode("a") + linkNode("b"), field: "message" },
    { name: "an unknown kind", bytes: "2200", field: "message" },
    { name: "a file without a digest", bytes: "1203 0a0161", field: "file.digest" },
    { name: "a symlink without a target", bytes: "1a03 0a0161", field: "symlink.target" },
  ]) {
    test(`as a node: ${name}`, () => {
      assert.throws(() => decodeNode(hex(bytes.replaceAll(" ", ""))), problem("invalid", field))
    })
  }
})

describe("refuses directories made by hand", () => {
  const digest = digestOf(new Uint8Array())
  const file = (size: number): Node => ({ type: "file", digest, size, executable: false })
  const sub = (size: number): Node => ({ type: "directory", digest, size })
  for (const { name, entries, field } of [
    { name: "a size below 0", entries: [["a", file(-1)]], field: "files[0].size" },
    { name: "a size that is not whole", entries: [["a", file(0.5)]], field: "files[0].size" },
    { name: "too large a size", entries: [["a", sub(2 ** 53)]], field: "directories[0].size" },
    {
      name: "sizes that add up to more",
      entries: [
        ["a", sub(2 ** 52)],
        ["b", sub(2 ** 52 - 2)],
      ],
      field: "directories[1].size",
    },
    {
      name: "text that is not bytes",
      entries: [
        ["a", file(0)],
        ["\u20ac", file(0)],
      ],
      field: "files[1].name",
    },
    {
      name: "a target that is not bytes",
      entries: [["a", { type: "symlink", target: "\u20ac" }]],
      field: "symlinks[0].target",
    },
    {
      name: "a target too long",
      entries: [["a", { type: "symlink", target: "t".repeat(4096) }]],
      field: "symlinks[0].target",
    },
    {
      name: "a long digest",
      entries: [["a", { ...file(0), digest: new Uint8Array(33) as Uint8Array as B3Digest }]],
      field: "files[0].digest",
    },
    {
      name: "a name twice",
      entries: [
        ["a", file(0)],
        ["b", sub(0)],
        ["b", file(0)],
      ],
      field: "files[1].name",
    },
  ] as { name: string; entries: Directory["entries"]; field: string }[]) {
    test(name, () => {
      assert.throws(() => encodeDirectory({ entries }), problem("invalid", field))
      assert.throws(() => checkDirectory({ entries }), problem("invalid", field))
    })
  }
})

const digests = fc.uint8Array({ minLength: 32, maxLength: 32 }) as fc.Arbitrary<Uint8Array> as fc.Arbitrary<B3Digest>
const byteStrings = (max: number): fc.Arbitrary<string> =>
  fc.string({
    unit: fc.integer({ min: 1, max: 255 }).map((byte) => String.fromCharCode(byte)),
    minLength: 1,
    maxLength: max,
  })
const names = byteStrings(20).filter((name) => !name.includes("/") && name !== "." && name !== "..")
const PLAIN = { noNullPrototype: true } as const
const nodes: fc.Arbitrary<Node> = fc.oneof(
  fc.record({ type: fc.constant("directory"), digest: digests, size: fc.oneof(fc.nat(), fc.nat(300)) }, PLAIN),
  fc.record({ type: fc.constant("file"), digest: digests, size: fc.maxSafeNat(), executable: fc.boolean() }, PLAIN),
  fc.record({ type: fc.constant("symlink"), target: byteStrings(300) }, PLAIN),
)
const directories: fc.Arbitrary<Directory> = fc
  .uniqueArray(fc.tuple(names, nodes), { selector: ([name]) => name, maxLength: 20 })
  .map((entries) => ({ entries: entries.sort(([a], [b]) => (a < b ? -1 : 1)) }))

test("decoding inverts encoding", () => {
  fc.assert(
    fc.property(directories, (directory) => {
      checkDirectory(directory)
      assert.deepEqual(decodeDirectory(encodeDirectory(directory)), directory)
    }),
  )
  fc.assert(
    fc.property(names, nodes, (name, node) => assert.deepEqual(decodeNode(encodeNode(name, node)), { name, node })),
  )
})

test("encoding inverts decoding: no two encodings of one directory are taken", () => {
  const broken = fc.tuple(directories, fc.nat(), fc.nat(255), fc.constantFrom("replace", "insert", "remove", "cut"))
  fc.assert(
    fc.property(broken, ([directory, where, byte, how]) => {
      const bytes = [...encodeDirectory(directory)]
      const at = bytes.length === 0 ? 0 : where % bytes.length
      if (how === "replace") bytes[at] = byte
      else if (how === "insert") bytes.splice(at, 0, byte)
      else if (how === "remove") bytes.splice(at, 1)
      else bytes.length = at
      let decoded: Directory
      try {
        decoded = decodeDirectory(Uint8Array.from(bytes))
      } catch (error) {
        return error instanceof CastoreError && error.problem.code === "invalid"
      }
      assert.deepEqual([...encodeDirectory(decoded)], bytes)
      return true
    }),
    { numRuns: 2000 },
  )
})
