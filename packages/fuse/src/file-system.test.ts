import assert from "node:assert/strict"
import { beforeEach, describe, test } from "node:test"
import {
  memoryBlobService,
  memoryDirectoryService,
  type BlobService,
  type CastoreError,
  type Directory,
  type FileNode,
  type Node,
} from "@tvix-ts/castore"
import { utf8 } from "@tvix-ts/bytes"
import fc from "fast-check"
import { FileSystem } from "./file-system.ts"
import { ERRNO, FEATURE, OPCODE, WAKE_UP_NAME } from "./protocol.ts"
import { pathsRoot, storeRoot, type Root } from "./root.ts"
import { encodeRequest, Kernel, u32, u64, type Entry } from "./testing/kernel.ts"
import { decodeRequest } from "./request.ts"
import { memoryStore } from "@tvix-ts/store"
import { parseStorePath } from "@tvix-ts/nix-compat"

const OWNER = { uid: 1000, gid: 100 }
const blobs = memoryBlobService()
const directories = memoryDirectoryService()

async function file(contents: Uint8Array, executable = false): Promise<FileNode> {
  return { type: "file", digest: await blobs.put([contents]), size: contents.length, executable }
}
async function directory(entries: Readonly<Record<string, Node>>): Promise<Node> {
  const sorted: Directory["entries"] = Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1))
  return { type: "directory", digest: await directories.put({ entries: sorted }), size: sorted.length }
}
function rootOf(entries: Readonly<Record<string, Node>>): Root {
  const all = new Map(Object.entries(entries))
  return {
    lookUp: async (name) => all.get(name),
    async *list() {
      yield* all
    },
  }
}

let problems: unknown[] = []
beforeEach(() => (problems = []))
function mounted(root: Root, from: BlobService = blobs): { readonly kernel: Kernel; readonly fileSystem: FileSystem } {
  const onProblem = (error: unknown): void => void problems.push(error)
  const fileSystem = new FileSystem(root, from, directories, { owner: OWNER, onProblem })
  return { kernel: new Kernel(fileSystem), fileSystem }
}
function found(entry: Entry | number): Entry {
  assert.ok(typeof entry !== "number", `error ${JSON.stringify(entry)}`)
  return entry
}

/** Not the same twice in a row, wherever one looks. */
function noise(length: number): Uint8Array {
  return new Uint8Array(length).map((_, i) => Math.imul(i ^ (i >>> 7), 2_654_435_761) >>> 24)
}

describe("names and attributes", () => {
  test("are those of a store of C++ Nix", async () => {
    const tree = await directory({
      "a\xff": await file(utf8("text")),
      empty: await file(new Uint8Array()),
      run: await file(utf8("#!/bin/sh\n"), true),
      to: { type: "symlink", target: "a\xff" },
    })
    const { kernel } = mounted(rootOf({ tree }))
    const { id, mode, mtime, entryValid } = found(await kernel.lookUp(1, "tree"))
    assert.deepEqual({ mode, mtime, entryValid }, { mode: "40555", mtime: 1, entryValid: 2 ** 31 - 1 })
    const all = (await kernel.list(id, 4096)) as Map<string, Entry>
    assert.deepEqual(
      Array.from(all, ([name, entry]) => [name, entry.mode, entry.size]),
      [
        ["a\xff", "100444", 4],
        ["empty", "100444", 0],
        ["run", "100555", 10],
        ["to", "120777", 2],
      ],
    )
    assert.deepEqual(await kernel.ask(OPCODE.readlink, all.get("to")!.id), Uint8Array.of(0x61, 0xff))
    assert.deepEqual(await kernel.lookUp(id, "a\xff"), all.get("a\xff"))
  })

  test("what is not there is not, for ever in a tree and for a second in the root", async () => {
    const { kernel } = mounted(rootOf({ tree: await directory({}) }))
    const { id } = found(await kernel.lookUp(1, "tree"))
    assert.partialDeepStrictEqual(await kernel.lookUp(id, "x"), { id: 0, entryValid: 2 ** 31 - 1 })
    assert.partialDeepStrictEqual(await kernel.lookUp(1, "x"), { id: 0, entryValid: 1 })
  })

  test("every entry is listed once, however little room there is", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.string({ unit: fc.constantFrom("a", "b", "\xff", "."), minLength: 3, maxLength: 40 })),
        fc.integer({ min: 200, max: 2000 }),
        async (names, size) => {
          const node = await file(utf8("x"))
          const tree = await directory(Object.fromEntries(names.map((name) => [name, node])))
          const { kernel } = mounted(rootOf({ tree }))
          const { id } = found(await kernel.lookUp(1, "tree"))
          assert.deepEqual([...((await kernel.list(id, size)) as Map<string, Entry>).keys()], names.toSorted())
        },
      ),
      { numRuns: 50 },
    )
  })

  test("equal files are one, equal folders are not", async () => {
    const same = await file(utf8("same"))
    const { kernel } = mounted(
      rootOf({
        a: await directory({ in: await directory({ same }) }),
        b: await directory({ in: await directory({ same }) }),
      }),
    )
    const inA = found(await kernel.lookUp(found(await kernel.lookUp(1, "a")).id, "in"))
    const inB = found(await kernel.lookUp(found(await kernel.lookUp(1, "b")).id, "in"))
    assert.notEqual(inA.id, inB.id)
    assert.notEqual(inA.number, inB.number)
    assert.deepEqual(await kernel.lookUp(inA.id, "same"), await kernel.lookUp(inB.id, "same"))
  })

  test("st_ino is the same when it was forgotten meanwhile", async () => {
    const { kernel, fileSystem } = mounted(rootOf({ tree: await directory({ in: await directory({}) }) }))
    const tree = found(await kernel.lookUp(1, "tree"))
    const inside = found(await kernel.lookUp(tree.id, "in"))
    assert.equal(fileSystem.size, 3)
    await kernel.forget([inside.id, 1], [tree.id, 1])
    assert.equal(fileSystem.size, 1)
    const again = found(await kernel.lookUp(1, "tree"))
    assert.notEqual(again.id, tree.id)
    assert.equal(again.number, tree.number)
    assert.equal(found(await kernel.lookUp(again.id, "in")).number, inside.number)
  })

  test("nothing is kept of what the kernel has forgotten", async () => {
    const node = await file(utf8("x"))
    const tree = await directory(Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`f${i}`, node])))
    const { kernel, fileSystem } = mounted(rootOf({ tree }))
    const { id } = found(await kernel.lookUp(1, "tree"))
    const all = (await kernel.list(id, 4096)) as Map<string, Entry>
    assert.equal(fileSystem.size, 3)
    const [one] = all.values()
    // It was told a hundred times of the one file.
    await kernel.forget([one!.id, 99])
    assert.equal(fileSystem.size, 3)
    await kernel.forget([one!.id, 1], [id, 1], [1, 1], [4711, 1])
    assert.equal(fileSystem.size, 1)
  })
})

