import { bytesOf, concat } from "@tvix-ts/bytes"
import fc from "fast-check"
import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { memoryBlobService } from "./blob/memory.ts"
import type { BlobService } from "./blob/service.ts"
import { digestOf, type B3Digest } from "./digest.ts"
import { directoryDigest } from "./directory/codec.ts"
import { memoryDirectoryService } from "./directory/memory.ts"
import type { Directory, DirectoryService } from "./directory/service.ts"
import type { Node } from "./node.ts"
import { noise } from "./testing/bytes.ts"
import { problem } from "./testing/problem.ts"
import { TreeBuilder } from "./tree-builder.ts"
import type { TreeSink } from "./tree.ts"
import { walkNode } from "./walk-node.ts"

/** One call of a sink. Contents are joined. */
type Call =
  | readonly ["file", size: number, executable: boolean]
  | readonly ["contents", Uint8Array]
  | readonly ["symlink", target: string]
  | readonly ["directory"]
  | readonly ["entry", name: string]
  | readonly ["endDirectory"]

class Recorder implements TreeSink {
  readonly calls: Call[] = []
  file(size: number, executable: boolean): void {
    this.calls.push(["file", size, executable])
  }
  contents(bytes: Uint8Array): void | Promise<void> {
    const last = this.calls.at(-1)!
    if (last[0] === "contents") this.calls[this.calls.length - 1] = ["contents", concat([last[1], bytes])]
    else this.calls.push(["contents", bytes.slice()])
    // Some sinks want to be waited for, some of the time.
    return this.calls.length % 3 === 0 ? Promise.resolve() : undefined
  }
  symlink(target: string): void {
    this.calls.push(["symlink", target])
  }
  directory(): void {
    this.calls.push(["directory"])
  }
  entry(name: string): void {
    this.calls.push(["entry", name])
  }
  endDirectory(): void {
    this.calls.push(["endDirectory"])
  }
}

async function tell(calls: Iterable<Call>, sink: TreeSink): Promise<void> {
  for (const call of calls) {
    switch (call[0]) {
      case "file":
        sink.file(call[1], call[2])
        break
      case "contents":
        for (let at = 0; at < call[1].length; at += 100_000) await sink.contents(call[1].subarray(at, at + 100_000))
        break
      case "symlink":
        sink.symlink(call[1])
        break
      case "directory":
        sink.directory()
        break
      case "entry":
        sink.entry(call[1])
        break
      case "endDirectory":
        sink.endDirectory()
        break
    }
  }
}

interface Services {
  readonly blobs: BlobService
  readonly directories: DirectoryService
}
const inMemory = (): Services => ({ blobs: memoryBlobService(), directories: memoryDirectoryService() })

async function build(calls: Iterable<Call>, services = inMemory()): Promise<Node> {
  const builder = new TreeBuilder(services)
  try {
    await tell(calls, builder)
    return await builder.finish()
  } catch (error) {
    await builder.abort()
    throw error
  }
}

async function walk(node: Node, services: Services): Promise<Call[]> {
  const recorder = new Recorder()
  await walkNode(node, services, recorder)
  return recorder.calls
}

/** Answers late and out of order, and asks to be waited for: what a back end may do. */
function sluggish({ blobs, directories }: Services, seed: number): Services {
  let state = seed
  const pause = async (): Promise<void> => {
    state = (state * 1_103_515_245 + 12_345) & 0x7fff_ffff
    for (let ticks = (state >> 16) % 12; ticks > 0; ticks--) await Promise.resolve()
  }
  return {
    blobs: {
      stat: (digest) => blobs.stat(digest),
      put: (contents) => blobs.put(contents),
      close: () => blobs.close(),
      async read(digest, options) {
        await pause()
        return blobs.read(digest, options)
      },
      batch(options) {
        const batch = blobs.batch(options)
        let committed = Promise.withResolvers<void>()
        return {
          blob(size) {
            const writer = batch.blob(size)
            const { promise } = committed
            return {
              async write(bytes) {
                // Copied before it returns, as is promised.
                const written = writer.write(bytes)
                await pause()
                return written
              },
              async end() {
                const digest = await writer.end()
                await (state % 2 === 0 ? promise : pause())
                return digest
              },
            }
          },
          async commit() {
            await batch.commit()
            committed.resolve()
            committed = Promise.withResolvers()
          },
          abort: () => batch.abort(),
        }
      },
    },
    directories: {
      put: (directory) => directories.put(directory),
      getRecursive: (digest) => directories.getRecursive(digest),
      close: () => directories.close(),
      async get(digest, options) {
        await pause()
        return directories.get(digest, options)
      },
      putMultiple(options) {
        const putter = directories.putMultiple(options)
        let busy = false
        return {
          async put(directory) {
            assert.ok(!busy, "asked to be waited for")
            busy = true
            await pause()
            await putter.put(directory)
            busy = false
          },
          close: () => putter.close(),
        }
      },
    },
  }
}

