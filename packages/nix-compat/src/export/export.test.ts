import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { concat, encodeHex, utf8 } from "@tvix-ts/bytes"
import { hash } from "@tvix-ts/hash"
import fc from "fast-check"
import { exportBegin, exportDescription, exportEnd, NarError, NarReader, parseStorePath, readExport } from "../index.ts"
import { storePathBase } from "../store-path.ts"
import { storePaths } from "../testing/store-paths.ts"
import { archiveOf, directory, file, recorder, symlink, trees } from "../testing/trees.ts"
import type { ExportDescription } from "./format.ts"
import { ExportError, type ExportProblem } from "./problem.ts"

interface Item {
  readonly archive: Uint8Array
  readonly description: ExportDescription
}

const write = (items: readonly Item[]): Uint8Array =>
  concat([
    ...items.flatMap(({ archive, description }) => [exportBegin(), archive, exportDescription(description)]),
    exportEnd(),
  ])

/** Pieces of `length` bytes in one buffer that is used again and again. */
async function* pieces(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(length)
  for (let at = 0; at < bytes.length; at += length) {
    const piece = bytes.subarray(at, at + length)
    buffer.set(piece)
    yield buffer.subarray(0, piece.length)
  }
}

async function read(bytes: Uint8Array, length = bytes.length || 1): Promise<Item[]> {
  const items: Item[] = []
  for await (const exported of readExport(pieces(bytes, length))) {
    const archive: Uint8Array[] = []
    for await (const piece of exported.archive) archive.push(piece.slice())
    items.push({ archive: concat(archive), description: await exported.description() })
  }
  return items
}

const path = (name: string, digest = "ci5axqfmv0jq95m0sszhsdxyg7an8gjv") =>
  parseStorePath(`/nix/store/${digest}-${name}`)
/** What the hashes of C++ Nix's own are of. */
const SRC: Item = {
  archive: archiveOf(directory({ a: file("hi\n"), d: directory({}), l: symlink("a") })),
  description: { storePath: path("src"), references: [] },
}

const descriptions: fc.Arbitrary<ExportDescription> = fc
  .record({
    storePath: storePaths,
    references: fc.uniqueArray(storePaths, { maxLength: 4, selector: storePathBase }),
    deriver: fc.option(storePaths, { nil: undefined }),
  })
  .map(({ storePath, references, deriver }) => ({
    storePath,
    references: references.toSorted((a, b) => (storePathBase(a) < storePathBase(b) ? -1 : 1)),
    ...(deriver && { deriver: { ...deriver, name: `${deriver.name}.drv` } }),
  }))
const item = fc.record(
  { archive: trees.map((tree) => archiveOf(tree)), description: descriptions },
  { noNullPrototype: true },
)
const items = fc.array(item, {
  maxLength: 3,
})

describe("exports", () => {
  test("are what nix-store --export writes", () => {
    const digest = "98a87eefa89ae18849bd5ae666d44d226b1fd8d061490416d3b7c78e3ba61e77"
    assert.equal(encodeHex(hash("sha256", write([SRC]))), digest)
  })

  test("are read as they were written, in pieces of any length", async () => {
    await fc.assert(
      fc.asyncProperty(items, fc.integer({ min: 1, max: 300 }), async (items, length) => {
        assert.deepEqual(await read(write(items), length), items)
      }),
    )
  })

  test("are refused when their end is missing, wherever", async () => {
    await fc.assert(
      fc.asyncProperty(items, fc.nat(), fc.integer({ min: 1, max: 300 }), async (items, at, length) => {
        const bytes = write(items)
        await assert.rejects(read(bytes.subarray(0, at % bytes.length), length), ExportError)
      }),
    )
  })

  test("with other bytes are refused as such, or say something else", async () => {
    await fc.assert(
      fc.asyncProperty(items, fc.nat(), fc.integer({ min: 1, max: 255 }), async (items, at, change) => {
        const bytes = write(items)
        // What is between the digest and the name of a path may be anything, as in C++ Nix.
        fc.pre(bytes[at % bytes.length] !== 0x2d)
        bytes[at % bytes.length]! ^= change
        try {
          assert.notDeepEqual(await read(bytes), items)
        } catch (error) {
          assert.ok(error instanceof ExportError || error instanceof NarError, String(error))
        }
      }),
    )
  })

  test("signatures of old are skipped; what follows is not read", async () => {
    const bytes = write([SRC])
    const signed = concat([bytes.subarray(0, -16), exportBegin(), text("signature"), exportEnd(), utf8("more")])
    assert.deepEqual(await read(signed), [SRC])
  })

  const { archive } = SRC
  const before = concat([exportBegin(), archive, number(0x4558494e)])
  const own = text("/nix/store/ci5axqfmv0jq95m0sszhsdxyg7an8gjv-src")
  const REFUSALS: readonly { readonly name: string; readonly bytes: Uint8Array; readonly problem: ExportProblem }[] = [
    { name: "nothing", bytes: new Uint8Array(), problem: { code: "truncated" } },
    { name: "something else", bytes: number(2), problem: { code: "mark" } },
    {
      name: "an archive alone",
      bytes: concat([exportBegin(), archive, number(7)]),
      problem: { code: "magic" },
    },
    {
      name: "a path without end",
      bytes: concat([before, number(2 ** 40)]),
      problem: { code: "text-too-long", length: 2 ** 40, lengthMax: 255 },
    },
    {
      name: "what is no path",
      bytes: concat([before, text("/etc/passwd")]),
      problem: { code: "not-a-path", text: "/etc/passwd", reason: `path '"/etc/passwd"' is not in the Nix store` },
    },
    {
      name: "references without end",
      bytes: concat([before, own, number(2 ** 50)]),
      problem: { code: "too-many-references", countMax: 100_000 },
    },
    {
      name: "a deriver that is none",
      bytes: concat([before, own, number(0), own, number(0)]),
      problem: {
        code: "not-a-path",
        text: "/nix/store/ci5axqfmv0jq95m0sszhsdxyg7an8gjv-src",
        reason: "it would be a derivation",
      },
    },
    {
      name: "padding that says something",
      bytes: concat([before, own.subarray(0, -1), Uint8Array.of(1)]),
      problem: { code: "padding" },
    },
  ]
  for (const { name, bytes, problem } of REFUSALS) {
    test(`refuses ${name}`, async () => {
      await assert.rejects(read(bytes), (error) => {
        assert.ok(error instanceof ExportError, String(error))
        assert.deepEqual(error.problem, problem)
        return true
      })
    })
  }
})

test("an archive that something follows says how much of a piece is not its own", () => {
  fc.assert(
    fc.property(trees, fc.nat({ max: 40 }), (tree, more) => {
      const { sink, tree: recorded } = recorder()
      const archive = archiveOf(tree)
      const reader = new NarReader(sink, { isFollowed: true })
      assert.equal(reader.write(archive.subarray(0, 20)), undefined)
      assert.equal(reader.rest, undefined)
      void reader.write(concat([archive.subarray(20), new Uint8Array(more)]))
      assert.equal(reader.rest, more)
      reader.end()
      assert.deepEqual(recorded(), tree)
    }),
  )
})

function number(value: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true)
  return bytes
}
function text(contents: string): Uint8Array {
  return concat([number(contents.length), utf8(contents), new Uint8Array((8 - (contents.length % 8)) % 8)])
}
