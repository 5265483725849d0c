import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { byteStringFrom, bytesOf, concat } from "@tvix-ts/bytes"
import fc from "fast-check"
import { pax, tar, tarPart, type TarPart } from "../testing/tar.ts"
import { TarReader } from "./tar-reader.ts"

/** What is told of an archive that comes in pieces of `size` bytes: one line an entry. */
async function told(archive: Uint8Array, size = archive.length): Promise<string[]> {
  const lines: string[] = []
  let contents = ""
  const reader = new TarReader({
    entry({ type, path, executable, target, size: bytes }) {
      contents = ""
      lines.push(
        `${type} ${path}${executable ? "*" : ""}${target && ` -> ${target}`}${type === "file" ? ` ${bytes}` : ""}`,
      )
    },
    contents: (bytes) => void (contents += byteStringFrom(bytes)),
    endFile: () => void (lines[lines.length - 1] += `: ${contents}`),
  })
  for (let at = 0; at < archive.length; at += size) await reader.write(archive.subarray(at, at + size))
  reader.end()
  return lines
}

const LONG = `${"d/".repeat(100)}f`
const GNU = "ustar  \0"

const READ: readonly { name: string; parts: readonly TarPart[]; lines: readonly string[] }[] = [
  { name: "nothing", parts: [], lines: [] },
  { name: "a file", parts: [{ path: "a", contents: "hi" }], lines: ["file a 2: hi"] },
  { name: "an empty file", parts: [{ path: "a" }, { path: "b" }], lines: ["file a 0: ", "file b 0: "] },
  { name: "a whole block", parts: [{ path: "a", contents: "x".repeat(512) }, { path: "b" }], lines: [`file a 512: ${"x".repeat(512)}`, "file b 0: "] },
  { name: "an executable", parts: [{ path: "a", mode: 0o755 }], lines: ["file a* 0: "] },
  { name: "executable by others only", parts: [{ path: "a", mode: 0o611 }], lines: ["file a 0: "] },
  { name: "a directory, a link, a hard link", parts: [{ path: "d/", type: "5" }, { path: "l", type: "2", target: "d" }, { path: "h", type: "1", target: "a" }], lines: ["directory d/", "symlink l -> d", "link h -> a"] },
  { name: "a directory of version 7", parts: [{ path: "d/", type: "\0", magic: "" }], lines: ["directory d/"] },
  { name: "a type that nobody knows", parts: [{ path: "a", type: "Z", contents: "x" }], lines: ["file a 1: x"] },
  { name: "a prefix", parts: [{ path: "a", prefix: "p/q" }], lines: ["file p/q/a 0: "] },
  { name: "GNU has no prefix", parts: [{ path: "a", prefix: "p/q", magic: GNU }], lines: ["file a 0: "] },
  { name: "a long name of GNU", parts: [{ path: "@", type: "L", contents: `${LONG}\0`, magic: GNU }, { path: "x" }], lines: [`file ${LONG} 0: `] },
  { name: "a long target of GNU", parts: [{ path: "@", type: "K", contents: `${LONG}\0`, magic: GNU }, { path: "x", type: "2" }], lines: [`symlink x -> ${LONG}`] },
  { name: "pax names, for one entry", parts: [pax([["path", LONG]]), { path: "x" }, { path: "y" }], lines: [`file ${LONG} 0: `, "file y 0: "] },
  { name: "pax targets", parts: [pax([["linkpath", "t"]]), { path: "x", type: "2", target: "u" }], lines: ["symlink x -> t"] },
  { name: "a pax size", parts: [pax([["size", "2"]]), { path: "x", contents: "ab", size: 0 }], lines: ["file x 2: ab"] },
  { name: "pax attributes nobody needs", parts: [pax([["mtime", "1.5"], ["__proto__", "x"], ["SCHILY.xattr.security.selinux", "x:s0\0"]]), { path: "x" }], lines: ["file x 0: "] },
  { name: "names that are not UTF-8, also in pax", parts: [{ path: "\xff" }, pax([["path", "\xfe"]]), { path: "x" }], lines: ["file \xff 0: ", "file \xfe 0: "] },
  { name: "global pax, as git writes it", parts: [pax([["comment", "0".repeat(40)]], "g"), { path: "x" }], lines: ["file x 0: "] },
  { name: "the name of the volume", parts: [{ path: "backup", type: "V" }, { path: "x" }], lines: ["file x 0: "] },
  { name: "a binary size", parts: [{ path: "x", contents: "ab", sizeField: `\x80${"\0".repeat(10)}\x02` }], lines: ["file x 2: ab"] },
  { name: "contents of a hard link in pax", parts: [pax([["mtime", "1"]]), { path: "h", type: "1", target: "a", contents: "xyz" }, { path: "b" }], lines: ["link h -> a", "file b 0: "] },
] // prettier-ignore
describe("read", () => {
  for (const { name, parts, lines } of READ) {
    test(name, async () => {
      for (const size of [1 << 20, 512, 7]) assert.deepEqual(await told(tar(...parts), size), lines)
    })
  }

  test("what is after the end does not count", async () => {
    const archive = concat([tar({ path: "a" }), tar({ path: "b" }), bytesOf("rubbish")])
    assert.deepEqual(await told(archive), ["file a 0: "])
  })
  test("the end may be missing", async () => {
    assert.deepEqual(await told(tarPart({ path: "a", contents: "x" })), ["file a 1: x"])
  })
})

