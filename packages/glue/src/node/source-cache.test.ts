import assert from "node:assert/strict"
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
  mkdirSync,
  chmodSync,
  renameSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, test } from "node:test"
import { byteStringOf } from "@tvix-ts/bytes"
import { Evaluator, type EvalIO } from "@tvix-ts/eval"
import { nodeIo } from "@tvix-ts/eval/node"
import { hash } from "@tvix-ts/hash"
import { memoryStore, type Store } from "@tvix-ts/store"
import { evaluationStore, storeBuiltins, storeIo, type EvaluationStoreOptions, type SourceCache } from "../index.ts"
import { nodeSourceCache } from "./source-cache.ts"

let directory: string
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), "source-cache-"))))
afterEach(() => rmSync(directory, { recursive: true }))

const digest = (n: number): Uint8Array => hash("sha256", Uint8Array.of(n, n >> 8))
const nar = (n: number) => ({ narSize: n, narHash: digest(n + 1) })
const kept = (cache: SourceCache, n: number): boolean => {
  const found = cache.get(digest(n))
  if (found === undefined) return false
  assert.deepEqual({ ...found, narHash: new Uint8Array(found.narHash) }, nar(n))
  return true
}

describe("nodeSourceCache", () => {
  test("remembers for those who come later, and for those who are there", () => {
    const [one, two] = [
      nodeSourceCache({ directory: join(directory, "new") }),
      nodeSourceCache({ directory: join(directory, "new") }),
    ]
    assert.equal(kept(one, 1), false)
    assert.equal(kept(two, 1), false)
    one.put(digest(1), nar(1))
    two.put(digest(2), nar(2))
    assert.ok(kept(one, 2) && kept(two, 1))
    one.close()
    two.close()
    assert.equal(kept(one, 1), false, "closed")
    const three = nodeSourceCache({ directory: join(directory, "new") })
    assert.ok(kept(three, 1) && kept(three, 2))
    three.close()
  })

  test("forgets what was not used for the longest time", () => {
    const cache = nodeSourceCache({ directory, entriesMax: 20 })
    for (let n = 0; n < 100; n++) cache.put(digest(n), nar(n))
    const left = Array.from({ length: 100 }, (_, n) => n).filter((n) => kept(cache, n))
    assert.ok(left.length >= 18 && left.length <= 20, String(left.length))
    cache.close()
  })

  const DAMAGES: readonly [name: string, damage: (bytes: Buffer) => Buffer][] = [
    ["nothing left", () => Buffer.alloc(0)],
    ["not a database", () => Buffer.from("something else, and quite a lot of it ".repeat(200))],
    ["cut off", (bytes) => bytes.subarray(0, bytes.length / 2)],
    [
      "zeros from the middle on",
      (bytes) => Buffer.concat([bytes.subarray(0, bytes.length / 2), Buffer.alloc(bytes.length / 2)]),
    ],
    ["each byte flipped after the header", (bytes) => Buffer.from(bytes.map((byte, i) => (i < 100 ? byte : byte ^ 1)))],
  ]
  for (const [name, damage] of DAMAGES) {
    test(`a damaged file, ${name}: says nothing false, and works again`, () => {
      const before = nodeSourceCache({ directory })
      for (let n = 0; n < 200; n++) before.put(digest(n), nar(n))
      before.close()
      const file = join(directory, "sources.sqlite")
      writeFileSync(file, damage(readFileSync(file)))
      for (let attempt = 0; attempt < 2; attempt++) {
        const cache = nodeSourceCache({ directory })
        for (let n = 0; n < 200; n++) kept(cache, n)
        cache.put(digest(300), nar(300))
        cache.close()
      }
      const cache = nodeSourceCache({ directory })
      assert.ok(kept(cache, 300))
      cache.close()
    })
  }

  test("a single bit in a row is noticed", () => {
    const before = nodeSourceCache({ directory })
    before.put(digest(7), nar(7))
    before.close()
    const file = join(directory, "sources.sqlite")
    const bytes = readFileSync(file)
    const at = bytes.indexOf(nar(7).narHash)
    bytes[at] = bytes[at]! ^ 1
    writeFileSync(file, bytes)
    const cache = nodeSourceCache({ directory })
    assert.equal(kept(cache, 7), false)
    cache.close()
  })

  test("a folder that cannot be is no cache", () => {
    writeFileSync(join(directory, "file"), "")
    const cache = nodeSourceCache({ directory: join(directory, "file") })
    cache.put(digest(1), nar(1))
    assert.equal(kept(cache, 1), false)
    cache.close()
  })
})

