import { utf8 } from "@tvix-ts/bytes"
import assert from "node:assert/strict"
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { test, type TestContext } from "node:test"
import { setImmediate as turn } from "node:timers/promises"
import { formatDigest, type B3Digest } from "../../digest.ts"
import type { DirectoryNode, FileNode, Node } from "../../node.ts"
import { CastoreError } from "../../problem.ts"
import { noise } from "../../testing/bytes.ts"
import { layoutOf } from "./layout.ts"
import { openLocalCastore, type LocalCastore } from "./open.ts"
import { bytesOfBlob, castoreIn, findings, folder } from "./testing/castore-folder.ts"

function file(digest: B3Digest, size: number): FileNode {
  return { type: "file", digest, size, executable: false }
}

/** Puts a blob and closes, so that nobody counts on it any more. */
async function putAndLeave(dir: string, ...blobs: readonly Uint8Array[]): Promise<FileNode[]> {
  const castore = openLocalCastore(dir)
  const nodes: FileNode[] = []
  for (const bytes of blobs) nodes.push(file(await castore.blobs.put([bytes]), bytes.length))
  await castore.close()
  await nextMillisecond()
  return nodes
}

/** Rows are dated in milliseconds, and what is as old as the horizon is kept. */
async function nextMillisecond(): Promise<void> {
  for (const start = Date.now(); Date.now() <= start + 1;) await turn()
}

/** A directory with a file in a directory, and what is in it. */
async function putTree(castore: LocalCastore, name: string): Promise<{ root: DirectoryNode; leaf: FileNode }> {
  const bytes = noise(400_000, name.charCodeAt(0))
  const leaf = file(await castore.blobs.put([bytes]), bytes.length)
  const putter = castore.directories.putMultiple()
  const child = { entries: [[name, leaf]] } as const
  await putter.put(child)
  const digest = await castore.directories.put(child)
  await putter.put({ entries: [["child", { type: "directory", digest, size: 1 }]] })
  return { root: { type: "directory", digest: await putter.close(), size: 2 }, leaf }
}

async function isWhole(
  castore: LocalCastore,
  { root, leaf }: { root: DirectoryNode; leaf: FileNode },
): Promise<boolean> {
  let count = 0
  for await (const { entries } of castore.directories.getRecursive(root.digest)) count += entries.length
  return count === 2 && (await bytesOfBlob(castore.blobs, leaf.digest))?.length === leaf.size
}

async function collectWith(t: TestContext, dir: string, ...roots: readonly Node[]): Promise<void> {
  const castore = castoreIn(t, dir)
  await castore.collect({ roots })
  assert.deepEqual(await findings(castore), [])
  await castore.close()
}

test("keeps what roots reach and removes the rest, with its bytes", async (t) => {
  const dir = folder(t)
  const writer = openLocalCastore(dir)
  const kept = await putTree(writer, "kept")
  const lost = await putTree(writer, "lost")
  await writer.close()
  await nextMillisecond()
  const castore = castoreIn(t, dir)
  const would = await castore.collect({ roots: [kept.root], dryRun: true })
  assert.ok(await isWhole(castore, lost))
  const report = await castore.collect({ roots: [kept.root] })
  assert.deepEqual(report.removed, would.removed)
  assert.deepEqual(report.removed.directories, 2)
  assert.equal(report.removed.largeBlobs, 1)
  assert.equal(report.removed.chunkBytes, 400_000)
  assert.equal(report.before.packs.bytes, 800_000)
  assert.equal(report.after.packs.bytes, 400_000 + (report.after.packs.bytes === 800_000 ? 400_000 : 0))
  assert.ok(await isWhole(castore, kept))
  assert.equal(await castore.directories.get(lost.root.digest), undefined)
  assert.equal(await castore.blobs.stat(lost.leaf.digest), undefined)
  assert.deepEqual(await findings(castore), [])
  // What is gone can be put again.
  const again = await putTree(castore, "lost")
  assert.equal(formatDigest(again.root.digest), formatDigest(lost.root.digest))
  assert.ok(await isWhole(castore, again))
})

test("what is put meanwhile stays for as long as its writer lives, though nothing refers to it", async (t) => {
  const dir = folder(t)
  const writer = castoreIn(t, dir)
  const tree = await putTree(writer, "tree")
  const batch = writer.blobs.batch()
  const blob = batch.blob()
  await blob.write(noise(3_000_000))
  await nextMillisecond()
  await collectWith(t, dir)
  assert.ok(await isWhole(writer, tree))
  const digest = await blob.end()
  await batch.commit()
  assert.equal((await bytesOfBlob(writer.blobs, digest))?.length, 3_000_000)
  await writer.close()
  await nextMillisecond()
  await collectWith(t, dir)
  const after = castoreIn(t, dir)
  assert.equal(await after.directories.get(tree.root.digest), undefined)
  assert.equal(await after.blobs.stat(digest), undefined)
  assert.deepEqual(readdirSync(join(dir, "packs")), [])
})

for (const { name, meet } of [
  { name: "puts again", meet: async (castore: LocalCastore) => void (await putTree(castore, "old")) },
  {
    name: "is told exists",
    meet: async (castore: LocalCastore, root: DirectoryNode, leaf: FileNode) => {
      await castore.startWriting()
      assert.ok(await castore.directories.get(root.digest))
      assert.ok(await castore.blobs.stat(leaf.digest))
    },
  },
]) {
  test(`what was there before a writer began stays if the writer ${name}, with all below it`, async (t) => {
    const dir = folder(t)
    const before = openLocalCastore(dir)
    const old = await putTree(before, "old")
    const other = await putTree(before, "unmet")
    await before.close()
    await nextMillisecond()
    const writer = castoreIn(t, dir)
    await meet(writer, old.root, old.leaf)
    await collectWith(t, dir)
    assert.ok(await isWhole(writer, old))
    assert.equal(await writer.blobs.stat(other.leaf.digest), undefined)
  })
}

