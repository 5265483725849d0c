/** What is different about chunks that were compressed, and that nothing else is. */
import assert from "node:assert/strict"
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { test } from "node:test"
import type { B3Digest } from "../../digest.ts"
import type { FileNode } from "../../node.ts"
import { CastoreError } from "../../problem.ts"
import { noise } from "../../testing/bytes.ts"
import { layoutOf } from "./layout.ts"
import { openLocalCastore, type LocalCastore } from "./open.ts"
import { bytesOfBlob, castoreIn, findings, folder, text } from "./testing/castore-folder.ts"

const LARGE = text(3_000_000)
const SMALL = Array.from({ length: 120 }, (_, i) => text(1000 + 60 * i, i + 2))

const fileNode = (digest: B3Digest): FileNode => ({ type: "file", digest, size: 0, executable: false })

async function putAll(castore: LocalCastore, blobs: readonly Uint8Array[]): Promise<B3Digest[]> {
  const batch = castore.blobs.batch()
  const digests: Promise<B3Digest>[] = []
  for (const bytes of blobs) {
    const blob = batch.blob()
    await blob.write(bytes)
    digests.push(blob.end())
  }
  await batch.commit()
  return Promise.all(digests)
}

async function fill(dir: string, blobs: readonly Uint8Array[] = [LARGE, ...SMALL]): Promise<B3Digest[]> {
  const castore = openLocalCastore(dir)
  try {
    return await putAll(castore, blobs)
  } finally {
    await castore.close()
    // What is touched in the same millisecond as the horizon is kept.
    for (const now = Date.now(); Date.now() === now;);
  }
}

function packIn(dir: string): string {
  const [pack, ...more] = readdirSync(join(dir, "packs"))
  assert.deepEqual(more, [])
  return join(dir, "packs", pack!)
}

function sql(dir: string, statement: string): Record<string, unknown>[] {
  const database = new DatabaseSync(layoutOf(dir).database)
  try {
    return database.prepare(statement).all()
  } finally {
    database.close()
  }
}

async function checkAll(
  castore: LocalCastore,
  digests: readonly B3Digest[],
  blobs: readonly Uint8Array[],
): Promise<void> {
  for (const [i, digest] of digests.entries()) {
    assert.deepEqual(await bytesOfBlob(castore.blobs, digest), Buffer.from(blobs[i]!))
  }
}

for (const cacheBytes of [0, 200_000, 2 ** 25]) {
  test(`compressed blobs are read in every way, with a cache of ${cacheBytes} bytes`, async (t) => {
    const dir = folder(t)
    const blobs = [LARGE, ...SMALL]
    const digests = await fill(dir, blobs)
    const castore = castoreIn(t, dir, { cacheBytes })
    for (let run = 0; run < 2; run++) {
      await checkAll(castore, digests, blobs)
      const reader = castore.blobs.reader!()
      for (const [i, digest] of digests.entries()) {
        const bytes = reader.read(digest)
        // The large one is in pieces.
        if (i > 0) assert.deepEqual(Buffer.from(bytes!), Buffer.from(blobs[i]!))
      }
      let at = 0
      for await (const piece of (await castore.blobs.read(digests[0]!, { fleeting: true }))!) {
        assert.ok(Buffer.from(piece).equals(LARGE.subarray(at, at + piece.length)))
        at += piece.length
      }
      assert.equal(at, LARGE.length)
      for (const [from, to] of [
        [0, 1],
        [1_234_567, 2_345_678],
        [2_999_999, 3_000_000],
      ] as const) {
        const pieces = await Array.fromAsync((await castore.blobs.read(digests[0]!, { from, to }))!)
        assert.ok(Buffer.concat(pieces).equals(LARGE.subarray(from, to)))
      }
    }
    assert.deepEqual(await findings(castore), [])
  })
}

