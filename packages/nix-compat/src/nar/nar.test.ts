import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { byteStringFrom, bytesOf, concat, encodeHex } from "@tvix-ts/bytes"
import { hash } from "@tvix-ts/hash"
import fc from "fast-check"
import { NarError, NarReader, NarWriter, type NarProblem, type NarSink } from "../index.ts"
import { archiveOf, directory, file, recorder, symlink, trees, visit, type Tree } from "../testing/trees.ts"
import { runOf } from "./words.ts"

const bytes = (...parts: (string | Uint8Array)[]): Uint8Array =>
  concat(parts.map((part) => (typeof part === "string" ? bytesOf(part) : part)))
/** `archive` in pieces of `length` bytes at most. */
const read = (archive: Uint8Array, sink: NarSink, length = archive.length || 1, sizeMax?: number): void => {
  const reader = new NarReader(sink, sizeMax === undefined ? {} : { sizeMax })
  for (let at = 0; at < archive.length; at += length) {
    assert.equal(reader.write(archive.slice(at, at + length)), undefined)
  }
  reader.end()
}
const treeOf = (archive: Uint8Array, length?: number): Tree => {
  const { sink, tree } = recorder()
  read(archive, sink, length)
  return tree()
}
const refuses = (run: () => unknown, problem: NarProblem, offset: number): void => {
  assert.throws(run, (error) => {
    assert.ok(error instanceof NarError, String(error))
    assert.deepEqual({ ...error.problem, offset: error.offset }, { ...problem, offset })
    assert.ok(error.message.endsWith(`, at byte ${offset} of the Nix archive`))
    return true
  })
}

