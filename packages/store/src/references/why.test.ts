import assert from "node:assert/strict"
import { test } from "node:test"
import { bytesOf } from "@tvix-ts/bytes"
import { TreeBuilder, type Node, type TreeSink } from "@tvix-ts/castore"
import { formatStorePath, type StorePath } from "@tvix-ts/nix-compat"
import { memoryStore } from "../store.ts"
import { exampleStorePath } from "../testing/path-info-service.ts"
import { whyDepends } from "./why.ts"

const store = memoryStore()
const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => exampleStorePath(name, name)) as [
  StorePath,
  StorePath,
  StorePath,
  StorePath,
]

async function put(
  storePath: StorePath,
  references: readonly StorePath[],
  tell: (sink: TreeSink) => void,
): Promise<void> {
  const builder = new TreeBuilder(store)
  tell(builder)
  const node: Node = await builder.finish()
  const sorted = references.toSorted((x, y) => (x.digest < y.digest ? -1 : 1))
  await store.pathInfos.put({
    storePath,
    node,
    references: sorted,
    signatures: [],
    ...(await store.nar.calculate(node)),
  })
}
function file(sink: TreeSink, text: string): void {
  const bytes = bytesOf(text)
  sink.file(bytes.length, false)
  void sink.contents(bytes)
}

test("the shortest way, and the files that lead along it", async () => {
  await put(d, [], (sink) => file(sink, "end"))
  await put(c, [d, c], (sink) => sink.symlink(formatStorePath(d)))
  await put(b, [c], (sink) => file(sink, formatStorePath(c)))
  await put(a, [b, c], (sink) => {
    sink.directory()
    sink.entry("bin")
    sink.directory()
    sink.entry("x")
    file(sink, `${formatStorePath(c)} and again ${formatStorePath(c)}`)
    sink.endDirectory()
    sink.entry("empty")
    sink.file(0, false)
    sink.entry("link")
    sink.symlink(formatStorePath(c))
    sink.entry("other")
    file(sink, formatStorePath(b))
    sink.endDirectory()
  })
  assert.deepEqual(await whyDepends(a, d, store), [
    { path: a, mentions: ["bin/x", "link"] },
    { path: c, mentions: [""] },
    { path: d, mentions: [] },
  ])
  assert.deepEqual(await whyDepends(d, d, store), [{ path: d, mentions: [] }])
  assert.equal(await whyDepends(d, a, store), undefined)
})
