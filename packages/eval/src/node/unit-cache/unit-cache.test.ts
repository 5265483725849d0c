import assert from "node:assert/strict"
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test, type TestContext } from "node:test"
import { hash } from "@tvix-ts/hash"
import { parse, SourceFile } from "@tvix-ts/syntax"
import { compile } from "../../compiler/compile.ts"
import { PackedTables } from "../../compiler/packed-unit.ts"
import { encodeUnit } from "../../compiler/unit-encoding.ts"
import type { FileStamp, UnitShelf } from "../../unit-cache.ts"
import { nodeUnitCache } from "./unit-cache.ts"

const KIND = "0123456789abcdef"

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "units-"))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return join(path, "bytecode")
}
const segments = (directory: string): string[] =>
  readdirSync(join(directory, KIND))
    .filter((name) => name.endsWith(".units"))
    .map((name) => join(directory, KIND, name))

const sourceOf = (n: number, padding = 0): string => `{ a${n} = ${n}; b = "${"x".repeat(padding)}"; }`
const digestOf = (text: string): Uint8Array => hash("sha256", Buffer.from(text, "latin1"))
function encode(text: string): Uint8Array {
  const source = new SourceFile("/x.nix", text)
  const unit = compile(source, parse(source).expr, { basePath: "/", home: undefined, isGlobal: () => false })
  return encodeUnit(unit, digestOf(text))
}
const stampOf = (n: number): FileStamp => ({ device: 1, inode: 2 ** 40 + n, size: 3, modified: 4.25, changed: 5.5 + n })

function put(directory: string, from: number, to: number, options: { bytesMax?: number; padding?: number } = {}): void {
  const cache = nodeUnitCache({ directory, ...options })
  const shelf = cache.open(KIND)
  for (let n = from; n < to; n++) {
    const text = sourceOf(n, options.padding)
    if (has(shelf, n, options.padding)) continue
    shelf.put(digestOf(text), () => encode(text))
    shelf.remember(stampOf(n), digestOf(text))
  }
  cache.flush()
}
function has(shelf: UnitShelf, n: number, padding?: number): boolean {
  const text = sourceOf(n, padding)
  const bytes = shelf.get(digestOf(text))
  const tables = bytes && PackedTables.read(bytes, digestOf(text))
  if (tables === undefined) return false
  assert.ok(Buffer.from(bytes!.subarray(0, tables.byteLength)).equals(encode(text)), `unit ${n} is what was put`)
  return true
}
function found(directory: string, from: number, to: number, padding?: number): number[] {
  const cache = nodeUnitCache({ directory })
  const shelf = cache.open(KIND)
  const numbers = range(from, to).filter((n) => has(shelf, n, padding))
  cache.flush()
  return numbers
}
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)

test("what was put is found by the next process, and by the stamp of its file", (t) => {
  const directory = folder(t)
  put(directory, 0, 500)
  assert.deepEqual(found(directory, 0, 600), range(0, 500))
  const shelf = nodeUnitCache({ directory }).open(KIND)
  for (const n of range(0, 500)) assert.deepEqual(Buffer.from(shelf.digestOf(stampOf(n))!), digestBuffer(n))
  for (const field of ["device", "inode", "size", "modified", "changed"] as const) {
    assert.equal(shelf.digestOf({ ...stampOf(0), [field]: 77 }), undefined, field)
  }
  assert.equal(
    nodeUnitCache({ directory })
      .open("another")
      .get(digestOf(sourceOf(0))),
    undefined,
  )
})
const digestBuffer = (n: number): Buffer => Buffer.from(digestOf(sourceOf(n)))

test("nothing is written where nothing is new, and nobody else may read it", (t) => {
  const directory = folder(t)
  nodeUnitCache({ directory }).flush()
  assert.throws(() => statSync(directory), { code: "ENOENT" })
  put(directory, 0, 3)
  const before = readdirSync(join(directory, KIND))
  put(directory, 0, 3)
  assert.deepEqual(readdirSync(join(directory, KIND)), before)
  assert.equal(statSync(join(directory, KIND)).mode & 0o777, 0o700)
  for (const path of segments(directory)) assert.equal(statSync(path).mode & 0o777, 0o600)
})

test("many runs make few files, and lose nothing", (t) => {
  const directory = folder(t)
  for (let run = 0; run < 40; run++) {
    put(directory, run * 5, run * 5 + 5)
    assert.ok(segments(directory).length <= 9, `${segments(directory).length} files`)
  }
  assert.deepEqual(found(directory, 0, 200), range(0, 200))
})

