import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, describe, test } from "node:test"
import { brotliCompressSync, deflateRawSync, gzipSync, zstdCompressSync } from "node:zlib"
import { bytesOf, concat } from "@tvix-ts/bytes"
import { memoryStore, type Store } from "@tvix-ts/store"
import { xz } from "@napi-rs/lzma"
import { crc32 } from "node:zlib"
import { FetchError } from "../../fetch/problem.ts"
import { pax, tar, type TarPart } from "../../testing/tar.ts"
import { nodeFetcher } from "./fetcher.ts"
import { UNPACK_LIMITS, unpack, type UnpackLimits } from "./unpack.ts"
import { testServer, tagged } from "./testing/server.ts"
import { open } from "node:fs/promises"

let folder: string
let store: Store
before(() => {
  folder = mkdtempSync(join(tmpdir(), "archive-"))
  store = memoryStore()
})
after(async () => {
  await store.close()
  rmSync(folder, { recursive: true })
})

let count = 0
/** The path of the tree in an archive, with a fetcher of its own. */
async function unpacked(archive: Uint8Array, file = `${count++}.tar`): Promise<string> {
  const path = join(folder, file)
  writeFileSync(path, archive)
  const fetcher = nodeFetcher({ store: async () => store })
  try {
    return (await fetcher.tarball({ url: `file://${path}`, name: "source" })).path
  } finally {
    fetcher.close()
  }
}

/** What `src/sub/a`, executable, with "hi\n" in it, and the link `src/sub/l` to it are in C++ Nix 2.34.8. */
const SAMPLE = "/nix/store/31046gd5fiamw257iwynv0js9d62sm38-source"
const PARTS: readonly TarPart[] = [
  { path: "src/sub/", type: "5", mode: 0o755 },
  { path: "src/sub/a", contents: "hi\n", mode: 0o755 },
  { path: "src/sub/l", type: "2", target: "a" },
]

const KINDS: readonly { name: string; archive: () => Promise<Uint8Array> | Uint8Array; file?: string }[] = [
  { name: "tar", archive: () => tar(...PARTS) },
  { name: "gzip", archive: () => gzipSync(tar(...PARTS)) },
  { name: "two gzips in a row", archive: () => concat([gzipSync(tar(...PARTS).subarray(0, 700)), gzipSync(tar(...PARTS).subarray(700))]) },
  { name: "zstd", archive: () => zstdCompressSync(tar(...PARTS)) },
  { name: "xz", archive: () => xz.compress(tar(...PARTS)) },
  { name: "brotli, by its name", archive: () => brotliCompressSync(tar(...PARTS)), file: "x.tar.br" },
  { name: "bzip2", archive: () => bytesOf(atob(BZIP2)) },
  { name: "zip", archive: () => zip(...ZIPPED), file: "x.zip" },
] // prettier-ignore

describe("read", () => {
  for (const { name, archive, file } of KINDS) {
    test(name, async () => assert.equal(await unpacked(await archive(), file), SAMPLE))
  }
  test("an empty file is an empty tree", async () => {
    assert.equal(await unpacked(new Uint8Array(0)), "/nix/store/0ccnxa25whszw7mgbgyzdm4nqc0zwnm8-source")
  })
  for (const name of ["PKGBUILD", "BZh91AY", "LZIP", "\x1f\x8b"]) {
    test(`a tape archive that begins with ${JSON.stringify(name)}`, async () => {
      const [one, other] = [tar({ path: name, contents: "x" }), tar({ path: "./" }, { path: name, contents: "x" })]
      assert.equal(await unpacked(one), await unpacked(other))
    })
  }
  test("what tar itself writes, with long names and a large file", async () => {
    const source = join(folder, "tree")
    mkdirSync(join(source, "d".repeat(120), "e".repeat(120)), { recursive: true })
    writeFileSync(join(source, "d".repeat(120), "e".repeat(120), "f".repeat(120)), "x".repeat(1_000_000))
    writeFileSync(join(source, "run"), "#!/bin/sh\n")
    chmodSync(join(source, "run"), 0o755)
    symlinkSync("t".repeat(150), join(source, "link"))
    const paths = []
    for (const format of ["gnu", "pax"]) {
      paths.push(await unpacked(execFileSync("tar", ["-C", folder, `--format=${format}`, "-cf", "-", "tree"])))
    }
    const fetcher = nodeFetcher({ store: async () => store })
    fetcher.close()
    assert.equal(paths[0], paths[1])
  })
})

