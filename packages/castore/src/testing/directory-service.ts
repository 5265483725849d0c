/** What every {@link DirectoryService} promises. A back end's test file calls this. */
import assert from "node:assert/strict"
import { afterEach, beforeEach, describe, test } from "node:test"
import { directorySize } from "../directory/check.ts"
import { directoryDigest } from "../directory/codec.ts"
import type { Directory, DirectoryService } from "../directory/service.ts"
import { digestKey, EMPTY_DIGEST, type B3Digest } from "../digest.ts"
import type { Node } from "../node.ts"
import { problem } from "./problem.ts"

export interface OpenDirectoryService {
  readonly service: DirectoryService
  /** Releases what the service was opened with. The service itself is closed before. */
  readonly close?: () => Promise<void>
}

const file = (size = 0, executable = false): Node => ({ type: "file", digest: EMPTY_DIGEST, size, executable })
const link = (target: string): Node => ({ type: "symlink", target })
/** Entries ascending, please. */
const dir = (...entries: (readonly [string, Node])[]): Directory => ({ entries })
const nodeOf = (directory: Directory): Node => ({
  type: "directory",
  digest: directoryDigest(directory),
  size: directorySize(directory),
})

/*
 *     root ── a ── shared ── empty
 *      │      └─── empty
 *      ├───── b ── shared
 *      └───── shared
 */
const empty = dir()
const shared = dir([".keep", file()], ["empty", nodeOf(empty)], ["link", link("../.keep")])
const a = dir(["empty", nodeOf(empty)], ["shared", nodeOf(shared)])
const b = dir(["shared", nodeOf(shared)], ["x", file(5, true)])
const root = dir(["a", nodeOf(a)], ["b", nodeOf(b)], ["shared", nodeOf(shared)], ["\xff\x80", file(2 ** 53 - 1)])
const TREE = [empty, shared, a, b, root] as const

const INVALID: readonly { readonly name: string; readonly directory: Directory; readonly field: string }[] = [
  { name: "an empty name", directory: dir(["", file()]), field: "files[0].name" },
  { name: "a slash", directory: dir(["a", file()], ["b/c", file()]), field: "files[1].name" },
  { name: "NUL", directory: dir(["a\0", nodeOf(empty)]), field: "directories[0].name" },
  { name: "the parent", directory: dir(["..", link("x")]), field: "symlinks[0].name" },
  { name: "a long name", directory: dir(["n".repeat(256), file()]), field: "files[0].name" },
  { name: "descending names", directory: dir(["b", file()], ["a", file()]), field: "files[1].name" },
  { name: "a name twice", directory: dir(["a", nodeOf(empty)], ["a", file()]), field: "files[0].name" },
  { name: "a short digest", directory: dir(["a", shortDigest()]), field: "files[0].digest" },
  { name: "an empty target", directory: dir(["a", link("")]), field: "symlinks[0].target" },
  { name: "NUL in a target", directory: dir(["a", link("b\0")]), field: "symlinks[0].target" },
]

function shortDigest(): Node {
  return { type: "file", digest: new Uint8Array(31) as Uint8Array as B3Digest, size: 0, executable: false }
}