test("the newest digest of a stamp counts, before and after files are made one", (t) => {
  const directory = folder(t)
  for (let run = 0; run < 12; run++) {
    const cache = nodeUnitCache({ directory })
    const shelf = cache.open(KIND)
    shelf.put(digestOf(sourceOf(run)), () => encode(sourceOf(run)))
    shelf.digestOf(stampOf(0))
    shelf.remember(stampOf(0), digestOf(sourceOf(run)))
    cache.flush()
    // Newer by more than what clocks tell apart.
    for (const path of segments(directory)) age(path, 1000)
    const digest = nodeUnitCache({ directory }).open(KIND).digestOf(stampOf(0))
    assert.deepEqual(Buffer.from(digest!), digestBuffer(run))
  }
})
function age(path: string, seconds: number): void {
  const { mtimeMs } = statSync(path)
  utimesSync(path, mtimeMs / 1000 - seconds, mtimeMs / 1000 - seconds)
}

test("it stays within its bound; what is in use stays, what was not for longest goes", (t) => {
  const directory = folder(t)
  const bytesMax = 300_000
  const options = { bytesMax, padding: 1000 }
  for (let run = 0; run < 20; run++) {
    put(directory, 0, 10, options)
    put(directory, 1000 + run * 30, 1030 + run * 30, options)
    for (const path of segments(directory)) age(path, 3600)
    const size = segments(directory).reduce((sum, path) => sum + statSync(path).size, 0)
    // What is new is always kept, and is seen to be too much by the next who writes.
    assert.ok(size <= bytesMax + 30 * 1600 + 10_000, `${size} bytes`)
  }
  assert.deepEqual(found(directory, 0, 10, 1000), range(0, 10))
  assert.deepEqual(found(directory, 1570, 1600, 1000), range(1570, 1600))
  assert.deepEqual(found(directory, 1000, 1030, 1000), [])
})

test("units of other compilers go when there are too many", (t) => {
  const directory = folder(t)
  for (const [kind, days] of [
    ["old", 40],
    ["older", 50],
  ] as const) {
    mkdirSync(join(directory, kind), { recursive: true })
    writeFileSync(join(directory, kind, "x.units"), Buffer.alloc(600))
    age(join(directory, kind, "x.units"), days * 86_400)
  }
  put(directory, 0, 1, { bytesMax: 1000 })
  assert.deepEqual(readdirSync(directory).sort(), [KIND, "old"])
})

for (const [name, damage] of [
  ["cut off", (bytes: Buffer, n: number) => bytes.subarray(0, (bytes.length * n) / 50)],
  ["longer than it was", (bytes: Buffer, n: number) => Buffer.concat([bytes, Buffer.alloc(n + 1)])],
  ["with a bit turned over", (bytes: Buffer, n: number) => flip(bytes, Math.floor((bytes.length * n) / 50))],
  ["with its beginning damaged", (bytes: Buffer, n: number) => flip(bytes, n)],
  ["with its end damaged", (bytes: Buffer, n: number) => flip(bytes, bytes.length - 1 - n)],
  ["of something else", (_: Buffer, n: number) => Buffer.alloc(n * 100, "Nix")],
] as const) {
  test(`a file ${name} is as good as none, and what it had is written again`, (t) => {
    const directory = folder(t)
    for (let n = 0; n < 50; n++) {
      put(directory, 0, 20)
      const [path] = segments(directory)
      writeFileSync(path!, damage(readFileSync(path!), n))
      // Finding asserts that what is found is right.
      found(directory, 0, 20)
      put(directory, 0, 20)
      assert.deepEqual(found(directory, 0, 20), range(0, 20))
      rmSync(directory, { recursive: true })
    }
  })
}
function flip(bytes: Buffer, at: number): Buffer {
  bytes[at]! ^= 0x10
  return bytes
}

const isRoot = process.getuid?.() === 0

test("where nothing can be written or read, there is no cache and no error", (t) => {
  const directory = folder(t)
  const file = join(directory, "..", "file")
  writeFileSync(file, "")
  for (const place of [join(file, "x"), file, "/proc/nowhere", "/dev/full"]) {
    put(place, 0, 3)
    assert.deepEqual(found(place, 0, 3), [])
  }
})
test("a folder without permission is left alone", { skip: isRoot && "everything is permitted to root" }, (t) => {
  const directory = folder(t)
  mkdirSync(directory, { mode: 0o500 })
  put(directory, 0, 3)
  assert.deepEqual(readdirSync(directory), [])
})
test("a folder that others can write to is not believed", (t) => {
  const directory = folder(t)
  put(directory, 0, 3)
  chmodSync(join(directory, KIND), 0o777)
  assert.deepEqual(found(directory, 0, 3), [])
  put(directory, 5, 6)
  assert.equal(segments(directory).length, 1)
})
test("what somebody else owns is not believed", { skip: !isRoot && "only root can give files away" }, (t) => {
  const directory = folder(t)
  put(directory, 0, 3)
  for (const path of segments(directory)) spawnSync("chown", ["12345", path])
  assert.deepEqual(found(directory, 0, 3), [])
})

