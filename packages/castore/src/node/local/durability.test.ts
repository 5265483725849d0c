import { utf8 } from "@tvix-ts/bytes"
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { DatabaseSync } from "node:sqlite"
import { test } from "node:test"
import { digestOf, type B3Digest } from "../../digest.ts"
import { CastoreError, type CastoreProblem } from "../../problem.ts"
import { noise } from "../../testing/bytes.ts"
import { layoutOf, lockPath, makeFolders } from "./layout.ts"
import { isLocked, tryLock } from "./lock.ts"
import { openLocalCastore } from "./open.ts"
import { bytesOfBlob, castoreIn, findings, folder } from "./testing/castore-folder.ts"

const LARGE = noise(3_000_000)
const SMALL = utf8("small")

function isProblem(code: CastoreProblem["code"], text = /./) {
  return (error: unknown): boolean =>
    error instanceof CastoreError && error.problem.code === code && text.test(error.message)
}

function packsIn(dir: string): string[] {
  return readdirSync(join(dir, "packs")).map((name) => join(dir, "packs", name))
}

function packIn(dir: string): string {
  const [pack, ...more] = packsIn(dir)
  assert.deepEqual(more, [])
  return pack!
}

/** Puts {@link LARGE}, {@link SMALL} and a directory, in this order. */
async function fill(dir: string): Promise<readonly [B3Digest, B3Digest, B3Digest]> {
  const castore = openLocalCastore(dir)
  const large = await castore.blobs.put([LARGE])
  const small = await castore.blobs.put([SMALL])
  const directory = await castore.directories.put({ entries: [["link", { type: "symlink", target: "target" }]] })
  await castore.close()
  return [large, small, directory]
}

function sql(dir: string, text: string): unknown[] {
  const database = new DatabaseSync(layoutOf(dir).database)
  try {
    return database.prepare(text).all()
  } finally {
    database.close()
  }
}

test("what was put is there when the castore is opened again, and is stored once", async (t) => {
  const dir = folder(t)
  await fill(dir)
  const { size } = statSync(packIn(dir))
  assert.equal(size, LARGE.length + SMALL.length)
  const [large, small, directory] = await fill(dir)
  assert.equal(statSync(packIn(dir)).size, size)
  const castore = castoreIn(t, dir)
  assert.deepEqual(await bytesOfBlob(castore.blobs, large), Buffer.from(LARGE))
  assert.deepEqual(await bytesOfBlob(castore.blobs, small), Buffer.from(SMALL))
  assert.equal((await castore.directories.get(directory))?.entries.length, 1)
  assert.deepEqual(await findings(castore), [])
})

for (const { name, at } of [
  { name: "in the first chunk", at: 0 },
  { name: "in the middle", at: 1_500_000 },
  { name: "in the last chunk", at: LARGE.length - 1 },
  { name: "in a small blob", at: LARGE.length + 2 },
]) {
  test(`a flipped bit is never served, is found, and is made good by putting the same again: ${name}`, async (t) => {
    const dir = folder(t)
    const [large, small] = await fill(dir)
    const bytes = readFileSync(packIn(dir))
    bytes[at]! ^= 4
    writeFileSync(packIn(dir), bytes)
    const castore = castoreIn(t, dir)
    const [damaged, whole] = at < LARGE.length ? [large, small] : [small, large]
    await assert.rejects(bytesOfBlob(castore.blobs, damaged), isProblem("corrupt"))
    assert.ok((await bytesOfBlob(castore.blobs, whole)) !== undefined)
    const found = await findings(castore, true)
    assert.match(found[0]!, /^chunk b3:\S+: its bytes, at \d+ of \w+\.pack, are those of b3:\S+$/)
    if (damaged === large) assert.match(found[1]!, /^blob b3:\S+: its chunk b3:\S+ is (damaged|not there)$/)
    assert.equal(found.length, damaged === large ? 2 : 1)
    assert.deepEqual(await findings(castore), [])
    assert.equal(await castore.blobs.stat(damaged), undefined)
    await castore.blobs.put([damaged === large ? LARGE : SMALL])
    assert.deepEqual(await bytesOfBlob(castore.blobs, large), Buffer.from(LARGE))
    assert.deepEqual(await bytesOfBlob(castore.blobs, small), Buffer.from(SMALL))
    assert.deepEqual(await findings(castore), [])
  })
}