export function testDirectoryService(
  backend: string,
  open: () => Promise<OpenDirectoryService>,
  skip: Readonly<Record<string, string>> = {},
): void {
  describe(`DirectoryService: ${backend}`, () => {
    let service: DirectoryService
    let close: OpenDirectoryService["close"]
    beforeEach(async () => {
      const opened = await open()
      service = opened.service
      close = opened.close
    })
    afterEach(async () => {
      await service.close()
      await close?.()
    })

    const unused = new Set(Object.keys(skip))
    const it = (name: string, body: () => Promise<void>): void => {
      unused.delete(name)
      test(name, { skip: skip[name] ?? false }, body)
    }
    const putTree = async (directories: readonly Directory[]): Promise<B3Digest> => {
      const putter = service.putMultiple()
      for (const directory of directories) await putter.put(directory)
      return putter.close()
    }
    const assertHas = async (directory: Directory): Promise<void> => {
      const got = await service.get(directoryDigest(directory))
      assert.deepEqual(comparable(got), comparable(directory))
    }
    const assertLacks = async (...directories: readonly Directory[]): Promise<void> => {
      for (const directory of directories) assert.equal(await service.get(directoryDigest(directory)), undefined)
    }
    const listed = async (digest: B3Digest): Promise<Directory[]> => {
      const directories: Directory[] = []
      for await (const directory of service.getRecursive(digest)) directories.push(directory)
      return directories
    }

    it("a directory that is not there", async () => {
      const digest = directoryDigest(dir(["never", file()]))
      assert.equal(await service.get(digest), undefined)
      assert.deepEqual(await listed(digest), [])
    })

    it("one directory, without its subdirectories", async () => {
      for (const directory of [root, empty, shared]) {
        assert.deepEqual(plain(await service.put(directory)), plain(directoryDigest(directory)))
        await assertHas(directory)
      }
      await assertLacks(a, b)
      await service.put(root)
      await assertHas(root)
    })

    it("changing what was put or got changes nothing that is stored", async () => {
      const entries: [string, Node][] = [["a", file(1)]]
      const digest = await service.put({ entries })
      entries[0] = ["b", file(2)]
      const got = (await service.get(digest))!
      ;(got.entries as [string, Node][]).pop()
      await assertHas(dir(["a", file(1)]))
    })

    it("names and targets are bytes", async () => {
      await service.put(dir(["\x01", link("\xff/\xfe")], ["\x80\xff", file()], ["é", file()]))
      await assertHas(dir(["\x01", link("\xff/\xfe")], ["\x80\xff", file()], ["é", file()]))
    })

    for (const { name, directory, field } of INVALID) {
      it(`refuses: ${name}`, async () => {
        await assert.rejects(service.put(directory), problem("invalid", field))
        await assert.rejects(
          async () => {
            const putter = service.putMultiple()
            await putter.put(directory)
            await putter.close()
          },
          problem("invalid", field),
        )
      })
    }

    it("a tree", async () => {
      assert.deepEqual(plain(await putTree(TREE)), plain(directoryDigest(root)))
      for (const directory of TREE) await assertHas(directory)
    })

    it("a tree some of which is there already, and the same again", async () => {
      await service.put(shared)
      await putTree([empty, shared, a])
      await putTree(TREE)
      await putTree(TREE)
      for (const directory of TREE) await assertHas(directory)
    })

    it("a directory may be put twice in one tree", async () => {
      await putTree([empty, empty, shared, empty, a, b, shared, root])
      await assertHas(root)
    })

    it("the tree is listed from its root, each directory once and after one that refers to it", async () => {
      await putTree(TREE)
      const directories = await listed(directoryDigest(root))
      assert.deepEqual(comparable(directories[0]), comparable(root))
      const expected = TREE.map((directory) => digestKey(directoryDigest(directory)))
      const keys = directories.map((directory) => digestKey(directoryDigest(directory)))
      assert.deepEqual(keys.toSorted(), expected.toSorted())
      const mentioned = new Set([keys[0]])
      for (const [i, directory] of directories.entries()) {
        assert.ok(mentioned.has(keys[i]), "mentioned by one before")
        for (const [, node] of directory.entries) if (node.type === "directory") mentioned.add(digestKey(node.digest))
      }
      assert.deepEqual((await listed(directoryDigest(a))).length, 3)
    })

    it("a list that breaks off because one is missing", async () => {
      await service.put(root)
      await service.put(a)
      const seen: Directory[] = []
      await assert.rejects(async () => {
        for await (const directory of service.getRecursive(directoryDigest(root))) seen.push(directory)
      }, problem("missing"))
      assert.ok(seen.length <= 2)
    })

    it("a list that is given up", async () => {
      await putTree(TREE)
      for await (const directory of service.getRecursive(directoryDigest(root))) {
        assert.deepEqual(comparable(directory), comparable(root))
        break
      }
    })

    it("refuses parents before their children, and keeps nothing", async () => {
      await assert.rejects(putTree([empty, a, shared, b, root]), problem("invalid"))
      await assertLacks(...TREE)
    })

    it("refuses a tree with a directory missing, even if it is in the store", async () => {
      await service.put(shared)
      await assert.rejects(putTree([empty, a]), problem("invalid"))
      await assertLacks(a, empty)
    })

    it("refuses a size that is wrong", async () => {
      const lie = dir(["e", { type: "directory", digest: directoryDigest(empty), size: 1 }])
      await assert.rejects(putTree([empty, lie]), problem("invalid"))
      await assertLacks(empty, lie)
    })

    it("refuses directories that are not part of the tree", async () => {
      const stray = dir(["stray", file()])
      await assert.rejects(putTree([stray, ...TREE]), problem("invalid"))
      await assert.rejects(putTree([...TREE, stray]), problem("invalid"))
      await assert.rejects(putTree([...TREE, shared]), problem("invalid"))
      await assertLacks(stray, ...TREE)
    })

    it("refuses a tree of nothing", async () => {
      await assert.rejects(service.putMultiple().close(), problem("invalid"))
    })

    it("what was put is not there before the putter is closed", async () => {
      const putter = service.putMultiple()
      for (const directory of TREE) await putter.put(directory)
      await assertLacks(...TREE)
      await putter.close()
      await assertHas(root)
    })

    it("trees side by side", async () => {
      const trees = [TREE, [empty, shared, a], TREE, [empty, shared, b]]
      const digests = await Promise.all(trees.map(putTree))
      for (const [i, tree] of trees.entries())
        assert.deepEqual(plain(digests[i]!), plain(directoryDigest(tree.at(-1)!)))
      for (const directory of TREE) await assertHas(directory)
    })

    it("a large directory, and a deep tree", async () => {
      const large = dir(...Array.from({ length: 5000 }, (_, i) => [`file-${100_000 + i}`, file(i)] as const))
      const chain: Directory[] = [large]
      for (let i = 0; i < 1000; i++) chain.push(dir(["down", nodeOf(chain[i]!)]))
      await putTree(chain)
      await assertHas(large)
      const directories = await listed(directoryDigest(chain.at(-1)!))
      assert.equal(directories.length, chain.length)
      assert.deepEqual(comparable(directories.at(-1)), comparable(large))
    })

    it("signals", async () => {
      await putTree(TREE)
      const signal = AbortSignal.abort(new Error("too late"))
      const other = dir(["other", file()])
      await assert.rejects(service.get(directoryDigest(root), { signal }), /too late/)
      await assert.rejects(service.put(other, { signal }), /too late/)
      await assert.rejects(async () => {
        for await (const _ of service.getRecursive(directoryDigest(root), { signal })) assert.fail("too late")
      }, /too late/)
      const controller = new AbortController()
      await assert.rejects(async () => {
        const putter = service.putMultiple({ signal: controller.signal })
        await putter.put(other)
        controller.abort(new Error("never mind"))
        await putter.close()
      }, /never mind/)
      await assertLacks(other)
    })

    it("closing twice", async () => {
      await service.put(empty)
      await service.close()
      await service.close()
    })

    test("every skip names a test", () => assert.deepEqual([...unused], []))
  })
}

/** Back ends may give digests as a Buffer, which is a Uint8Array, but not deeply equal to one. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}

function comparable(directory: Directory | undefined): unknown {
  return directory?.entries.map(([name, node]) => [
    name,
    node.type === "symlink" ? { ...node } : { ...node, digest: digestKey(node.digest) },
  ])
}