test("a writer that is renewed counts on nothing from before its time of grace", async (t) => {
  const dir = folder(t)
  const [old] = await putAndLeave(dir, noise(100_000))
  const writer = castoreIn(t, dir, { graceMs: 0 })
  await writer.blobs.put([noise(100_000)])
  await nextMillisecond()
  writer.renew()
  await nextMillisecond()
  await writer.blobs.put([utf8("new")])
  await collectWith(t, dir)
  assert.equal(await writer.blobs.stat(old!.digest), undefined)
})

test("a writer that puts what was just collected writes it anew", async (t) => {
  const dir = folder(t)
  const [old] = await putAndLeave(dir, noise(100_000))
  const writer = castoreIn(t, dir)
  await writer.startWriting()
  await collectWith(t, dir)
  assert.equal(await writer.blobs.stat(old!.digest), undefined)
  await writer.blobs.put([noise(100_000)])
  assert.equal((await bytesOfBlob(writer.blobs, old!.digest))?.length, 100_000)
})

test("packs that are mostly garbage are written anew, and readers find their way", async (t) => {
  const dir = folder(t)
  const [kept, ...lost] = await putAndLeave(dir, ...[1, 2, 3].map((seed) => noise(100_000, seed)))
  const reader = castoreIn(t, dir)
  // One that knows the place, but has not opened the pack.
  const contents = (await reader.blobs.read(kept!.digest))!
  const other = castoreIn(t, dir)
  assert.equal((await bytesOfBlob(other.blobs, lost[0]!.digest))?.length, 100_000)
  const [before] = readdirSync(join(dir, "packs"))
  await collectWith(t, dir, kept!)
  const [after, ...more] = readdirSync(join(dir, "packs"))
  assert.notEqual(after, before)
  assert.deepEqual(more, [])
  assert.equal(statSync(join(dir, "packs", after!)).size, 100_000)
  let length = 0
  for await (const piece of contents) length += piece.length
  assert.equal(length, 100_000)
  assert.equal((await bytesOfBlob(other.blobs, kept!.digest))?.length, 100_000)
  // Writers go on with it.
  await other.blobs.put([utf8("more")])
  assert.deepEqual(readdirSync(join(dir, "packs")), [after])
  assert.deepEqual(await findings(other), [])
})

test("a pack with a damaged chunk stays as it is", async (t) => {
  const dir = folder(t)
  const [kept] = await putAndLeave(dir, ...[1, 2, 3].map((seed) => noise(100_000, seed)))
  const [pack] = readdirSync(join(dir, "packs"))
  const bytes = readFileSync(join(dir, "packs", pack!))
  bytes[0]! ^= 1
  writeFileSync(join(dir, "packs", pack!), bytes)
  const castore = castoreIn(t, dir)
  await castore.collect({ roots: [kept!] })
  assert.deepEqual(readdirSync(join(dir, "packs")), [pack])
  assert.match((await findings(castore))[0]!, /^chunk /)
})

test("a damaged directory ends a collection: nobody knows what it needs", async (t) => {
  const dir = folder(t)
  const castore = castoreIn(t, dir)
  const { root, leaf } = await putTree(castore, "tree")
  await castore.close()
  const database = new DatabaseSync(layoutOf(dir).database)
  database.exec("UPDATE directories SET data = zeroblob(length(data))")
  database.close()
  await nextMillisecond()
  const collector = castoreIn(t, dir)
  const isCorrupt = (error: unknown): boolean => error instanceof CastoreError && error.problem.code === "corrupt"
  await assert.rejects(collector.collect({ roots: [root] }), isCorrupt)
  assert.ok(await collector.blobs.stat(leaf.digest))
})

test("one collection at a time, and none by the way", async (t) => {
  const dir = folder(t)
  const castore = castoreIn(t, dir)
  let begun: (() => void) | undefined
  let go: (() => void) | undefined
  const started = new Promise<void>((resolve) => (begun = resolve))
  const gate = new Promise<void>((resolve) => (go = resolve))
  async function* roots(): AsyncGenerator<Node, void, undefined> {
    begun!()
    await gate
    yield { type: "symlink", target: "nowhere" }
  }
  const first = castore.collect({ roots: roots() })
  await started
  const isBusy = (error: unknown): boolean => error instanceof CastoreError && error.problem.code === "unavailable"
  await assert.rejects(castore.collect({ roots: [] }), isBusy)
  go!()
  await first
  const controller = new AbortController()
  controller.abort(new Error("enough"))
  await assert.rejects(castore.collect({ roots: [], signal: controller.signal }), /enough/)
  await castore.collect({ roots: [] })
})

test("files that nobody knows are removed", async (t) => {
  const dir = folder(t)
  await putAndLeave(dir, utf8("something"))
  const stray = join(dir, "packs", "00000001.pack")
  const note = join(dir, "packs", "note.txt")
  for (const path of [stray, note]) writeFileSync(path, "left by a crash")
  await collectWith(t, dir)
  assert.ok(!existsSync(stray))
  assert.ok(existsSync(note))
})