describe("NarWriter", () => {
  test("writes what nix-store --dump writes", () => {
    const archive = archiveOf(
      directory({
        "Z z": file("12345678"),
        d: directory({ a: file("hello"), b: file("", true), e: directory({}) }),
        l: symlink("../a"),
      }),
    )
    assert.equal(archive.length, 1224)
    const digest = "2f9af49cbe9b18e9035bf0c53c51a6cb4d62a39d75c00d30596e2414dc8a67ff"
    assert.equal(encodeHex(hash("sha256", archive)), digest)
  })

  test("files around the size of the buffer, in pieces of all kinds", () => {
    for (const length of [0, 1, 7, 8, 9, 16_383, 16_384, 65_400, 65_535, 65_536, 65_537, 200_000]) {
      for (const piece of [1000, 16_384, 100_000, length]) {
        const archive = archiveOf(file("\x01".repeat(length)), piece)
        assert.equal(archive.length, 112 + Math.ceil(length / 8) * 8)
        assert.ok(archive.subarray(96, 96 + length).every((byte) => byte === 1))
        assert.deepEqual(archive.subarray(-16), runOf([")"]))
      }
    }
  })

  test("a great many entries", () => {
    const names = Array.from({ length: 5000 }, (_, i) => `entry-${String(i).padStart(6, "0")}`)
    const archive = archiveOf(directory(Object.fromEntries(names.map((name) => [name, symlink("x".repeat(3000))]))))
    assert.equal(archive.length, 96 + names.length * (3008 + 184))
  })

  const started = (...calls: ((nar: NarWriter) => unknown)[]): NarWriter => {
    const nar = new NarWriter(() => {})
    for (const call of calls) void call(nar)
    return nar
  }
  const call = (name: string): NarProblem => ({ code: "call", call: name })
  const inDirectory = (name: string) => [(nar: NarWriter) => nar.directory(), (nar: NarWriter) => nar.entry(name)]
  const refused: [what: string, calls: ((nar: NarWriter) => unknown)[], NarProblem, offset: number][] = [
    ["nothing", [(nar) => nar.end()], { code: "truncated" }, 24],
    ["a file without contents", [(nar) => nar.file(1, false), (nar) => nar.end()], { code: "truncated" }, 96],
    ["contents without a file", [(nar) => nar.contents(new Uint8Array(1))], call("contents"), 24],
    ["an entry without a directory", [(nar) => nar.entry("a")], call("entry"), 24],
    ["the end of no directory", [(nar) => nar.endDirectory()], call("endDirectory"), 24],
    ["two roots", [(nar) => nar.symlink("a"), (nar) => nar.symlink("a")], call("symlink"), 120],
    ["a node without a name", [(nar) => nar.directory(), (nar) => nar.directory()], call("directory"), 80],
    ["two nodes in an entry", [...inDirectory("a"), (nar) => nar.file(0, true), (nar) => nar.file(0, true)], call("file"), 296],
    ["a name without a node", [...inDirectory("a"), (nar) => nar.endDirectory()], call("endDirectory"), 160],
    ["too much", [(nar) => nar.file(1, false), (nar) => nar.contents(new Uint8Array(2))], { code: "contents-too-long", size: 1 }, 96],
    ["half a byte", [(nar) => nar.file(0.5, false)], { code: "file-too-large", size: 0.5, sizeMax: 2 ** 53 - 1 }, 24],
    ["more than can be counted", [(nar) => nar.file(2 ** 53, false)], { code: "file-too-large", size: 2 ** 53, sizeMax: 2 ** 53 - 1 }, 24],
    ["no name", inDirectory(""), { code: "name-empty" }, 80],
    ["the directory itself", inDirectory("."), { code: "name-dots", name: "." }, 80],
    ["its parent", inDirectory(".."), { code: "name-dots", name: ".." }, 80],
    ["a slash", inDirectory("a/b"), { code: "name-slash", name: "a/b" }, 80],
    ["a NUL", inDirectory("a\0b"), { code: "name-nul", name: "a\0b" }, 80],
    ["256 bytes", inDirectory("a".repeat(256)), { code: "name-too-long", length: 256, lengthMax: 255 }, 80],
    ["out of order", [...inDirectory("b"), (nar) => nar.symlink("a"), (nar) => nar.entry("a")], { code: "name-order", name: "a", previous: "b" }, 272],
    ["twice", [...inDirectory("b"), (nar) => nar.symlink("a"), (nar) => nar.entry("b")], { code: "name-order", name: "b", previous: "b" }, 272],
    ["no target", [(nar) => nar.symlink("")], { code: "target-empty" }, 24],
    ["a NUL in a target", [(nar) => nar.symlink("a\0")], { code: "target-nul", target: "a\0" }, 24],
    ["4096 bytes of target", [(nar) => nar.symlink("a".repeat(4096))], { code: "target-too-long", length: 4096, lengthMax: 4095 }, 24],
  ] // prettier-ignore
  for (const [what, calls, problem, offset] of refused) {
    test(`refuses ${what}`, () => refuses(() => started(...calls), problem, offset))
  }
  test("takes three dots, and 255 bytes", () => {
    archiveOf(directory({ "...": file(""), ["a".repeat(255)]: symlink("a".repeat(4095)) }))
  })

  test("an output that is slow is waited for, and its pieces stay as they are", async () => {
    const pieces: Uint8Array[] = []
    let busy = false
    const writer = new NarWriter(async (piece) => {
      assert.ok(!busy, "called again before the promise was fulfilled")
      busy = true
      await Promise.resolve()
      pieces.push(piece.slice())
      busy = false
    })
    const names = Array.from({ length: 200 }, (_, i) => `entry-${String(i).padStart(6, "0")}`)
    const tree = directory(
      Object.fromEntries(
        names.map((name, i) => [name, i % 2 === 0 ? symlink("x".repeat(3000)) : file("y".repeat(i * 200))]),
      ),
    )
    await visit(tree, writer)
    await writer.end()
    assert.deepEqual(concat(pieces), archiveOf(tree))
  })

  test("what the output says is what the caller hears", async () => {
    const writer = new NarWriter(() => Promise.reject(new Error("no room")))
    writer.file(100_000, false)
    await assert.rejects(async () => writer.contents(new Uint8Array(50_000)), /no room/)
  })
})