test("without room, what was there stays", (t) => {
  const directory = folder(t)
  put(directory, 0, 3)
  // A file may have 8 blocks of 512 bytes.
  const { status, stderr } = spawnSync(
    "sh",
    ["-c", `trap '' XFSZ; ulimit -f 8; exec "$@"`, "sh", ...nodeRunning(writer(directory, 10, 400))],
    { encoding: "utf8" },
  )
  assert.equal(status, 0, stderr)
  assert.deepEqual(found(directory, 0, 400), range(0, 3))
  assert.deepEqual(
    readdirSync(join(directory, KIND)).filter((name) => !name.endsWith(".units")),
    [],
  )
})

// ------------------------------------------------------------------------------------------------ processes

function nodeRunning(module: string): string[] {
  const flags = ["--conditions=source", "--disable-warning=ExperimentalWarning", "--input-type=module"]
  return [process.execPath, ...flags, "--eval", module]
}
/** Puts units one flush after the other, and says so. */
function writer(directory: string, from: number, to: number, flushes = 1): string {
  const url = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href)
  return `
    import { writeSync } from "node:fs"
    import { hash } from "@tvix-ts/hash"
    import { parse, SourceFile } from "@tvix-ts/syntax"
    import { compile } from ${url("../../compiler/compile.ts")}
    import { encodeUnit } from ${url("../../compiler/unit-encoding.ts")}
    import { nodeUnitCache } from ${url("unit-cache.ts")}
    for (let flush = 0; flush < ${flushes}; flush++) {
      const cache = nodeUnitCache({ directory: ${JSON.stringify(directory)} })
      const shelf = cache.open("${KIND}")
      for (let n = ${from} + flush * ${to - from}; n < ${to} + flush * ${to - from}; n++) {
        const text = ${sourceOf.toString()}
        const source = new SourceFile("/x.nix", text(n))
        const digest = hash("sha256", Buffer.from(source.text, "latin1"))
        if (shelf.get(digest) !== undefined) continue
        const unit = compile(source, parse(source).expr, { basePath: "/", home: undefined, isGlobal: () => false })
        shelf.put(digest, () => encodeUnit(unit, digest))
      }
      cache.flush()
      writeSync(1, flush + "\\n")
    }`
}

test("several processes at once lose nothing", async (t) => {
  const directory = folder(t)
  const processes = [0, 1, 2].map((p) => {
    const [node, ...words] = nodeRunning(writer(directory, p * 1000, p * 1000 + 20, 15))
    return spawn(node!, words, { stdio: ["ignore", "ignore", "inherit"] })
  })
  const codes = await Promise.all(processes.map(async (child) => (await once(child, "exit"))[0] as number))
  assert.deepEqual(codes, [0, 0, 0])
  for (const p of [0, 1, 2])
    assert.deepEqual(found(directory, p * 1000, p * 1000 + 300), range(p * 1000, p * 1000 + 300))
  assert.ok(segments(directory).length < 20)
})

test("a process that is killed while it writes harms nothing", async (t) => {
  const directory = folder(t)
  put(directory, 0, 20)
  for (let kill = 0; kill < 6; kill++) {
    const [node, ...words] = nodeRunning(writer(directory, 100 + kill * 1000, 130 + kill * 1000, 1000))
    const child = spawn(node!, words, { stdio: ["ignore", "pipe", "inherit"] })
    // Somewhere in what comes after the flush that it tells of.
    let flushed = -1
    for await (const chunk of child.stdout) {
      flushed = Number(String(chunk).trim().split("\n").at(-1))
      if (flushed >= kill) break
    }
    child.kill("SIGKILL")
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit")
    const written = range(100 + kill * 1000, 100 + kill * 1000 + (flushed + 1) * 30)
    assert.deepEqual(found(directory, written[0]!, written.at(-1)! + 1), written)
    assert.deepEqual(found(directory, 0, 20), range(0, 20))
  }
  put(directory, 50, 60)
  assert.deepEqual(found(directory, 50, 60), range(50, 60))
})

test("what a killed process left behind goes after a while", (t) => {
  const directory = folder(t)
  put(directory, 0, 1)
  const [fresh, old] = [join(directory, KIND, "a.draft"), join(directory, KIND, "b.draft")]
  for (const path of [fresh, old]) writeFileSync(path, "")
  age(old, 7200)
  put(directory, 1, 2)
  assert.deepEqual(
    readdirSync(join(directory, KIND)).filter((name) => name.endsWith(".draft")),
    ["a.draft"],
  )
})
