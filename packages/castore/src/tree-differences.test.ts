import { bytesOf } from "@tvix-ts/bytes"
import fc from "fast-check"
import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { memoryBlobService } from "./blob/memory.ts"
import { memoryDirectoryService } from "./directory/memory.ts"
import type { Node } from "./node.ts"
import { problem } from "./testing/problem.ts"
import { TreeBuilder } from "./tree-builder.ts"
import { treeDifferences } from "./tree-differences.ts"

/** `x…` is an executable file, `->…` a link, anything else a file. */
type Tree = string | { readonly [name: string]: Tree }

const services = { blobs: memoryBlobService(), directories: memoryDirectoryService() }

async function store(tree: Tree): Promise<Node> {
  const builder = new TreeBuilder(services)
  const tell = async (one: Tree): Promise<void> => {
    if (typeof one !== "string") {
      builder.directory()
      for (const [name, below] of Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1))) {
        builder.entry(name)
        await tell(below)
      }
      builder.endDirectory()
    } else if (one.startsWith("->")) builder.symlink(one.slice(2))
    else {
      builder.file(one.length, one.startsWith("x"))
      if (one.length > 0) await builder.contents(bytesOf(one))
    }
  }
  await tell(tree)
  return builder.finish()
}

/** `+a` for what came, `-a` for what went, `~a` for what is not the same. */
async function differences(a: Tree, b: Tree): Promise<string[]> {
  const found = await Array.fromAsync(treeDifferences(await store(a), await store(b), services.directories))
  return found.map(
    ({ path, before, after }) => `${before === undefined ? "+" : after === undefined ? "-" : "~"}${path}`,
  )
}

/** The same, by looking at everything. */
function expected(a: Tree | undefined, b: Tree | undefined, path = ""): string[] {
  if (a === undefined) return [`+${path}`]
  if (b === undefined) return [`-${path}`]
  if (typeof a === "string" || typeof b === "string") return a === b ? [] : [`~${path}`]
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort()
  const at = (tree: { readonly [name: string]: Tree }, name: string): Tree | undefined =>
    Object.hasOwn(tree, name) ? tree[name] : undefined
  return names.flatMap((name) => expected(at(a, name), at(b, name), path === "" ? name : `${path}/${name}`))
}

const { tree } = fc.letrec<{ tree: Tree; leaf: string; folder: Tree }>((tie) => ({
  tree: fc.oneof({ maxDepth: 4 }, tie("leaf"), tie("folder")),
  leaf: fc.constantFrom("", "a", "b", "xa", "->a", "->b"),
  folder: fc.dictionary(fc.constantFrom("a", "b", "c", "a.b"), tie("tree"), { noNullPrototype: true }),
}))

describe("treeDifferences", () => {
  test("says where trees differ", async () => {
    const before = { bin: { a: "xrun", b: "same" }, gone: { x: "y" }, kind: "file", link: "->a" }
    const after = { bin: { a: "xruns", b: "same", c: "new" }, kind: { x: "y" }, link: "->b" }
    assert.deepEqual(await differences(before, after), ["~bin/a", "+bin/c", "-gone", "~kind", "~link"])
    assert.deepEqual(await differences("file", "->file"), ["~"])
    assert.deepEqual(await differences("same", "same"), [])
  })

  test("of any trees", () =>
    fc.assert(fc.asyncProperty(tree, tree, async (a, b) => assert.deepEqual(await differences(a, b), expected(a, b)))))

  test("reads nothing of what is the same", async () => {
    const [a, b] = [await store({ big: { x: "1" }, f: "1" }), await store({ big: { x: "1" }, f: "2" })]
    let reads = 0
    const get: typeof services.directories.get = (digest, options) => {
      reads++
      return services.directories.get(digest, options)
    }
    assert.equal((await Array.fromAsync(treeDifferences(a, b, { get }))).length, 1)
    assert.equal(reads, 2)
  })

  test("needs the directories", async () => {
    const nodes = [await store({ a: "1" }), await store({ a: "2" })] as const
    const empty = { get: async () => undefined }
    await assert.rejects(Array.fromAsync(treeDifferences(...nodes, empty)), problem("missing"))
  })
})