/** Made by bzip2(1) of the archive above: nothing here can. */
const BZIP2 =
  "QlpoOTFBWSZTWb5lyWMAAGbbgMGSQADfgADA+GQeAAiYIAB0ElTBNTCNpH6gCegySMmm1NAGEAULPaCK1B8YIGPJIDw2pXJAHFxJQGrAZmhpEFBWCBjT6oCgmGtZ+UNH0JOeWqdmTgGnyul+XfUt12v8azUlEVSuKDwXckU4UJC+Zclj"

const REFUSED: readonly { name: string; archive: () => Uint8Array | Promise<Uint8Array>; file?: string; reason: RegExp }[] = [
  { name: "text", archive: () => bytesOf("hello"), reason: /Failed to open archive \(Unrecognized archive format\)/ },
  { name: "damaged gzip", archive: () => gzipSync(tar(...PARTS)).subarray(0, 60), reason: /damaged gzip data/ },
  { name: "damaged zstd", archive: () => zstdCompressSync(tar(...PARTS)).subarray(0, 40), reason: /damaged zstd data|Truncated/ },
  { name: "damaged xz", archive: async () => (await xz.compress(tar(...PARTS))).subarray(0, 100), reason: /damaged xz data/ },
  { name: "damaged bzip2", archive: () => bytesOf(atob(BZIP2)).subarray(0, 100), reason: /damaged bzip2 data/ },
  { name: "lzip", archive: () => bytesOf("LZIP\x01"), reason: /compressed with lzip: not supported/ },
  { name: "compress", archive: () => bytesOf("\x1f\x9d\x90"), reason: /compressed with compress: not supported/ },
  { name: "upwards", archive: () => tar({ path: "../a" }), reason: /leads upwards/ },
  { name: "through a link", archive: () => tar({ path: "l", type: "2", target: "/etc" }, { path: "l/x" }), reason: /is no directory/ },
  { name: "a hard link out of the tree", archive: () => tar({ path: "l", type: "1", target: "/etc/passwd" }), reason: /'\/etc\/passwd' does not exist/ },
  { name: "a name with a NUL, in pax", archive: () => tar(pax([["path", "a\0"]]), { path: "x" }), reason: /NUL/ },
  { name: "a name of 300 bytes", archive: () => tar(pax([["path", "x".repeat(300)]]), { path: "x" }), reason: /at most 255 bytes/ },
  { name: "more promised than there is", archive: () => tar({ path: "a", size: 1e6 }), reason: /Truncated tar archive/ },
  { name: "a zip with a path upwards", archive: () => zip({ path: "../a", contents: "" }), file: "up.zip", reason: /leads upwards|invalid relative path/ },
  { name: "a zip without its end", archive: () => zip(...ZIPPED).subarray(0, 100), file: "half.zip", reason: /damaged zip archive/ },
  { name: "a zip that lies about a size", archive: () => zip({ path: "a", contents: "xx", size: 5 }), file: "lie.zip", reason: /damaged zip archive/ },
  { name: "an encrypted zip", archive: () => zip({ path: "a", contents: "xx", flags: 1 }), file: "secret.zip", reason: /'a' is encrypted/ },
] // prettier-ignore
describe("refused", () => {
  for (const { name, archive, file, reason } of REFUSED) {
    test(name, async () => {
      const before = await pathCount()
      await assert.rejects(
        unpacked(await archive(), file),
        (error) => error instanceof FetchError && reason.test(error.message),
      )
      assert.equal(await pathCount(), before)
    })
  }
  test("what is no archive at all", async () => {
    const fetcher = nodeFetcher({ store: async () => store })
    const of = (path: string): Promise<unknown> => fetcher.tarball({ url: `file://${path}`, name: "source" })
    mkdirSync(join(folder, "repository", ".git"), { recursive: true })
    await assert.rejects(of(`${folder}/none`), /tarball ".*\/none" does not exist\.$/)
    await assert.rejects(of(folder), /is a directory, not a file\.$/)
    await assert.rejects(of(`${folder}/repository`), /is a git repository, not a tarball/)
    fetcher.close()
  })
})