describe("NarReader", () => {
  test("reads what the writer writes, in pieces of any length", () => {
    fc.assert(
      fc.property(trees, fc.nat(20), fc.integer({ min: 1, max: 300 }), (tree, short, long) => {
        const archive = archiveOf(tree)
        assert.deepEqual(treeOf(archive), tree)
        assert.deepEqual(treeOf(archive, short + 1), tree)
        assert.deepEqual(treeOf(archive, long), tree)
      }),
    )
  })

  test("contents are not copied", () => {
    const archive = archiveOf(file("a".repeat(1000)))
    let seen: Uint8Array | undefined
    const { sink } = recorder()
    new NarReader({ ...sink, contents: (piece) => void (seen = piece) }).write(archive)
    assert.equal(seen?.buffer, archive.buffer)
    assert.equal(seen?.length, 1000)
  })

  test("a sink that is slow is waited for", async () => {
    const tree = directory({ a: file("1".repeat(100)), b: file("2".repeat(9)), c: directory({ d: file("3") }) })
    const { sink, tree: result } = recorder()
    let busy = false
    const guard = <T>(call: () => T): T => {
      assert.ok(!busy, "called before the promise was fulfilled")
      return call()
    }
    const reader = new NarReader({
      file: (size, executable) => guard(() => sink.file(size, executable)),
      symlink: (target) => guard(() => sink.symlink(target)),
      directory: () => guard(() => sink.directory()),
      entry: (name) => guard(() => sink.entry(name)),
      endDirectory: () => guard(() => sink.endDirectory()),
      async contents(piece) {
        guard(() => void sink.contents(piece))
        busy = true
        await new Promise(setImmediate)
        busy = false
      },
    })
    const waiting = reader.write(archiveOf(tree))
    assert.throws(() => reader.write(new Uint8Array(1)), /not yet finished/)
    await waiting
    reader.end()
    assert.deepEqual(result(), tree)
  })

  test("directories 100,000 deep", () => {
    const depth = 100_000
    const pieces: Uint8Array[] = []
    const writer = new NarWriter((piece) => void pieces.push(piece.slice()))
    for (let i = 0; i < depth; i++) {
      writer.directory()
      writer.entry("a")
    }
    writer.symlink("b")
    for (let i = 0; i < depth; i++) writer.endDirectory()
    void writer.end()
    let ended = 0
    const { sink } = recorder()
    const reader = new NarReader({
      ...sink,
      directory() {},
      entry() {},
      symlink() {},
      endDirectory: () => void ended++,
    })
    for (const piece of pieces) void reader.write(piece)
    reader.end()
    assert.equal(ended, depth)
  })

  // Each rule of the format broken once. The archive is what follows the magic; `|` is where the problem is.
  const word = (...words: string[]): string => byteStringFrom(runOf(words))
  const magic = word("nix-archive-1")
  const length = (size: number): string => byteStringFrom(new Uint8Array(new BigUint64Array([BigInt(size)]).buffer))
  const raw = (text: string, padding = "\0".repeat((8 - (text.length % 8)) % 8)): string =>
    length(text.length) + text + padding
  const link = word("(", "type", "symlink", "target", "x", ")")
  const entry = (name: string, node = link): string =>
    word("entry", "(", "name") + raw(name) + word("node") + node + word(")")
  const inside = word("(", "type", "directory")
  const named = magic + inside + word("entry", "(", "name")
  const contents = magic + word("(", "type", "regular", "contents")
  const target = magic + word("(", "type", "symlink", "target")
  const expected = (...words: string[]): NarProblem => ({ code: "word", expected: words })
  const broken: [what: string, good: string, bad: string, NarProblem][] = [
    ["another magic", "", word("nix-archive-2"), { code: "magic" }],
    ["no magic", "", "hello", { code: "magic" }],
    ["no parenthesis", magic, word("type"), expected("(")],
    ["no type", magic + word("("), word("regular"), expected("type")],
    ["an unknown type", magic + word("(", "type"), word("fifo"), expected("regular", "symlink", "directory")],
    ["an empty word", magic, word(""), expected("(")],
    ["padding of a word", magic + "\x01\0\0\0\0\0\0\0(", "\x01\0\0\0\0\0\0", { code: "padding" }],
    ["a length that is not what it seems", magic, "\x01\0\0\0\x01\0\0\0(", expected("(")],
    ["a file without contents", magic + word("(", "type", "regular"), word(")"), expected("contents", "executable")],
    ["another executable marker", magic + word("(", "type", "regular", "executable"), word("yes"), expected("")],
    ["executable twice", magic + word("(", "type", "regular", "executable", ""), word("executable"), expected("contents")],
    ["executable after contents", contents + raw("abc"), word("executable", ""), expected(")")],
    ["contents twice", contents + raw("abc"), word("contents", ""), expected(")")],
    ["contents without end", contents + raw("abc"), word("entry"), expected(")")],
    ["padding of contents", contents + length(3) + "abc\0", "\x01\0\0\0", { code: "padding" }],
    ["contents beyond 2^53", contents, "\0\0\0\0\0\0\x20\0", { code: "file-too-large", size: 2 ** 53, sizeMax: 2 ** 53 - 1 - 96 }],
    ["contents of 2^64 - 1", contents, "\xff".repeat(8), { code: "file-too-large", size: 2 ** 64, sizeMax: 2 ** 53 - 1 - 96 }],
    ["a link with contents", magic + word("(", "type", "symlink"), word("contents"), expected("target")],
    ["no target", target, raw(""), { code: "target-empty" }],
    ["a long target", target, raw("x".repeat(4096)), { code: "target-too-long", length: 4096, lengthMax: 4095 }],
    ["a target of 2^64 - 1", target, "\xff".repeat(8), { code: "target-too-long", length: 2 ** 64, lengthMax: 4095 }],
    ["a NUL in a target", target + length(4) + "a", "\0bc\0\0\0\0", { code: "target-nul", target: "a\0bc" }],
    ["padding of a target", target + length(3) + "abc\0\0", "\x01\0\0", { code: "padding" }],
    ["a target without end", target + raw("abc"), word("target"), expected(")")],
    ["no entry", magic + inside, word("node"), expected("entry", ")")],
    ["an entry that does not open", magic + inside + word("entry"), word("name"), expected("(")],
    ["an entry with its node first", magic + inside + word("entry", "("), word("node"), expected("name")],
    ["an entry without a node", named + raw("a"), word(")"), expected("node")],
    ["an entry that does not end", named + raw("a") + word("node") + link, word("name"), expected(")")],
    ["an entry with two nodes", named + raw("a") + word("node") + link, word("node"), expected(")")],
    ["a name after the node", magic + inside + word("entry", "("), word("node") + link + word("name") + raw("a"), expected("name")],
    ["an empty name", named, raw(""), { code: "name-empty" }],
    ["a long name", named, raw("a".repeat(256)), { code: "name-too-long", length: 256, lengthMax: 255 }],
    ["a name of 2^64 - 1", named, "\xff".repeat(8), { code: "name-too-long", length: 2 ** 64, lengthMax: 255 }],
    ["a dot", named + length(1), ".\0\0\0\0\0\0\0", { code: "name-dots", name: "." }],
    ["two dots", named + length(2), "..\0\0\0\0\0\0", { code: "name-dots", name: ".." }],
    ["a slash", named + length(3) + "x", "/y\0\0\0\0\0", { code: "name-slash", name: "x/y" }],
    ["an absolute path", named + length(4), "/etc\0\0\0\0", { code: "name-slash", name: "/etc" }],
    ["a NUL in a name", named + length(5) + "f", "\0oo\0\0\0\0", { code: "name-nul", name: "f\0oo\0" }],
    ["padding of a name", named + length(1) + "a\0", "\x01\0\0\0\0\0", { code: "padding" }],
    ["a name twice", magic + inside + entry("a") + word("entry", "(", "name") + length(1), "a\0\0\0\0\0\0\0", { code: "name-order", name: "a", previous: "a" }],
    ["names out of order", magic + inside + entry("b") + word("entry", "(", "name") + length(2), "aa\0\0\0\0\0\0", { code: "name-order", name: "aa", previous: "b" }],
    ["names by their bytes", magic + inside + entry("\xc3\xa9") + word("entry", "(", "name") + length(1), "z\0\0\0\0\0\0\0", { code: "name-order", name: "z", previous: "\xc3\xa9" }],
    ["a name twice, above", magic + inside + entry("b", inside + entry("z") + word(")")) + word("entry", "(", "name") + length(1), "b\0\0\0\0\0\0\0", { code: "name-order", name: "b", previous: "b" }],
    ["bytes after a link", magic + link, "\0", { code: "trailing" }],
    ["bytes after a directory", magic + inside + word(")"), "\0", { code: "trailing" }],
    ["a second archive", magic + link, magic + link, { code: "trailing" }],
    ["nothing", "", "", { code: "truncated" }],
  ] // prettier-ignore
  /** Up to where the two are the same. */
  const common = (a: string, b: string): number => {
    let i = 0
    while (i < a.length && i < b.length && a[i] === b[i]) i++
    return i
  }
  for (const [what, good, bad, problem] of broken) {
    test(`refuses ${what}`, () => {
      // Words are refused at the first byte that is in none of those expected.
      const into =
        problem.code === "word"
          ? Math.max(...problem.expected.map((one) => common(word(one), bad)))
          : problem.code === "magic"
            ? common(magic, bad)
            : 0
      for (const pieces of [1, 7, 64, 10_000]) {
        refuses(() => read(bytes(good + bad), recorder().sink, pieces), problem, good.length + into)
      }
    })
  }

  test("refuses an archive that ends anywhere before its end", () => {
    const archive = archiveOf(directory({ a: file("abc", true), b: directory({ c: symlink("d") }) }))
    for (let end = 0; end < archive.length; end++) {
      refuses(() => read(archive.subarray(0, end), recorder().sink), { code: "truncated" }, end)
      refuses(() => read(archive.subarray(0, end), recorder().sink, 5), { code: "truncated" }, end)
    }
  })

  test("refuses more than it may have", () => {
    for (const pieces of [1, 50, 1000]) {
      const archive = archiveOf(file("a".repeat(100)))
      read(archive, recorder().sink, pieces, archive.length)
      const large = { code: "file-too-large", size: 100, sizeMax: 99 } as const
      refuses(() => read(archive, recorder().sink, pieces, 195), large, 88)
      const links = archiveOf(symlink("a".repeat(100)))
      refuses(() => read(links, recorder().sink, pieces, 200), { code: "archive-too-large", sizeMax: 200 }, 200)
    }
  })

  test("hands on no more than the file has, where that is all it may have", () => {
    const archive = archiveOf(file("a".repeat(100)))
    let seen = 0
    const reader = new NarReader(
      { ...recorder().sink, contents: ({ length }) => void (seen += length) },
      { sizeMax: 196 },
    )
    void reader.write(archive.subarray(0, 96))
    refuses(() => reader.write(archive.subarray(96)), { code: "archive-too-large", sizeMax: 196 }, 196)
    assert.equal(seen, 100)
  })

  test("takes nothing more after an error", () => {
    const reader = new NarReader(recorder().sink)
    assert.throws(() => reader.write(bytes("hello, this is not one")), NarError)
    assert.throws(() => reader.write(bytes("nix-archive-1")), /failed/)
    assert.throws(() => reader.end(), /failed/)
  })
})
