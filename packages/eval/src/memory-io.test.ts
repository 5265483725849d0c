import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { IoError } from "./io.ts"
import { memoryIo } from "./memory-io.ts"

const io = memoryIo(
  {
    "/a/b.nix": "é",
    "/a/c/d": Uint8Array.of(0xff),
    "/link": { symlink: "a/c" },
    "/up": { symlink: "/a/c/../b.nix" },
    "/loop": { symlink: "loop" },
  },
  { env: { NAME: "é" }, time: 7 },
)

test("files are bytes, links are followed, folders are there because something is in them", async () => {
  assert.equal(await io.readFile("/a/b.nix"), "\xc3\xa9")
  assert.equal(await io.readFile("/link/d"), "\xff")
  assert.equal(await io.realPath("/link/d"), "/a/c/d")
  assert.equal(await io.realPath("/up"), "/a/b.nix")
  assert.deepEqual(await io.readDir("/a"), [
    ["b.nix", "regular"],
    ["c", "directory"],
  ])
  assert.equal(await io.fileType("/link"), "symlink")
  assert.equal(await io.fileType("/link/d"), "regular")
  assert.equal(await io.fileType("/"), "directory")
  assert.equal(await io.fileType("/nope/x"), undefined)
  assert.equal(io.getEnv("NAME"), "\xc3\xa9")
  assert.equal(io.currentTime(), 7)
})

describe("refused", () => {
  for (const ask of [
    () => io.readFile("/nope"),
    () => io.readFile("/a"),
    () => io.readDir("/a/b.nix"),
    () => io.realPath("/loop"),
  ]) {
    test(String(ask), () => assert.throws(ask, IoError))
  }
  for (const path of ["a", "/", "/a/", "/a/../b", "/a//b"]) {
    test(`a file called ${path}`, () => assert.throws(() => memoryIo({ [path]: "" }), TypeError))
  }
  test("a file with files in it", () => assert.throws(() => memoryIo({ "/a": "", "/a/b": "" }), TypeError))
})