const file = (text: string, executable = false): Call[] =>
  text === ""
    ? [["file", 0, executable]]
    : [
        ["file", text.length, executable],
        ["contents", bytesOf(text)],
      ]
const dir = (entries: Readonly<Record<string, readonly Call[]>>): Call[] => [
  ["directory"],
  ...Object.entries(entries).flatMap(([name, calls]): Call[] => [["entry", name], ...calls]),
  ["endDirectory"],
]

const LARGE = noise(1_500_000, 3)
const TREES: readonly { readonly name: string; readonly calls: readonly Call[] }[] = [
  { name: "an empty file", calls: file("") },
  { name: "an executable file", calls: file("#!/bin/sh\n", true) },
  {
    name: "a large file",
    calls: [
      ["file", LARGE.length, false],
      ["contents", LARGE],
    ],
  },
  { name: "a symlink", calls: [["symlink", "/nix/store/somewhere\xff"]] },
  { name: "an empty directory", calls: dir({}) },
  {
    name: "some of everything",
    calls: dir({
      ".keep": file(""),
      a: dir({ a: dir({}), b: file("same"), c: [["symlink", "b"]] }),
      "a'": file("same", true),
      b: dir({ a: dir({}), b: file("same"), c: [["symlink", "b"]] }),
      large: [
        ["file", LARGE.length, false],
        ["contents", LARGE],
      ],
      "\x80\xff": file("last"),
    }),
  },
  {
    name: "many files",
    calls: dir(Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`f${10_000 + i}`, file(`${i}`)]))),
  },
]

describe("a tree is built, and told again as it was", () => {
  for (const { name, calls } of TREES) {
    test(name, async () => {
      const services = inMemory()
      const node = await build(calls, services)
      assert.deepEqual(await walk(node, services), calls)
      const again = sluggish(inMemory(), 1)
      assert.deepEqual(await build(calls, again), node)
      assert.deepEqual(await walk(node, again), calls)
    })
  }

  test("whatever the tree, and whenever the back ends answer", async () => {
    const leaf = fc.oneof(
      fc
        .record({ text: fc.string({ unit: fc.constantFrom("a", "b", "\0", "\xff"), maxLength: 5 }), x: fc.boolean() })
        .map(({ text, x }) => file(text, x)),
      fc.constantFrom("a", "../b").map((target): Call[] => [["symlink", target]]),
    )
    const { tree } = fc.letrec<{ tree: Call[] }>((tie) => ({
      tree: fc.oneof(
        { depthSize: "small", withCrossShrink: true },
        leaf,
        fc
          .uniqueArray(
            fc.tuple(
              fc.string({ unit: fc.constantFrom("a", "b", ".x", "\xf0"), minLength: 1, maxLength: 3 }),
              tie("tree"),
            ),
            {
              selector: ([name]) => name,
              maxLength: 6,
            },
          )
          .map((entries): Call[] => {
            entries.sort(([a], [b]) => (a < b ? -1 : 1))
            return [
              ["directory"],
              ...entries.flatMap(([name, calls]): Call[] => [["entry", name], ...calls]),
              ["endDirectory"],
            ]
          }),
      ),
    }))
    await fc.assert(
      fc.asyncProperty(tree, fc.nat(), async (calls, seed) => {
        const plain = inMemory()
        const node = await build(calls, plain)
        const services = sluggish(inMemory(), seed)
        assert.deepEqual(await build(calls, services), node)
        assert.deepEqual(await walk(node, services), calls)
      }),
      { numRuns: 60 },
    )
  })

  test("100,000 levels", async () => {
    const services = inMemory()
    const depth = 100_000
    function* calls(): Generator<Call, void, undefined> {
      for (let i = 0; i < depth; i++) {
        yield ["directory"]
        yield ["entry", "d"]
      }
      yield* file("deep")
      for (let i = 0; i < depth; i++) yield ["endDirectory"]
    }
    const node = await build(calls(), services)
    assert.equal(node.type === "directory" && node.size, depth)
    const told = await walk(node, services)
    assert.equal(told.length, 3 * depth + 2)
    assert.deepEqual(told.at(2 * depth), ["file", 4, false])
  })
})