const REFUSED: readonly { name: string; archive: Uint8Array; reason: RegExp }[] = [
  { name: "text", archive: bytesOf("hello"), reason: /Unrecognized archive format/ },
  { name: "blocks of text", archive: bytesOf("hello".repeat(300)), reason: /Unrecognized archive format/ },
  { name: "a wrong checksum later", archive: tar({ path: "a" }, { path: "b", checksum: "0000000\0" }), reason: /Damaged tar archive/ },
  { name: "half a header", archive: tar({ path: "a" }).subarray(0, 600), reason: /Truncated tar archive/ },
  { name: "half a file", archive: tarPart({ path: "a", contents: "x".repeat(600) }).subarray(0, 900), reason: /Truncated tar archive/ },
  { name: "contents without their padding", archive: tarPart({ path: "a", contents: "x" }).subarray(0, 600), reason: /Truncated tar archive/ },
  { name: "a sparse file of GNU", archive: tar({ path: "a", type: "S", magic: GNU }), reason: /'a' is a sparse file: not supported/ },
  { name: "a sparse file of pax", archive: tar(pax([["GNU.sparse.major", "1"]]), { path: "a" }), reason: /sparse file: not supported/ },
  { name: "one of several volumes", archive: tar({ path: "a", type: "M" }), reason: /continued: not supported/ },
  { name: "a device", archive: tar({ path: "a", type: "3" }), reason: /'a' in tarball has unsupported file type 'character device'/ },
  { name: "a pipe", archive: tar({ path: "a", type: "6" }), reason: /'pipe'/ },
  { name: "a negative size", archive: tar({ path: "a", sizeField: "\xff".repeat(12) }), reason: /a number in it is none/ },
  { name: "a size above 2^53", archive: tar({ path: "a", sizeField: `\x80\0\0\0${"\xff".repeat(8)}` }), reason: /a number in it is none/ },
  { name: "a name of 2 MiB", archive: tar({ path: "@", type: "L", size: 2 ** 21 }), reason: /has 2097152 bytes/ },
  { name: "pax records without a length", archive: tar({ path: "p", type: "x", contents: "path=a\n" }), reason: /a pax attribute is malformed/ },
  { name: "pax records that are too long", archive: tar({ path: "p", type: "x", contents: "99 path=a\n" }), reason: /a pax attribute is malformed/ },
  { name: "a pax size that is none", archive: tar(pax([["size", "-1"]]), { path: "a" }), reason: /a number in it is none/ },
  { name: "a NUL in a pax name", archive: tar(pax([["path", "a\0b"]]), { path: "a" }), reason: /a NUL byte in a name/ },
] // prettier-ignore
describe("refused", () => {
  for (const { name, archive, reason } of REFUSED) {
    test(name, async () => {
      await assert.rejects(told(archive), (error: Error) => error.name === "FetchError" && reason.test(error.message))
    })
  }
})

test("it does not matter in which pieces an archive comes, or how it is damaged: an answer, or a problem", async () => {
  const archive = tar(
    pax([["path", LONG]]),
    { path: "x", contents: "abc".repeat(300) },
    { path: "l", type: "2", target: "x" },
  )
  const outcome = (bytes: Uint8Array, size: number): Promise<string> =>
    told(bytes, size).then(
      (lines) => lines.join("\n"),
      (error: Error) => {
        assert.equal(error.name, "FetchError")
        return error.message
      },
    )
  await fc.assert(
    fc.asyncProperty(
      fc.nat(archive.length - 1),
      fc.nat(255),
      fc.integer({ min: 1, max: 2000 }),
      async (at, byte, size) => {
        const damaged = archive.slice()
        damaged[at] = byte
        assert.equal(await outcome(damaged, size), await outcome(damaged, damaged.length))
      },
    ),
  )
})