describe("contents", () => {
  const LENGTH = 5_000_000
  const large = noise(LENGTH)

  test("any part of a file is what it should be, in whatever order", async () => {
    const node = await file(large)
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat({ max: LENGTH + 1000 }), fc.nat({ max: 300_000 }), fc.integer({ min: 0, max: 8 })), {
          minLength: 1,
          maxLength: 12,
        }),
        async (reads) => {
          const { kernel, fileSystem } = mounted(rootOf({ f: node }))
          const { id } = found(await kernel.lookUp(1, "f"))
          // From each place some parts one after the other, and all at once.
          const wanted = reads.flatMap(([offset, size, more]) =>
            Array.from({ length: more + 1 }, (_, i) => [offset + i * size, size] as const),
          )
          const got = await Promise.all(wanted.map(([offset, size]) => kernel.read(id, offset, size)))
          for (const [i, [offset, size]] of wanted.entries()) {
            assert.deepEqual(got[i], large.slice(offset, offset + size), `${size} bytes from ${offset}`)
          }
          fileSystem.close()
        },
      ),
      { numRuns: 30 },
    )
  })

  test("a file that is read from its beginning to its end is read once from then on", async () => {
    let read = 0
    const counting: BlobService = {
      ...blobs,
      stat: (...words) => blobs.stat(...words),
      async read(digest, options) {
        const contents = await blobs.read(digest, options)
        return contents && counted(contents)
      },
    }
    async function* counted(contents: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
      for await (const piece of contents) {
        read += piece.length
        yield piece
      }
    }
    const { kernel, fileSystem } = mounted(rootOf({ f: await file(large) }), counting)
    const { id } = found(await kernel.lookUp(1, "f"))
    for (let at = 0; at < LENGTH; at += 131_072) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      assert.deepEqual(await kernel.read(id, at, 131_072), large.slice(at, at + 131_072))
    }
    assert.equal(read, LENGTH)
    fileSystem.close()
  })

  test("a blob that is missing, and one that is shorter than it should be, cannot be read", async () => {
    const node = await file(large)
    const longer = { ...node, size: LENGTH + 1_000_000 }
    const other = { ...node, digest: (await file(utf8("x"))).digest.map((byte) => byte ^ 1) as typeof node.digest }
    const { kernel } = mounted(rootOf({ longer, other }))
    assert.equal(await kernel.read(found(await kernel.lookUp(1, "other")).id, 0, 10), ERRNO.EIO)
    const { id } = found(await kernel.lookUp(1, "longer"))
    assert.equal(await kernel.read(id, LENGTH - 5, 10), ERRNO.EIO)
    const codes = problems.map((error) => (error as CastoreError).problem.code)
    assert.deepEqual(codes, ["missing", "corrupt"])
  })
})