describe("what is no tree is refused, and nothing of it kept", () => {
  const sub = dir({ f: file("in") })
  for (const { name, calls, field } of [
    { name: "nothing", calls: [], field: "tree" },
    { name: "two roots", calls: [...file("a"), ...file("b")], field: "tree" },
    { name: "no end", calls: dir({ sub, z: file("") }).slice(0, -1), field: "z" },
    { name: "too many ends", calls: [...dir({ sub }), ["endDirectory"]], field: "tree" },
    { name: "no name", calls: [["directory"], ...file("a")], field: "tree" },
    { name: "no node", calls: [["directory"], ["entry", "a"], ["entry", "b"]], field: "a" },
    { name: "an end instead of a node", calls: [["directory"], ["entry", "a"], ["endDirectory"]], field: "a" },
    { name: "an entry outside", calls: [["entry", "a"]], field: "tree" },
    { name: "names out of order", calls: [["directory"], ["entry", "b"], ...sub, ["entry", "a"]], field: "a" },
    { name: "a name twice", calls: [["directory"], ["entry", "b"], ...sub, ["entry", "b"]], field: "b" },
    { name: "an escape", calls: [["directory"], ["entry", "a"], ["directory"], ["entry", ".."]], field: "a/.." },
    { name: "a slash", calls: [["directory"], ["entry", "a/b"]], field: "a/b" },
    {
      name: "contents too long",
      calls: [
        ["file", 1, false],
        ["contents", bytesOf("ab")],
      ],
      field: "tree",
    },
    {
      name: "contents too short",
      calls: [["directory"], ["entry", "f"], ["file", 2, false], ["contents", bytesOf("a")], ["endDirectory"]],
      field: "f",
    },
    { name: "contents of nothing", calls: [["contents", bytesOf("a")]], field: "tree" },
    { name: "no size", calls: [["file", -1, false]], field: "tree" },
    { name: "an empty target", calls: dir({ l: [["symlink", ""]] }), field: "l" },
    { name: "NUL in a target", calls: [["symlink", "a\0"]], field: "tree" },
  ] satisfies { name: string; calls: Call[]; field: string }[]) {
    test(name, async () => {
      const services = inMemory()
      await assert.rejects(build(calls, services), problem("invalid", field))
      for (const text of ["a", "b", "in"]) assert.equal(await services.blobs.stat(digestOf(bytesOf(text))), undefined)
    })
  }

  test("a failing back end", async () => {
    for (const fails of ["write", "end", "commit", "put", "close"] as const) {
      const services = inMemory()
      const oops = async (): Promise<never> => {
        throw new Error("disk on fire")
      }
      const failing: Services = {
        blobs: {
          ...bound(services.blobs),
          batch(options) {
            const batch = services.blobs.batch(options)
            return {
              blob(size) {
                const writer = batch.blob(size)
                return {
                  write: (bytes) => (fails === "write" ? oops() : writer.write(bytes)),
                  end: () => (fails === "end" ? oops() : writer.end()),
                }
              },
              commit: () => (fails === "commit" ? oops() : batch.commit()),
              abort: () => batch.abort(),
            }
          },
        },
        directories: {
          ...boundDirectories(services.directories),
          putMultiple(options) {
            const putter = services.directories.putMultiple(options)
            return {
              put: (directory) => (fails === "put" ? oops() : putter.put(directory)),
              close: () => (fails === "close" ? oops() : putter.close()),
            }
          },
        },
      }
      const calls = TREES.find(({ name }) => name === "some of everything")!.calls
      await assert.rejects(build(calls, failing), /disk on fire/, fails)
      const empty = directoryDigest({ entries: [] })
      assert.equal(await services.directories.get(empty), undefined)
    }
  })

  test("signals", async () => {
    const services = inMemory()
    const controller = new AbortController()
    const builder = new TreeBuilder(services, { signal: controller.signal })
    builder.file(4, false)
    controller.abort(new Error("never mind"))
    assert.throws(() => builder.contents(bytesOf("ab")), /never mind/)
    await builder.abort()
    const node = await build(TREES[5]!.calls, services)
    await assert.rejects(walkNode(node, services, new Recorder(), { signal: controller.signal }), /never mind/)
    const later = new AbortController()
    const sink = new Recorder()
    sink.contents = async () => later.abort(new Error("enough"))
    await assert.rejects(walkNode(node, services, sink, { signal: later.signal }), /enough/)
  })

  test("a sink that fails ends the walk", async () => {
    const services = inMemory()
    const node = await build(TREES[5]!.calls, services)
    const sink = new Recorder()
    sink.symlink = () => {
      throw new Error("no symlinks here")
    }
    await assert.rejects(walkNode(node, services, sink), /no symlinks here/)
  })
})