describe("large sources are read again only when they have changed", () => {
  const LONG_AGO = new Date(1_000_000_000_000)
  let tree: string
  let cache: SourceCache & { close(): void }
  /** As if all had been made long ago, which no system lets be said of `changed`. */
  let settledIo: EvalIO
  let read: string[]
  beforeEach(() => {
    tree = join(directory, "tree")
    mkdirSync(join(tree, "folder"), { recursive: true })
    for (let i = 0; i < 150; i++) write(i % 2 === 0 ? `${i}` : `folder/${i}`, `contents ${i}`)
    cache = nodeSourceCache({ directory: join(directory, "cache") })
    read = []
    const io = nodeIo()
    const born = Date.now()
    settledIo = {
      ...io,
      openFile(path) {
        read.push(path)
        return io.openFile!(path)
      },
      stamp(path) {
        const stamp = io.stamp!(path)
        // Everything happened an hour earlier.
        return (
          stamp && {
            ...stamp,
            changed: stamp.changed - 3_600_000,
            modified: Math.min(stamp.modified, born - 3_600_000),
          }
        )
      },
    }
  })
  afterEach(() => cache.close())
  const write = (name: string, contents: string): void => {
    writeFileSync(join(tree, name), contents)
    utimesSync(join(tree, name), LONG_AGO, LONG_AGO)
  }
  const pathOf = async (
    expression: string,
    io: EvalIO,
    store?: Store,
    options: EvaluationStoreOptions = {},
  ): Promise<string> => {
    read = []
    io.forget?.()
    const evaluations = evaluationStore(store && (async () => store), {
      sources: cache,
      write: store !== undefined,
      ...options,
    })
    const evaluator = new Evaluator({ io: storeIo(io, evaluations), builtins: storeBuiltins(evaluations) })
    const value = await evaluator.evaluate(expression, { path: byteStringOf(join(directory, "x.nix")) })
    const path = (await value.toJS()) as string
    await evaluations.flush()
    return path
  }
  const WHOLE = `"\${./tree}"`
  const FILTERED = `builtins.path { path = ./tree; filter = path: type: baseNameOf path != "1"; }`

  test("the second time nothing is read", async () => {
    const first = await pathOf(WHOLE, settledIo)
    assert.equal(read.length, 150)
    assert.equal(await pathOf(WHOLE, settledIo), first)
    assert.deepEqual(read, [])
    assert.equal(await pathOf(`builtins.path { path = ./tree; name = "tree"; }`, settledIo), first)
    assert.deepEqual(read, [])
  })

  const CHANGES: readonly [name: string, change: () => void][] = [
    ["other contents of the same length and date", () => write("2", "CONTENTS 2")],
    ["executable", () => chmodSync(join(tree, "4"), 0o755)],
    ["a new file", () => write("folder/new", "")],
    ["one file less", () => rmSync(join(tree, "folder/3"))],
    ["another name", () => renameSync(join(tree, "6"), join(tree, "six"))],
    ["one file in place of another", () => renameSync(join(tree, "6"), join(tree, "8"))],
  ]
  for (const [name, change] of CHANGES) {
    test(`changed: ${name}`, async () => {
      const first = await pathOf(WHOLE, settledIo)
      change()
      const second = await pathOf(WHOLE, settledIo)
      assert.notEqual(second, first)
      assert.notEqual(read.length, 0)
      cache.close()
      assert.equal(await pathOf(WHOLE, nodeIo()), second, "without a cache")
    })
  }

  test("a filter decides what counts", async () => {
    const first = await pathOf(FILTERED, settledIo)
    assert.notEqual(await pathOf(WHOLE, settledIo), first)
    assert.equal(await pathOf(FILTERED, settledIo), first)
    assert.deepEqual(read, [])
    write("folder/151", "more")
    assert.notEqual(await pathOf(FILTERED, settledIo), first)
  })

  test("what was changed a moment ago is not trusted", async () => {
    const io: EvalIO = { ...nodeIo(), openFile: (path) => settledIo.openFile!(path) }
    await pathOf(WHOLE, io)
    await pathOf(WHOLE, io)
    assert.equal(read.length, 150)
  })

  test("to be written, it must be in the store", async () => {
    const [one, two] = [memoryStore(), memoryStore()]
    const path = await pathOf(WHOLE, settledIo, one)
    assert.equal(await pathOf(WHOLE, settledIo, one), path)
    assert.deepEqual(read, [])
    assert.equal(await pathOf(WHOLE, settledIo, two), path)
    assert.equal(read.length, 150)
    for (const store of [one, two]) {
      const found: string[] = []
      for await (const { node, narSize, narHash } of store.pathInfos.list()) {
        assert.deepEqual(await store.nar.calculate(node), { narSize, narHash })
        found.push(node.type)
      }
      assert.deepEqual(found, ["directory"])
    }
  })

  test("small ones are remembered where there are many", async () => {
    // An entry, two files and an end each: with the 32nd there are 128.
    for (let i = 0; i < 40; i++) {
      mkdirSync(join(tree, `s${i}`))
      for (const name of ["a", "b"]) write(`s${i}/${name}`, `${name} of ${i}`)
    }
    const small = `toString [ ${Array.from({ length: 40 }, (_, i) => `"\${./tree/s${i}}"`).join(" ")} ]`
    const first = await pathOf(small, settledIo)
    assert.equal(read.length, 80)
    assert.equal(await pathOf(small, settledIo), first)
    assert.equal(read.length, 62)
  })

  test("small ones are not remembered", async () => {
    await pathOf(`"\${./tree/0}"`, settledIo)
    assert.deepEqual(readdirSync(directory).sort(), ["tree"])
  })
})