test("a directory that is damaged", async (t) => {
  const dir = folder(t)
  const [, , directory] = await fill(dir)
  sql(dir, "UPDATE directories SET data = zeroblob(length(data))")
  const castore = castoreIn(t, dir)
  await assert.rejects(castore.directories.get(directory), isProblem("corrupt"))
  assert.match((await findings(castore, true))[0]!, /^directory b3:\S+: its bytes are those of b3:/)
  assert.equal(await castore.directories.get(directory), undefined)
})

test("what verify says of things that are missing or have another size", async (t) => {
  const castore = castoreIn(t, folder(t))
  const file = await castore.blobs.put([SMALL])
  const child = await castore.directories.put({ entries: [] })
  const digest = digestOf(noise(10))
  await castore.directories.put({
    entries: [
      ["a", { type: "file", digest: file, size: 5, executable: false }],
      ["b", { type: "file", digest: file, size: 6, executable: false }],
      ["c", { type: "file", digest, size: 5, executable: false }],
      ["d", { type: "directory", digest: child, size: 0 }],
      ["e", { type: "directory", digest: child, size: 1 }],
      ["f", { type: "directory", digest, size: 1 }],
    ],
  })
  assert.deepEqual(
    (await findings(castore)).map((line) => line.replaceAll(/b3:[^ :,]+/g, "…")),
    [
      'directory …: its file "b", …, has size 5 instead of 6',
      'directory …: its file "c", …, is not there',
      'directory …: its directory "e", …, has size 0 instead of 1',
      'directory …: its directory "f", …, is not there',
    ],
  )
})

for (const { name, damage, reason } of [
  { name: "has lost its end", damage: (pack: string) => truncateSync(pack, 1_000_000), reason: /has 1000000 bytes/ },
  { name: "is gone", damage: (pack: string) => rmSync(pack), reason: /is gone/ },
]) {
  test(`a pack that ${name}`, async (t) => {
    const dir = folder(t)
    const [large, small] = await fill(dir)
    damage(packIn(dir))
    const castore = castoreIn(t, dir)
    for (const digest of [large, small]) await assert.rejects(bytesOfBlob(castore.blobs, digest), isProblem("corrupt"))
    // What is new goes elsewhere.
    const other = await castore.blobs.put([utf8("other")])
    assert.deepEqual(await bytesOfBlob(castore.blobs, other), Buffer.from("other"))
    const found = await findings(castore, true)
    assert.match(found[0]!, /^pack \w+\.pack: /)
    assert.match(found[0]!, reason)
    assert.ok(found.length > 3)
    await castore.blobs.put([LARGE])
    assert.deepEqual(await bytesOfBlob(castore.blobs, large), Buffer.from(LARGE))
    await castore.collect({ roots: [{ type: "file", digest: large, size: LARGE.length, executable: false }] })
    assert.deepEqual(await findings(castore), [])
  })
}

for (const [how, damage] of [
  ["cut", (pack: string) => truncateSync(pack, 1_000_000)],
  ["gone", (pack: string) => rmSync(pack)],
] as const) {
  test(`what is put again is whole again, its pack ${how}`, async (t) => {
    const dir = folder(t)
    const [large, small] = await fill(dir)
    damage(packIn(dir))
    const first = castoreIn(t, dir)
    assert.deepEqual([await first.blobs.put([LARGE]), await first.blobs.put([SMALL])], [large, small])
    for (const castore of [first, castoreIn(t, dir)]) {
      assert.deepEqual(await bytesOfBlob(castore.blobs, large), Buffer.from(LARGE))
      assert.deepEqual(await bytesOfBlob(castore.blobs, small), Buffer.from(SMALL))
    }
    assert.equal((await findings(first, true)).length, 1, "the pack itself")
    assert.deepEqual(await findings(first), [])
  })
}