test("pieces that are kept stay as they are, whatever is read afterwards", async (t) => {
  const dir = folder(t)
  const digests = await fill(dir)
  const castore = castoreIn(t, dir, { cacheBytes: 0 })
  const kept = await Array.fromAsync((await castore.blobs.read(digests[0]!))!)
  const small = await Array.fromAsync((await castore.blobs.read(digests[1]!))!)
  for (let run = 0; run < 3; run++) {
    for await (const piece of (await castore.blobs.read(digests[0]!, { fleeting: true }))!) assert.ok(piece.length > 0)
  }
  assert.ok(Buffer.concat(kept).equals(LARGE))
  assert.ok(Buffer.concat(small).equals(SMALL[0]!))
})

test("readers that stop early, and many at a time", async (t) => {
  const dir = folder(t)
  const [digest] = await fill(dir)
  const castore = castoreIn(t, dir, { cacheBytes: 500_000 })
  const readSome = async (some: number): Promise<void> => {
    let at = 0
    for await (const piece of (await castore.blobs.read(digest!, { fleeting: true }))!) {
      assert.ok(LARGE.subarray(at, at + piece.length).every((byte, i) => byte === piece[i]))
      at += piece.length
      if (at >= some) return
    }
    assert.equal(at, LARGE.length)
  }
  await Promise.all(Array.from({ length: 40 }, (_, i) => readSome(i % 3 === 0 ? Infinity : i * 50_000)))
})

test("usage tells what is stored from what it is", async (t) => {
  const dir = folder(t)
  await fill(dir)
  const { chunks, packs } = await castoreIn(t, dir).usage()
  assert.equal(chunks.bytes, LARGE.length + SMALL.reduce((sum, { length }) => sum + length, 0))
  assert.equal(packs.bytes, statSync(packIn(dir)).size)
  assert.equal(chunks.storedBytes, packs.bytes)
  assert.ok(chunks.storedBytes < chunks.bytes / 2, `${chunks.storedBytes} of ${chunks.bytes}`)
})

test("damage to a frame is damage to all of its chunks, and is made good by putting them again", async (t) => {
  const dir = folder(t)
  const digests = await fill(dir, SMALL)
  const [frame] = sql(
    dir,
    "SELECT offset, packed, count(*) AS chunks FROM chunks GROUP BY offset ORDER BY offset LIMIT 1",
  )
  const bytes = readFileSync(packIn(dir))
  // In the middle of what Zstandard encodes; it may or may not notice.
  bytes.fill(0x55, Number(frame!["offset"]) + 20, Number(frame!["offset"]) + Number(frame!["packed"]) - 20)
  writeFileSync(packIn(dir), bytes)
  const castore = castoreIn(t, dir)
  const found = await findings(castore)
  assert.ok(found.length > 0 && found.length <= Number(frame!["chunks"]), `${found.length}`)
  for (const finding of found) assert.match(finding, /^chunk .*(cannot be decompressed|are those of)/)
  const isCorrupt = (error: unknown): boolean => error instanceof CastoreError && error.problem.code === "corrupt"
  await assert.rejects(bytesOfBlob(castore.blobs, digests[0]!), isCorrupt)
  assert.throws(() => castore.blobs.reader!().read(digests[0]!), isCorrupt)
  assert.equal((await findings(castore, true)).length, found.length)
  await putAll(castore, SMALL)
  assert.deepEqual(await findings(castore), [])
  await checkAll(castore, digests, SMALL)
})

for (const { name, change } of [
  { name: "more than any frame has", change: "unpacked = 1 << 40" },
  { name: "more than a chunk has", change: "start = unpacked" },
  { name: "a negative offset in it", change: "start = -1" },
  { name: "no bytes", change: "packed = 0" },
]) {
  test(`an index that claims of a frame: ${name}`, async (t) => {
    const dir = folder(t)
    const [digest] = await fill(dir, [text(100_000)])
    sql(dir, `UPDATE chunks SET ${change}`)
    const castore = castoreIn(t, dir)
    const isCorrupt = (error: unknown): boolean => error instanceof CastoreError && error.problem.code === "corrupt"
    await assert.rejects(bytesOfBlob(castore.blobs, digest!), isCorrupt)
    assert.throws(() => castore.blobs.reader!().read(digest!), isCorrupt)
    assert.equal((await findings(castore)).length, 1)
  })
}