describe("a tree that is not all there", () => {
  const nodeOf = (directory: Directory, size: number): Node => ({
    type: "directory",
    digest: directoryDigest(directory),
    size,
  })
  const hello = bytesOf("Hello World!")
  const fileNode = (digest: B3Digest, size: number): Node => ({ type: "file", digest, size, executable: false })
  const put = async (services: Services, ...directories: Directory[]): Promise<void> => {
    for (const directory of directories) await services.directories.put(directory)
  }

  for (const { name, node, size, code } of [
    { name: "a small blob", node: fileNode(digestOf(bytesOf("gone")), 4), size: 2, code: "missing" },
    { name: "a large blob", node: fileNode(digestOf(bytesOf("gone")), 2 ** 40), size: 2, code: "missing" },
    {
      name: "a directory",
      node: nodeOf({ entries: [["gone", fileNode(digestOf(hello), 12)]] }, 1),
      size: 3,
      code: "missing",
    },
    { name: "a blob longer than said", node: fileNode(digestOf(hello), 11), size: 2, code: "corrupt" },
    { name: "a blob shorter than said", node: fileNode(digestOf(hello), 13), size: 2, code: "corrupt" },
    { name: "a blob much shorter than said", node: fileNode(digestOf(hello), 2 ** 40), size: 2, code: "corrupt" },
    { name: "a directory of another size", node: nodeOf({ entries: [] }, 5), size: 7, code: "corrupt" },
  ] as const) {
    test(name, async () => {
      const services = inMemory()
      await services.blobs.put([hello])
      const inner: Directory = { entries: [["leaf", node]] }
      const outer: Directory = { entries: [["inner", nodeOf(inner, size - 1)]] }
      await put(services, { entries: [] }, inner, outer)
      await assert.rejects(walk(nodeOf(outer, size), services), (error: Error) => {
        assert.match(error.message, / of inner\/leaf /)
        return problem(code)(error)
      })
    })
  }

  test("the root", async () => {
    await assert.rejects(walk(fileNode(digestOf(hello), 12), inMemory()), problem("missing"))
    await assert.rejects(walk(nodeOf({ entries: [] }, 0), inMemory()), problem("missing"))
    await assert.rejects(walk({ type: "symlink", target: "" }, inMemory()), problem("invalid", "root.target"))
  })
})

function bound(blobs: BlobService): BlobService {
  return {
    stat: (digest, options) => blobs.stat(digest, options),
    read: (digest, options) => blobs.read(digest, options),
    put: (contents, options) => blobs.put(contents, options),
    batch: (options) => blobs.batch(options),
    close: () => blobs.close(),
  }
}

function boundDirectories(directories: DirectoryService): DirectoryService {
  return {
    get: (digest, options) => directories.get(digest, options),
    getRecursive: (digest, options) => directories.getRecursive(digest, options),
    put: (directory, options) => directories.put(directory, options),
    putMultiple: (options) => directories.putMultiple(options),
    close: () => directories.close(),
  }
}