test("an index that is damaged is told of as such", async (t) => {
  const dir = folder(t)
  const [, small] = await fill(dir)
  const path = layoutOf(dir).database
  const database = new DatabaseSync(path)
  const page = Number(
    database.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'chunks' AND type = 'table'").get()!["rootpage"],
  )
  const pageSize = Number(database.prepare("PRAGMA page_size").get()!["page_size"])
  database.close()
  const bytes = readFileSync(path)
  bytes.fill(0x55, (page - 1) * pageSize, page * pageSize)
  writeFileSync(path, bytes)
  const castore = castoreIn(t, dir)
  await assert.rejects(castore.blobs.stat(small), isProblem("corrupt"))
  await assert.rejects(castore.stats(), isProblem("corrupt"))
})

test("packs of the dead are gone on with, and cut to what is indexed; those of the living are left alone", async (t) => {
  const dir = folder(t)
  const layout = layoutOf(dir)
  await fill(dir)
  const pack = packIn(dir)
  appendFileSync(pack, noise(1000))
  sql(dir, "INSERT INTO writers VALUES ('dead', 1)")
  sql(dir, "UPDATE packs SET writer = 'dead'")
  makeFolders(layout)
  const lock = tryLock(lockPath(layout, "dead"))!
  assert.ok(isLocked(lockPath(layout, "dead")))
  const first = castoreIn(t, dir)
  await first.blobs.put([utf8("first")])
  assert.equal(packsIn(dir).length, 2)
  assert.equal(statSync(pack).size, LARGE.length + SMALL.length + 1000)
  lock.release()
  assert.ok(!isLocked(lockPath(layout, "dead")))
  const second = castoreIn(t, dir)
  await second.blobs.put([utf8("second")])
  assert.equal(packsIn(dir).length, 2)
  assert.equal(statSync(pack).size, LARGE.length + SMALL.length + 6)
  assert.deepEqual(sql(dir, "SELECT 1 FROM writers WHERE id = 'dead'"), [])
  assert.deepEqual(await findings(second), [])
})

test("a collection removes locks of writers that came to nothing, and no others", async (t) => {
  const dir = folder(t)
  await fill(dir)
  const layout = layoutOf(dir)
  const [lost, fresh, held] = ["1", "2", "3"].map((digit) => lockPath(layout, digit.repeat(16)))
  const foreign = join(layout.writers, "note.txt")
  const lock = tryLock(held!)!
  for (const path of [lost!, fresh!, foreign]) writeFileSync(path, "")
  for (const path of [lost!, held!, foreign]) utimesSync(path, 1, 1)
  await castoreIn(t, dir).horizon()
  assert.deepEqual(
    [lost, fresh, held, foreign].map((path) => existsSync(path!)),
    [false, true, true, true],
  )
  lock.release()
})

test("full packs are finished", async (t) => {
  const dir = folder(t)
  const castore = castoreIn(t, dir, { packBytes: 1_000_000 })
  const batch = castore.blobs.batch()
  const blobs = Array.from({ length: 12 }, (_, i) => noise(1_000_000, i + 1))
  const digests: Promise<B3Digest>[] = []
  for (const blob of blobs) {
    const writer = batch.blob()
    await writer.write(blob)
    digests.push(writer.end())
  }
  await batch.commit()
  assert.ok(packsIn(dir).length > 1)
  for (const [i, digest] of digests.entries()) {
    assert.deepEqual(await bytesOfBlob(castore.blobs, await digest), Buffer.from(blobs[i]!))
  }
  assert.deepEqual(await findings(castore), [])
})