test("a collection makes frames of what is left of frames", async (t) => {
  const dir = folder(t)
  const digests = await fill(dir)
  const castore = castoreIn(t, dir)
  const kept = digests.filter((_, i) => i % 3 === 1)
  const before = await castore.usage()
  const planned = await castore.collect({ roots: kept.map(fileNode), dryRun: true })
  const { removed, after } = await castore.collect({ roots: kept.map(fileNode) })
  assert.deepEqual(removed, planned.removed)
  assert.ok(removed.storedBytes < removed.chunkBytes)
  assert.ok(after.packs.bytes < before.packs.bytes / 4, `${after.packs.bytes} of ${before.packs.bytes}`)
  assert.ok(after.chunks.storedBytes <= after.packs.bytes + 2)
  const [{ unpacked, bytes } = {}] = sql(
    dir,
    "SELECT sum(length) AS bytes, (SELECT sum(u) FROM (SELECT DISTINCT offset, unpacked AS u FROM chunks)) AS unpacked FROM chunks",
  )
  assert.equal(unpacked, bytes, "nothing of what went is left in a frame")
  await checkAll(
    castore,
    kept,
    SMALL.filter((_, i) => i % 3 === 0),
  )
  assert.deepEqual(await findings(castore), [])
})

test("a collection puts together what was put one by one, and keeps whole frames as they are", async (t) => {
  const dir = folder(t)
  const apart = Array.from({ length: 40 }, (_, i) => text(2000, i + 500))
  const together = Array.from({ length: 32 }, (_, i) => text(4096, i + 900))
  await fill(dir, [noise(100_000)])
  const writer = openLocalCastore(dir)
  const kept: B3Digest[] = []
  for (const bytes of apart) kept.push(await writer.blobs.put([bytes]))
  await writer.close()
  kept.push(...(await fill(dir, together)))
  const castore = castoreIn(t, dir)
  const raw = "SELECT count(*) AS n FROM chunks WHERE packed IS NULL"
  assert.equal(sql(dir, raw)[0]!["n"], 41)
  await castore.collect({ roots: kept.map(fileNode), packBytesMax: 0 })
  assert.equal(sql(dir, raw)[0]!["n"], 0)
  await checkAll(castore, kept, [...apart, ...together])
  assert.deepEqual(await findings(castore), [])
})

test("packs are made smaller than is worth it where they must not be larger", async (t) => {
  const dir = folder(t)
  const blobs = [1, 2, 3, 4].map((seed) => noise(1_000_000, seed))
  const digests = await fill(dir, blobs)
  const castore = castoreIn(t, dir)
  const roots = digests.slice(1).map(fileNode)
  assert.equal((await castore.collect({ roots })).after.packs.bytes, 4_000_000)
  assert.equal((await castore.collect({ roots, packBytesMax: 4_000_000 })).after.packs.bytes, 4_000_000)
  assert.equal((await castore.collect({ roots, packBytesMax: 3_500_000 })).after.packs.bytes, 3_000_000)
  await checkAll(castore, digests.slice(1), blobs.slice(1))
})

test("a castore from before there was compression is read and gone on with", async (t) => {
  const dir = folder(t)
  const old = noise(700_000)
  const [digest] = await fill(dir, [old])
  const database = new DatabaseSync(layoutOf(dir).database)
  database.exec(
    "ALTER TABLE chunks DROP COLUMN packed; ALTER TABLE chunks DROP COLUMN unpacked;" +
      "ALTER TABLE chunks DROP COLUMN start; PRAGMA user_version = 1",
  )
  database.close()
  const digests = [digest!, ...(await fill(dir))]
  const castore = castoreIn(t, dir)
  await checkAll(castore, digests, [old, LARGE, ...SMALL])
  assert.deepEqual(await findings(castore), [])
})