describe("what is refused", () => {
  test("changes, operations that are unknown, and files that are no files", async () => {
    const { kernel } = mounted(rootOf({ f: await file(utf8("x")), l: { type: "symlink", target: "f" } }))
    const { id } = found(await kernel.lookUp(1, "f"))
    const link = found(await kernel.lookUp(1, "l"))
    assert.equal(await kernel.ask(16, id, new Uint8Array(40)), ERRNO.EROFS)
    assert.equal(await kernel.ask(14, id, u32(0, 0)), ERRNO.ENOSYS)
    assert.equal(await kernel.ask(22, id, new Uint8Array(8)), ERRNO.ENOSYS)
    assert.equal(await kernel.lookUp(id, "x"), ERRNO.ENOTDIR)
    assert.equal(await kernel.list(id, 4096), ERRNO.ENOTDIR)
    assert.equal(await kernel.read(1, 0, 10), ERRNO.EINVAL)
    assert.equal(await kernel.ask(OPCODE.readlink, id), ERRNO.EINVAL)
    assert.equal(await kernel.read(link.id, 0, 10), ERRNO.EINVAL)
    assert.equal(await kernel.ask(OPCODE.getattr, 4711, u32(0, 0), u64(0)), ERRNO.EINVAL)
  })

  test("a kernel that is too old", () => {
    const { fileSystem } = mounted(rootOf({}))
    const init = encodeRequest(OPCODE.init, 2, 0, u32(7, 22, 131_072, 0))
    assert.throws(() => fileSystem.answer(decodeRequest(init)), /7\.22/)
  })
})

test("INIT takes what it wants of what is offered, and no more", async () => {
  const { kernel } = mounted(rootOf({}))
  const offered = FEATURE.asyncRead | FEATURE.cacheSymlinks | (1 << 10)
  const reply = (await kernel.ask(OPCODE.init, 0, u32(7, 45, 131_072, offered), new Uint8Array(48))) as Uint8Array
  const view = new DataView(reply.buffer, reply.byteOffset)
  const words = [0, 4, 8, 12].map((at) => view.getUint32(at, true))
  assert.deepEqual(words, [7, 31, 131_072, FEATURE.asyncRead | FEATURE.cacheSymlinks])
})

test("the file that the kernel is reminded of is empty, and not listed", async () => {
  const { kernel, fileSystem } = mounted(rootOf({}))
  assert.equal(fileSystem.wakeUpId, undefined)
  const { id, size } = found(await kernel.lookUp(1, WAKE_UP_NAME))
  assert.equal(size, 0)
  assert.equal(fileSystem.wakeUpId, id)
  assert.deepEqual(await kernel.list(1, 4096), new Map())
  await kernel.forget([id, 1])
  assert.equal(fileSystem.wakeUpId, undefined)
})

describe("the root of a store", () => {
  const HELLO = parseStorePath("/nix/store/s66mzxpvicwk07gjbjfw9izjfa797vsw-hello")
  const OTHER = parseStorePath("/nix/store/77l7nb0xc4a0yvyi35ab39bk377fri0v-other")

  for (const [what, only] of [
    ["all of it", false],
    ["one path of it", true],
  ] as const) {
    test(what, async () => {
      const store = memoryStore()
      const described = { references: [], narSize: 1, narHash: new Uint8Array(32), signatures: [] }
      const node: Node = { type: "symlink", target: "x" }
      for (const storePath of [HELLO, OTHER]) {
        // oxlint-disable-next-line no-await-in-loop -- two
        await store.pathInfos.put({ ...described, storePath, node })
      }
      const root = only ? pathsRoot([HELLO], store.pathInfos) : storeRoot(store.pathInfos)
      const { kernel } = mounted(root)
      const names = [
        "s66mzxpvicwk07gjbjfw9izjfa797vsw-hello",
        ...(only ? [] : ["77l7nb0xc4a0yvyi35ab39bk377fri0v-other"]),
      ]
      assert.deepEqual(new Set(((await kernel.list(1, 4096)) as Map<string, Entry>).keys()), new Set(names))
      const lookedUp = async (name: string): Promise<boolean> => found(await kernel.lookUp(1, name)).id !== 0
      assert.equal(await lookedUp("s66mzxpvicwk07gjbjfw9izjfa797vsw-hello"), true)
      assert.equal(await lookedUp("77l7nb0xc4a0yvyi35ab39bk377fri0v-other"), !only)
      for (const name of [
        "s66mzxpvicwk07gjbjfw9izjfa797vsw-hullo",
        "s66mzxpvicwk07gjbjfw9izjfa797vsw",
        ".git",
        "x\xff",
      ]) {
        // oxlint-disable-next-line no-await-in-loop -- a few
        assert.equal(await lookedUp(name), false, name)
      }
    })
  }
})
