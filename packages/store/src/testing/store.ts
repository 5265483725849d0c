import assert from "node:assert/strict"
import { afterEach, beforeEach, describe, test } from "node:test"
import { concat, equal, utf8 } from "@tvix-ts/bytes"
import { CastoreError, digestOf, directoryDigest, type Node } from "@tvix-ts/castore"
import { hash } from "@tvix-ts/hash"
import { contentAddressPath, formatStorePath, NarError, type NarWriter } from "@tvix-ts/nix-compat"
import fc from "fast-check"
import { storeTree } from "../import.ts"
import { calculateNar } from "../nar/calculate.ts"
import { ingestNar } from "../nar/ingest.ts"
import { openNar } from "../nar/open.ts"
import { renderNar, writeNar } from "../nar/render.ts"
import type { Store } from "../store.ts"
import { exampleStorePath } from "./path-info-service.ts"
import { directory, file, narOf, noise, piecesOf, produce, symlink, trees, type Tree } from "./trees.ts"

export interface OpenStore {
  readonly store: Store
  /** Called after `store.close()`. */
  readonly close?: () => Promise<void>
}

/** Trees of Tvix's tests (store/src/fixtures.rs), with the lengths that their archives have there. */
const FIXTURES: readonly [name: string, tree: Tree, narSize: number][] = [
  ["a symlink", symlink("/nix/store/somewhereelse"), 136],
  ["a file", file("Hello World!"), 128],
  [
    "a tree",
    directory({ ".keep": file(""), aa: symlink("/nix/store/somewhereelse"), keep: directory({ ".keep": file("") }) }),
    840,
  ],
]

/** A test that takes long where every level is a round trip. */
const DEEP = "a tree that is deep"