test("two castores in one folder see each other's blobs, and store them once", async (t) => {
  const dir = folder(t)
  const castores = [castoreIn(t, dir), castoreIn(t, dir)] as const
  for (let i = 0; i < 10; i++) {
    const digests = await Promise.all(castores.map(({ blobs }) => blobs.put([noise(200_000, i + 1)])))
    for (const { blobs } of castores) for (const digest of digests) assert.ok(await blobs.stat(digest))
  }
  const { chunks } = await castores[0].stats()
  assert.equal(chunks.bytes, 2_000_000)
  assert.deepEqual(await findings(castores[1]), [])
})

test("puts at the same time become durable together", async (t) => {
  const dir = folder(t)
  const castore = castoreIn(t, dir)
  await Promise.all(Array.from({ length: 1000 }, (_, i) => castore.blobs.put([utf8(`blob ${i}`)])))
  // Alone, each would have added two pages to the log.
  assert.ok(statSync(`${layoutOf(dir).database}-wal`).size < 1000 * 4096)
})

test("a batch that is given up leaves no bytes", async (t) => {
  const dir = folder(t)
  const castore = castoreIn(t, dir)
  const batch = castore.blobs.batch()
  for (let i = 0; i < 8; i++) {
    const writer = batch.blob()
    await writer.write(noise(1_000_000, i + 1))
    await writer.end()
  }
  assert.ok(statSync(packIn(dir)).size > 0)
  await batch.abort()
  assert.equal(statSync(packIn(dir)).size, 0)
})

test("what a signal ends is not stored", async (t) => {
  const dir = folder(t)
  const castore = castoreIn(t, dir)
  const controller = new AbortController()
  const batch = castore.blobs.batch({ signal: controller.signal })
  const writer = batch.blob()
  await writer.write(SMALL)
  const digest = writer.end()
  controller.abort(new Error("enough"))
  await assert.rejects(batch.commit(), /enough/)
  await digest.catch(() => undefined)
  assert.equal(await castore.blobs.stat(digestOf(SMALL)), undefined)
})

test("closing ends what was not committed", async (t) => {
  for (const started of [false, true]) {
    const dir = folder(t)
    const castore = castoreIn(t, dir)
    if (started) await castore.startWriting()
    const batch = castore.blobs.batch()
    const writer = batch.blob()
    await writer.write(SMALL)
    const digest = writer.end()
    await castore.close()
    if (started) assert.deepEqual(Buffer.from(await digest), Buffer.from(digestOf(SMALL)))
    else await assert.rejects(digest, isProblem("unavailable", /was closed/))
    await assert.rejects(batch.commit(), isProblem("unavailable", /was closed/))
    assert.throws(() => batch.blob().end(), isProblem("unavailable", /was closed/))
    const after = castoreIn(t, dir)
    assert.equal(await after.blobs.stat(digestOf(SMALL)), undefined)
  }
})

for (const { name, make, expected } of [
  {
    name: "no database",
    make: (path: string) => writeFileSync(path, "something else entirely\n".repeat(100)),
    expected: isProblem("corrupt", /castore\.sqlite is damaged: file is not a database/),
  },
  {
    name: "another database",
    make: (path: string) => new DatabaseSync(path).exec("CREATE TABLE other (id)"),
    expected: isProblem("invalid", /castore\.sqlite: it is a database of something else/),
  },
  {
    name: "another version",
    make: (path: string) => new DatabaseSync(path).exec("PRAGMA application_id = 0x74767863; PRAGMA user_version = 99"),
    expected: isProblem("invalid", /castore\.sqlite: its format has version 99, this program knows version 2 only/),
  },
]) {
  test(`refuses ${name}, and says which file`, (t) => {
    const dir = folder(t)
    make(layoutOf(dir).database)
    assert.throws(() => openLocalCastore(dir), expected)
  })
}

