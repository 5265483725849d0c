import assert from "node:assert/strict"
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, describe, test } from "node:test"
import type { EvalIO, OpenedFile } from "../io.ts"
import { nodeIo } from "./io.ts"

let root = ""
before(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "io-")))
  mkdirSync(join(root, "folder/inner"), { recursive: true })
  mkdirSync(join(root, "secret"))
  writeFileSync(join(root, "folder/file"), Buffer.from([0x61, 0xff, 0x00, 0xc3, 0xa9]))
  writeFileSync(Buffer.concat([Buffer.from(`${root}/folder/`), Buffer.from([0xe9])]), "latin-1 name")
  writeFileSync(join(root, "secret/file"), "secret")
  symlinkSync("folder/file", join(root, "link"))
  symlinkSync(join(root, "folder"), join(root, "absolute"))
  symlinkSync("missing", join(root, "dangling"))
  symlinkSync("loop", join(root, "loop"))
  symlinkSync("../secret/file", join(root, "folder/escape"))
})
after(() => {
  chmodSync(root, 0o700)
  rmSync(root, { recursive: true })
})

/** What a call answers, or says when it fails; the temporary folder is `/R`. */
function answer(call: () => unknown): unknown {
  const shown = (text: string): string => text.replaceAll(root, "/R")
  try {
    const value = call()
    return typeof value === "string" ? shown(value) : value
  } catch (error) {
    assert.equal((error as Error).name, "IoError")
    return shown(`! ${(error as Error).message}`)
  }
}
type Question = "readFile" | "openFile" | "fileType" | "realPath" | "readDir" | "readLink"
function ask(io: EvalIO, question: Question, path: string): unknown {
  if (question === "openFile") return answer(() => opened(io, root + path))
  return answer(() => io[question]!(root + path))
}
function opened(io: EvalIO, path: string): string {
  const { size, pieces } = io.openFile!(path) as OpenedFile
  const contents = Buffer.concat([...pieces])
  assert.equal(contents.length, size)
  return contents.toString("latin1")
}

const ANSWERS: readonly [Question, path: string, answer: unknown][] = [
  ["readFile", "/folder/file", "a\xff\0\xc3\xa9"],
  ["readFile", "/folder/\xe9", "latin-1 name"],
  ["readFile", "/link", "a\xff\0\xc3\xa9"],
  ["readFile", "/missing", "! path '/R/missing' does not exist"],
  ["readFile", "/dangling", "! path '/R/missing' does not exist"],
  ["readFile", "/folder/file/below", "! path '/R/folder/file/below' does not exist"],
  ["readFile", "/folder", "! read of 4096 bytes: Is a directory"],
  ["readFile", "/loop", "! infinite symlink recursion in path '/R/loop'"],
  ["openFile", "/folder/file", "a\xff\0\xc3\xa9"],
  ["openFile", "/link", "a\xff\0\xc3\xa9"],
  ["openFile", "/missing", "! path '/R/missing' does not exist"],
  ["openFile", "/folder", "! read of 4096 bytes: Is a directory"],
  ["openFile", "/loop", "! infinite symlink recursion in path '/R/loop'"],
  ["fileType", "/folder", "directory"],
  ["fileType", "/folder/file", "regular"],
  ["fileType", "/link", "symlink"],
  ["fileType", "/dangling", "symlink"],
  ["fileType", "/missing", undefined],
  ["fileType", "/folder/file/below", undefined],
  ["realPath", "/link", "/R/folder/file"],
  ["realPath", "/absolute/inner/../x", "/R/folder/x"],
  ["realPath", "/dangling", "/R/missing"],
  ["realPath", "/absolute/missing/below", "/R/folder/missing/below"],
  ["realPath", "/loop", "! infinite symlink recursion in path '/R/loop'"],
  ["readLink", "/link", "folder/file"],
  ["readDir", "/missing", "! path '/R/missing' does not exist"],
  ["readDir", "/link", '! cannot read directory "/R/link": Not a directory'],
]