/** What goes from a tree into a store and comes back from it, whatever the services are that it is made of. */
export function testStore(
  backend: string,
  open: () => Promise<OpenStore>,
  skip: Readonly<Partial<Record<typeof DEEP, string>>> = {},
): void {
  describe(`Store: ${backend}`, () => {
    let store: Store
    let close: (() => Promise<void>) | undefined
    beforeEach(async () => void ({ store, close } = await open()))
    afterEach(async () => {
      await store.close()
      await close?.()
    })
    const put = (tree: Tree, name = "tree") => storeTree((sink) => produce(tree, sink), store, { name })

    test("any tree comes back as the archive that it is, and has the path that follows from it", async () => {
      await fc.assert(
        fc.asyncProperty(
          trees,
          fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(2000)), { maxLength: 4 }),
          async (tree, ranges) => {
            const nar = await narOf(tree)
            const pathInfo = await put(tree)
            const calculated = { narSize: nar.length, narHash: hash("sha256", nar) }
            const contentAddress = { method: "nar", hash: { algorithm: "sha256", digest: calculated.narHash } } as const
            assert.equal(formatStorePath(pathInfo.storePath), contentAddressPath("tree", contentAddress))
            assert.deepEqual(pathInfo.contentAddress, contentAddress)
            assert.deepEqual((await store.pathInfos.get(pathInfo.storePath.digest))?.node, pathInfo.node)
            assert.ok(equal(await rendered(pathInfo.node), nar))
            assert.deepEqual(await calculateNar(pathInfo.node, store), calculated)
            assert.deepEqual(await store.nar.calculate(pathInfo.node), calculated)
            assert.deepEqual(await store.nar.calculate(pathInfo.node), calculated, "a second time")
            const ingested = await ingestNar(piecesOf(nar, 1000), store, { ...calculated })
            assert.deepEqual(ingested, { ...calculated, node: pathInfo.node, references: [] })
            const opened = await openNar(pathInfo.node, store)
            assert.equal(opened.size, nar.length)
            assert.ok(equal(concat(await Array.fromAsync(opened.read())), nar))
            for (const [place, length] of ranges) {
              const from = Math.floor(place * nar.length)
              const part = await Array.fromAsync(opened.read({ from, to: from + length }))
              assert.ok(equal(concat(part), nar.subarray(from, from + length)), `from ${from}, ${length} bytes`)
              assert.ok(part.every((piece) => piece.length > 0))
              const copied: Uint8Array[] = []
              const fleeting = opened.read({ from, to: from + length, fleeting: true })
              for await (const piece of fleeting) copied.push(piece.slice())
              assert.ok(equal(concat(copied), nar.subarray(from, from + length)), `fleeting, from ${from}`)
            }
          },
        ),
        { numRuns: 30 },
      )
    })

    for (const [name, tree, narSize] of FIXTURES) {
      test(`Tvix's examples: ${name}`, async () => {
        const { node } = await put(tree)
        assert.equal((await store.nar.calculate(node)).narSize, narSize)
      })
    }

    test("a file of many chunks, in pieces of all lengths", async () => {
      const contents = noise(3_000_001)
      const nar = await narOf(file(contents, true))
      for (const length of [1000, 65_536, 1 << 20, nar.length]) {
        const { node } = await ingestNar(piecesOf(nar, length), store)
        assert.deepEqual(node, { type: "file", digest: digestOf(contents), size: contents.length, executable: true })
      }
      const { node } = await ingestNar([nar], store)
      assert.ok(equal(await rendered(node), nar))
      const opened = await openNar(node, store)
      for (const [from, to] of [
        [0, 100],
        [95, 97],
        [1_500_000, 2_500_000],
        [nar.length - 20, nar.length + 5],
        [nar.length, nar.length + 1],
      ] as const) {
        assert.ok(equal(concat(await Array.fromAsync(opened.read({ from, to }))), nar.subarray(from, to)))
      }
    })

    test("archives are read and rendered together", async () => {
      const all = Array.from({ length: 8 }, (_, i) =>
        directory({ a: file(noise(200_000, i)), b: file(`${i}`), c: file("same") }),
      )
      const nars = await Promise.all(all.map(narOf))
      const ingested = await Promise.all(nars.map((nar) => ingestNar(piecesOf(nar, 5000), store)))
      const back = await Promise.all(ingested.map(({ node }) => rendered(node)))
      for (const [i, nar] of back.entries()) assert.ok(equal(nar, nars[i]!))
    })

    test("large files are rendered side by side, some of them not to the end", async () => {
      const nars = await Promise.all([1, 2, 3].map((seed) => narOf(file(noise(3_000_000, seed)))))
      const ingested = await Promise.all(nars.map((nar) => ingestNar([nar], store)))
      const partly = async (node: Node): Promise<void> => {
        for await (const piece of renderNar(node, store)) if (piece.length > 100_000) return
      }
      for (let round = 0; round < 3; round++) {
        const back = ingested.flatMap(({ node }) => [partly(node), rendered(node)])
        for (const [i, nar] of (await Promise.all(back)).entries()) if (nar) assert.ok(equal(nar, nars[i >> 1]!))
      }
    })

    test(DEEP, { skip: skip[DEEP] ?? false }, async () => {
      const depth = 5000
      const deep = async (sink: Pick<NarWriter, "directory" | "entry" | "endDirectory" | "symlink">): Promise<void> => {
        for (let i = 0; i < depth; i++) {
          sink.directory()
          sink.entry("d")
        }
        sink.symlink("end")
        for (let i = 0; i < depth; i++) sink.endDirectory()
      }
      const { node, narSize } = await storeTree(deep, store, { name: "deep" })
      assert.equal(node.type === "directory" && node.size, depth)
      assert.equal((await rendered(node)).length, narSize)
      assert.equal((await openNar(node, store)).size, narSize)
    })

    test("finds references while ingesting and while importing", async () => {
      const candidates = ["a", "b", "c"].map((seed) => exampleStorePath(seed))
      const [a, b] = candidates as [(typeof candidates)[0], (typeof candidates)[0]]
      const tree = directory({ bin: file(`#!${formatStorePath(a)}/bin/sh`), [b.digest]: symlink("x") })
      const found = [a, b].sort((x, y) => (x.digest < y.digest ? -1 : 1))
      const ingested = await ingestNar(piecesOf(await narOf(tree), 7), store, { candidates })
      assert.deepEqual(ingested.references, found)
      const pathInfo = await storeTree((sink) => produce(tree, sink, 5), store, { name: "refs", candidates })
      assert.deepEqual(pathInfo.references, found)
      const others = found.map((path) => formatStorePath(path))
      const expected = contentAddressPath("refs", pathInfo.contentAddress!, { others, self: false })
      assert.equal(formatStorePath(pathInfo.storePath), expected)
    })

    describe("leaves nothing of what is refused:", () => {
      const contents = utf8("found nowhere else")
      const big = noise(700_000, 7)
      const inner = {
        entries: [["x", { type: "file", digest: digestOf(contents), size: contents.length, executable: false }]],
      } as const
      const tree = directory({ a: file(big), dir: directory({ x: file(contents) }), z: file("end") })
      const nothing = async (): Promise<void> => {
        assert.equal(await store.blobs.stat(digestOf(contents)), undefined)
        assert.equal(await store.blobs.stat(digestOf(big)), undefined)
        assert.equal(await store.directories.get(directoryDigest(inner)), undefined)
        assert.deepEqual(await Array.fromAsync(store.pathInfos.list()), [])
      }
      const good = narOf(tree)
      /** `offset` is where the problem is, counted from the end of the good archive, if that is of interest. */
      const REFUSED: readonly [name: string, change: (nar: Uint8Array) => Uint8Array, offset?: number][] = [
        ["an archive with other magic", (nar) => nar.with(8, 0x4e)],
        ["an archive that is cut off", (nar) => nar.subarray(0, -1), -1],
        ["an archive with more behind it", (nar) => concat([nar, new Uint8Array(1)]), 0],
        ["an archive with something in its padding", (nar) => nar.with(nar.length - 17, 1), -17],
        ["nothing", () => new Uint8Array(0)],
      ]
      for (const [name, change, offset] of REFUSED) {
        test(name, async () => {
          const nar = await good
          await assert.rejects(ingestNar(piecesOf(change(nar), 10_000), store), (error) => {
            assert.ok(error instanceof NarError, String(error))
            if (offset !== undefined) assert.equal(error.offset, nar.length + offset)
            return true
          })
          await nothing()
        })
      }
      const invalid = (field: string) => (error: unknown) => {
        assert.ok(error instanceof CastoreError && error.problem.code === "invalid", String(error))
        assert.equal(error.problem.field, field)
        return true
      }
      test("an archive with another hash than it should have", async () => {
        await assert.rejects(ingestNar([await good], store, { narHash: new Uint8Array(32) }), invalid("narHash"))
        await nothing()
      })
      test("an archive of another length than it should have", async () => {
        const { length } = await good
        await assert.rejects(ingestNar([await good], store, { narSize: length + 8 }), invalid("narSize"))
        await assert.rejects(ingestNar([await good], store, { narSize: length - 8 }), NarError)
        await assert.rejects(ingestNar([await good], store, { narSizeMax: 1000 }), NarError)
        await nothing()
      })
      test("a source that fails", async () => {
        const failing = async function* (): AsyncGenerator<Uint8Array> {
          yield (await good).slice(0, -500)
          throw new Error("the line is cut")
        }
        await assert.rejects(ingestNar(failing(), store), /the line is cut/)
        await nothing()
      })
      test("a call that is ended", async () => {
        const controller = new AbortController()
        const reason = new Error("enough")
        const ending = async function* (): AsyncGenerator<Uint8Array> {
          for (const piece of piecesOf(await good, 100_000)) {
            yield piece
            if (piece.length < 100_000) controller.abort(reason)
          }
          yield new Uint8Array(1)
        }
        await assert.rejects(ingestNar(ending(), store, { signal: controller.signal }), reason)
        await assert.rejects(ingestNar([await good], store, { signal: controller.signal }), reason)
        await nothing()
      })
      test("a tree that its producer gives up, or tells wrongly", async () => {
        const given = async (failure: "throws" | "stops", expected: RegExp): Promise<void> => {
          const producing = storeTree(
            async (sink) => {
              sink.directory()
              sink.entry("a")
              await produce(file(contents), sink)
              if (failure === "throws") throw new Error("given up")
            },
            store,
            { name: "x" },
          )
          await assert.rejects(producing, expected)
        }
        await given("throws", /given up/)
        await given("stops", /the end is missing/)
        await assert.rejects(
          storeTree((sink) => produce(file(contents), sink), store, { name: "a/b" }),
          invalid("name"),
        )
        await nothing()
      })
    })

    describe("what is not all there", () => {
      const absent = digestOf(utf8("absent"))
      const code = (expected: string) => (error: unknown) => {
        assert.ok(error instanceof CastoreError, String(error))
        assert.equal(error.problem.code, expected, error.message)
        return true
      }
      const MISSING: readonly [name: string, node: Node][] = [
        ["a file", { type: "file", digest: absent, size: 6, executable: false }],
        ["a directory", { type: "directory", digest: absent, size: 1 }],
      ]
      for (const [name, node] of MISSING) {
        test(`is missing: ${name}`, async () => {
          await assert.rejects(rendered(node), code("missing"))
          await assert.rejects(calculateNar(node, store), code("missing"))
          await assert.rejects(store.nar.calculate(node), code("missing"))
          await assert.rejects(async () => {
            for await (const _ of (await openNar(node, store)).read());
          }, code("missing"))
        })
        test(`is missing in a directory: ${name}`, async () => {
          const digest = await store.directories.put({ entries: [["x", node]] })
          const root: Node = { type: "directory", digest, size: node.type === "directory" ? 2 : 1 }
          await assert.rejects(rendered(root), code("missing"))
          await assert.rejects(store.nar.calculate(root), code("missing"))
        })
      }
      for (const size of [2, 42]) {
        test(`has another length than its node says: ${size} bytes`, async () => {
          const digest = await store.blobs.put([utf8("Hello World!")])
          const node: Node = { type: "file", digest, size, executable: false }
          await assert.rejects(rendered(node), code("corrupt"))
          await assert.rejects(store.nar.calculate(node), code("corrupt"))
          await assert.rejects(async () => {
            for await (const _ of (await openNar(node, store)).read());
          }, code("corrupt"))
        })
      }
    })

    test("whoever stops reading an archive leaves nothing running", async () => {
      const { node } = await put(directory({ a: file(noise(2_000_000)), b: file(noise(2_000_000, 5)) }))
      for await (const piece of renderNar(node, store)) {
        assert.ok(piece.length > 0)
        break
      }
      const controller = new AbortController()
      const reason = new Error("enough")
      await assert.rejects(async () => {
        for await (const _ of renderNar(node, store, { signal: controller.signal })) controller.abort(reason)
      }, reason)
      await assert.rejects(
        writeNar(node, store, () => Promise.reject(new Error("no room"))),
        /no room/,
      )
    })

    /** What `renderNar` gives, checked against `writeNar`. */
    async function rendered(node: Node): Promise<Uint8Array> {
      const pieces: Uint8Array[] = []
      for await (const piece of renderNar(node, store)) {
        assert.ok(piece.length > 0)
        pieces.push(piece.slice())
      }
      const written: Uint8Array[] = []
      await writeNar(node, store, (piece) => void written.push(piece.slice()))
      assert.ok(equal(concat(pieces), concat(written)))
      return concat(pieces)
    }
  })
}