async function pathCount(): Promise<number> {
  let paths = 0
  for await (const _ of store.pathInfos.list()) paths++
  return paths
}

const TIGHT: readonly { name: string; limits: Partial<UnpackLimits>; archive: Uint8Array; reason: RegExp }[] = [
  { name: "entries", limits: { entriesMax: 2 }, archive: tar({ path: "a" }, { path: "b" }, { path: "c" }), reason: /more than 2 entries/ },
  { name: "depth", limits: { depthMax: 2 }, archive: tar({ path: "a/b/c" }), reason: /has 3 parts/ },
  { name: "bytes, as they are promised", limits: { bytesMax: 10 }, archive: tar({ path: "a", size: 11 }), reason: /more than 10 bytes/ },
  { name: "bytes of all files together", limits: { bytesMax: 10 }, archive: tar({ path: "a", contents: "123456" }, { path: "b", contents: "123456" }), reason: /more than 10 bytes/ },
  { name: "a thousandfold", limits: { ratioMax: 100, ratioFrom: 1000 }, archive: gzipSync(tar({ path: "a", contents: "x".repeat(200_000) })), reason: /its contents have more than/ },
] // prettier-ignore
describe("bounded", () => {
  for (const { name, limits, archive, reason } of TIGHT) {
    test(name, async () => {
      const path = join(folder, "bounded")
      writeFileSync(path, archive)
      const file = await open(path)
      const content = { file, size: archive.length, close: () => file.close() }
      const options = { path, limits: { ...UNPACK_LIMITS, ...limits }, onProgress: () => {} }
      await assert.rejects(unpack(content, store, options), reason)
      await content.close()
    })
  }
})

test("an archive behind an address is unpacked once, and has as many names as one likes", async () => {
  const server = await testServer({ "/x.tar": tagged(tar(...PARTS)) })
  const fetcher = nodeFetcher({ store: async () => store })
  const url = `${server.url}/x.tar`
  assert.equal((await fetcher.tarball({ url, name: "source" })).path, SAMPLE)
  assert.match((await fetcher.tarball({ url, name: "other" })).path, /-other$/)
  assert.deepEqual(server.asked, ["/x.tar"])
  fetcher.close()
  await server.close()
})

interface ZipPart {
  readonly path: string
  readonly contents: string
  readonly mode?: number
  readonly size?: number
  readonly flags?: number
}
const ZIPPED: readonly ZipPart[] = [
  { path: "src/sub/", contents: "", mode: 0o040755 },
  { path: "src/sub/a", contents: "hi\n", mode: 0o100755 },
  { path: "src/sub/l", contents: "a", mode: 0o120777 },
]

/** A zip archive as Unix makes them (APPNOTE.TXT of PKWARE). */
function zip(...parts: readonly ZipPart[]): Uint8Array {
  const locals: Uint8Array[] = []
  const central: Uint8Array[] = []
  let offset = 0
  for (const { path, contents, mode = 0o100644, size = contents.length, flags = 0 } of parts) {
    const name = bytesOf(path)
    const data = deflateRawSync(bytesOf(contents))
    const sums = [crc32(bytesOf(contents)), data.length, size]
    const fields = [...u16(20, flags, 8, 0, 0), ...u32(...sums), ...u16(name.length, 0)]
    const local = concat([Uint8Array.from([...u32(0x04034b50), ...fields]), name, data])
    const rest = [...u16(0, 0, 0), ...u32(mode * 0x10000, offset)]
    central.push(concat([Uint8Array.from([...u32(0x02014b50), ...u16(0x0314), ...fields, ...rest]), name]))
    locals.push(local)
    offset += local.length
  }
  const list = concat(central)
  const counts = [0, 0, parts.length, parts.length]
  const end = [...u32(0x06054b50), ...u16(...counts), ...u32(list.length, offset), ...u16(0)]
  return concat([...locals, list, Uint8Array.from(end)])
}
function u16(...numbers: readonly number[]): number[] {
  return numbers.flatMap((number) => [number & 0xff, (number >> 8) & 0xff])
}
function u32(...numbers: readonly number[]): number[] {
  return numbers.flatMap((number) => [...u16(number), ...u16(number >>> 16)])
}