/** Runs a module in a process of its own. `limit`: of 512-byte blocks that a file may have; more is no room. */
function run(module: string, limit?: number): { readonly stdout: string; readonly status: number | null } {
  const open = JSON.stringify(new URL("open.ts", import.meta.url).href)
  const node = [process.execPath, "--conditions=source", "--disable-warning=ExperimentalWarning", "--input-type=module"]
  const words = [...node, "--eval", `import { openLocalCastore } from ${open}\n${module}`]
  const command =
    limit === undefined ? words : ["sh", "-c", `trap '' XFSZ; ulimit -f ${limit}; exec "$@"`, "sh", ...words]
  const { stdout, stderr, status } = spawnSync(command[0]!, command.slice(1), { encoding: "utf8" })
  return { stdout: stdout + stderr, status }
}

test("without room, nothing is stored and the error says so; afterwards all is well", async (t) => {
  const dir = folder(t)
  // A file may have 2 MiB.
  const { stdout } = run(
    `
      const { blobs, close } = openLocalCastore(${JSON.stringify(dir)})
      const hex = (digest) => Buffer.from(digest).toString("hex")
      console.log(hex(await blobs.put([new Uint8Array(1000).fill(1)])))
      const large = crypto.getRandomValues.call(crypto, new Uint8Array(65536))
      function* lots() { for (let i = 0; i < 100; i++) { large[0] = i; yield large } }
      for (let i = 0; i < 2; i++) await blobs.put(lots()).catch(({ problem }) => console.log(problem.code))
      console.log(hex(await blobs.put([new Uint8Array(1000).fill(2)])))
      await close()
    `,
    4096,
  )
  const [first, one, two, second, ...rest] = stdout.split("\n")
  assert.deepEqual([one, two, rest], ["full", "full", [""]], stdout)
  const castore = castoreIn(t, dir)
  for (const hex of [first!, second!]) {
    assert.equal((await bytesOfBlob(castore.blobs, Buffer.from(hex, "hex") as Uint8Array as B3Digest))?.length, 1000)
  }
  assert.equal((await castore.stats()).chunks.bytes, 2000)
  assert.equal(statSync(packIn(dir)).size, 2000)
  assert.deepEqual(await findings(castore), [])
})

test("a process that has written ends by itself, closed or not", (t) => {
  const dir = JSON.stringify(folder(t))
  const { stdout, status } = run(`
    const { blobs } = openLocalCastore(${dir})
    await blobs.put([new Uint8Array(10)])
    console.log("put")
  `)
  assert.deepEqual({ stdout, status }, { stdout: "put\n", status: 0 })
})

test("whoever waits to write more lets everything else have its turn", async (t) => {
  const batch = castoreIn(t, folder(t)).blobs.batch()
  const writer = batch.blob()
  let waits = 0
  let turns = 0
  for (let i = 0; i < 24; i++) {
    const waiting = writer.write(LARGE)
    if (waiting === undefined) continue
    waits++
    setImmediate(() => turns++)
    // By now the thread has more to say, and goes on to while we do this.
    for (let j = 0; j < 4; j++) digestOf(LARGE)
    await waiting
    assert.equal(turns, waits)
  }
  assert.notEqual(waits, 0)
  await batch.abort()
})

test("a process that does nothing but close lives until that is done, whatever is under way", (t) => {
  for (const end of ["", "writer.end()", "batch.commit()", "batch.abort()"]) {
    const { stdout, status } = run(`
      const { blobs, close } = openLocalCastore(${JSON.stringify(folder(t))})
      const batch = blobs.batch()
      const writer = batch.blob()
      writer.write(new Uint8Array(10_000_000))
      ${end}
      await close()
      console.log("closed")
    `)
    assert.deepEqual({ end, stdout, status }, { end, stdout: "closed\n", status: 0 })
  }
})