describe("nodeIo", () => {
  for (const [question, path, expected] of ANSWERS) {
    test(`${question} ${path}`, () => assert.deepEqual(ask(nodeIo(), question, path), expected))
  }
  test("readDir", () => {
    const entries = nodeIo().readDir(join(root, "folder")) as (readonly [string, string])[]
    assert.deepEqual(Object.fromEntries(entries), {
      escape: "symlink",
      file: "regular",
      inner: "directory",
      "\xe9": "regular",
    })
  })
  test("what a folder was said to have is not asked about again, before all is forgotten", () => {
    const io = nodeIo()
    const folder = join(root, "listed")
    mkdirSync(join(folder, "a"), { recursive: true })
    assert.deepEqual(io.readDir(folder), [["a", "directory"]])
    rmSync(join(folder, "a"), { recursive: true })
    writeFileSync(join(folder, "a"), "")
    writeFileSync(join(folder, "b"), "")
    assert.deepEqual(
      ["a", "b", "c"].map((name) => io.fileType(join(folder, name))),
      ["directory", "regular", undefined],
    )
    io.forget!()
    assert.equal(io.fileType(join(folder, "a")), "regular")
    // However many there are.
    for (let i = 0; i < 100; i++) writeFileSync(join(folder, String(i)), "")
    io.readDir(folder)
    rmSync(join(folder, "7"))
    assert.deepEqual([io.fileType(join(folder, "7")), io.fileType(join(folder, "100"))], ["regular", undefined])
    rmSync(folder, { recursive: true })
  })
  test("a large file in pieces, and one that becomes shorter meanwhile", () => {
    const path = join(root, "large")
    const contents = Buffer.from(Uint8Array.from({ length: 2_500_000 }, (_, i) => (i * i) >> 7))
    writeFileSync(path, contents)
    assert.equal(opened(nodeIo(), path), contents.toString("latin1"))
    const { pieces } = nodeIo().openFile!(path) as OpenedFile
    const left = pieces[Symbol.iterator]()
    left.next()
    truncateSync(path, 10)
    assert.equal(
      answer(() => left.next()),
      "! reading file '/R/large': it has become shorter meanwhile",
    )
  })
  test("a file that has more than it had when it was looked at, or than it says", () => {
    const path = join(root, "growing")
    for (const [before, after] of [
      [10, 200_000],
      [200_000, 131_072],
      [10, 3_000_000],
      [3_000_000, 1_000_000],
      [131_072, 131_073],
      [5, 0],
    ] as const) {
      const io = nodeIo()
      writeFileSync(path, "a".repeat(before))
      assert.equal(io.fileType(path), "regular")
      writeFileSync(path, "b".repeat(after))
      assert.equal(io.readFile(path), "b".repeat(after))
      assert.equal(opened(io, path), "b".repeat(after))
    }
  })
  test("a file of the kernel's, that is said to be empty", { skip: process.platform !== "linux" }, () => {
    const io = nodeIo()
    const path = "/proc/self/status"
    assert.equal(io.fileType(path), "regular")
    for (const status of [io.readFile(path) as string, opened(io, path)]) {
      assert.match(status, /^Name:[^]*nonvoluntary_ctxt_switches:\t\d+\n$/)
    }
  })
  test("whether a file may be executed", () => {
    const path = join(root, "program")
    writeFileSync(path, "")
    for (const mode of [0o644, 0o755, 0o511]) {
      chmodSync(path, mode)
      assert.equal((nodeIo().openFile!(path) as OpenedFile).executable, mode !== 0o644)
      assert.equal(nodeIo().isExecutable!(path), mode !== 0o644)
    }
  })
  test("a file that is opened tells its stamp", () => {
    const path = join(root, "stamped")
    writeFileSync(path, "contents")
    const { stamp } = nodeIo().openFile!(path) as OpenedFile
    assert.equal(stamp?.size, 8)
    assert.deepEqual(stamp, nodeIo().stamp!(path))
  })
  test("a relative path starts in the working directory", () => {
    assert.equal(nodeIo().realPath("surely/missing"), join(process.cwd(), "surely/missing"))
  })
  test("getEnv", () => {
    const io = nodeIo({ env: { A: "é" } })
    assert.deepEqual([io.getEnv("A"), io.getEnv("B")], ["\xc3\xa9", ""])
  })
})

const RESTRICTED: readonly [Question, path: string, answer: unknown][] = [
  ["readFile", "/folder/file", "a\xff\0\xc3\xa9"],
  ["readFile", "/link", "! access to absolute path '/R/link' is forbidden here"],
  ["readFile", "/absolute/file", "a\xff\0\xc3\xa9"],
  ["readFile", "/secret/file", "! access to absolute path '/R/secret/file' is forbidden here"],
  ["readFile", "/folder/escape", "! access to absolute path '/R/secret/file' is forbidden here"],
  ["openFile", "/folder/file", "a\xff\0\xc3\xa9"],
  ["openFile", "/secret/file", "! access to absolute path '/R/secret/file' is forbidden here"],
  ["openFile", "/folder/escape", "! access to absolute path '/R/secret/file' is forbidden here"],
  ["realPath", "/folder/escape", "! access to absolute path '/R/secret/file' is forbidden here"],
  ["fileType", "/secret", "! access to absolute path '/R/secret' is forbidden here"],
  ["fileType", "", "directory"],
  ["readDir", "/secret", "! access to absolute path '/R/secret' is forbidden here"],
]

describe("nodeIo with a restriction", () => {
  const io = (): EvalIO =>
    nodeIo({ restriction: { allowed: [join(root, "folder"), join(root, "absolute")], why: "here" }, env: { A: "x" } })
  for (const [question, path, expected] of RESTRICTED) {
    test(`${question} ${path}`, () => assert.deepEqual(ask(io(), question, path), expected))
  }
  test("what leads to something allowed shows only that", () => {
    const entries = io().readDir(root) as (readonly [string, string])[]
    assert.deepEqual(entries.map(([name]) => name).sort(), ["absolute", "folder"])
  })
  test("no environment", () => assert.equal(io().getEnv("A"), ""))
  test("nothing allowed is nothing at all", () => {
    const closed = nodeIo({ restriction: { allowed: [], why: "here" } })
    assert.equal(
      answer(() => closed.fileType("/")),
      "! access to absolute path '/' is forbidden here",
    )
  })
})
