/** Trees written to disk and read again, and what neither does. */
import { byteStringFrom, byteStringOf, bytesOf } from "@tvix-ts/bytes"
import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import {
  appendFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, describe, test } from "node:test"
import fc from "fast-check"
import type { TreeSink } from "../../tree.ts"
import type { DiskProblem } from "./problem.ts"
import { readTree, type TreeProgress } from "./read-tree.ts"
import { WriteTree } from "./write-tree.ts"

/** A tree as its calls, one a line; names and contents as byte strings. */
class Transcript implements TreeSink {
  readonly lines: string[] = []
  #contents = ""
  #left = 0

  file(size: number, executable: boolean): void {
    this.lines.push(`file ${size}${executable ? " x" : ""}`)
    this.#contents = ""
    this.#left = size
  }
  contents(bytes: Uint8Array): void | Promise<void> {
    assert.ok(bytes.length > 0 && bytes.length <= this.#left)
    this.#left -= bytes.length
    this.#contents += byteStringFrom(bytes)
    if (this.#left === 0) this.lines.push(`contents ${this.#contents}`)
  }
  symlink(target: string): void {
    this.lines.push(`symlink ${target}`)
  }
  directory(): void {
    this.lines.push("directory")
  }
  entry(name: string): void {
    this.lines.push(`entry ${name}`)
  }
  endDirectory(): void {
    this.lines.push("end")
  }
}

type Tree =
  | { readonly contents: string; readonly executable: boolean }
  | { readonly target: string }
  | { readonly entries: Readonly<Record<string, Tree>> }
type Directory = Extract<Tree, { entries: unknown }>

function tell(tree: Tree, sink: TreeSink): void {
  if ("contents" in tree) {
    sink.file(tree.contents.length, tree.executable)
    if (tree.contents !== "") void sink.contents(bytesOf(tree.contents))
  } else if ("target" in tree) {
    sink.symlink(tree.target)
  } else {
    sink.directory()
    for (const [name, entry] of Object.entries(tree.entries).sort(([a], [b]) => (a < b ? -1 : 1))) {
      sink.entry(name)
      tell(entry, sink)
    }
    sink.endDirectory()
  }
}
function transcriptOf(tree: Tree): string[] {
  const transcript = new Transcript()
  tell(tree, transcript)
  return transcript.lines
}
async function onDisk(path: string): Promise<string[]> {
  const transcript = new Transcript()
  await readTree(path, transcript)
  return transcript.lines
}
function write(path: string, tree: Tree): void {
  const writer = new WriteTree(path)
  tell(tree, writer)
  writer.finish()
}

let folder = ""
let count = 0
const fresh = (): string => join(folder, `tree-${count++}`)
before(() => {
  folder = mkdtempSync(join(tmpdir(), "disk-"))
})
after(() => rmSync(folder, { recursive: true, force: true }))

const file = (contents = "", executable = false): Tree => ({ contents, executable })
const link = (target: string): Tree => ({ target })
const directory = (entries: Readonly<Record<string, Tree>> = {}): Directory => ({ entries })
/** Node 26 names what it cannot decode by bytes; Windows and APFS have no such names. */
const anyBytes = process.platform === "linux"

const TREES: Readonly<Record<string, Tree>> = {
  "an empty directory": directory(),
  "a file": file("Hello"),
  "an executable": file("#!/bin/sh\n", true),
  "an empty file": file(),
  "a link to nowhere": link("/nowhere"),
  "an order that is not a dictionary's": directory({
    a: file(),
    "a-b": file(),
    "a.b": directory(),
    A: file("x"),
    ab: file(),
  }),
  "empty directories within": directory({ a: directory({ b: directory() }), c: directory() }),
  "a directory linked to is not entered": directory({ a: directory({ f: file("1") }), b: link("a") }),
  "a file larger than what is read at a time": file("0123456789abcdef".repeat(150_000)),
  "a file of exactly what is read at a time": file("01234567".repeat(131_072)),
  "names that are no text": anyBytes
    ? directory({
        "\xff\xfe": file("1"),
        "\xe9": link("\xff"),
        [byteStringOf("é\n\u{1f600}")]: directory({ "\x80": file() }),
      })
    : directory(),
  "the longest name": directory({ ["x".repeat(255)]: file() }),
}

describe("trees on disk", () => {
  for (const [name, tree] of Object.entries(TREES)) {
    test(`written and read: ${name}`, async () => {
      const path = fresh()
      write(path, tree)
      assert.deepEqual(await onDisk(path), transcriptOf(tree))
    })
  }

  const names = fc.oneof(
    fc.string({ unit: fc.constantFrom("a", "b", "A", ".", "-", " ", "\n", "*"), minLength: 1, maxLength: 5 }),
    fc.string({ unit: "binary", minLength: 1, maxLength: 4 }).map(byteStringOf),
    ...(anyBytes ? [fc.uint8Array({ min: 1, minLength: 1, maxLength: 4 }).map(byteStringFrom)] : []),
  )
  const legal = names.filter((name) => name !== "." && name !== ".." && !/[/\0]/.test(name))
  const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
    tree: fc.oneof(
      { depthSize: "small" },
      fc.record({ contents: fc.uint8Array({ maxLength: 50 }).map(byteStringFrom), executable: fc.boolean() }),
      fc.record({ target: legal }),
      fc.record({ entries: fc.dictionary(legal, tie("tree"), { maxKeys: 5, noNullPrototype: false }) }),
    ),
  }))
  test("written and read: any tree", async () => {
    await fc.assert(
      fc.asyncProperty(tree, async (any) => {
        const path = fresh()
        write(path, any)
        assert.deepEqual(await onDisk(path), transcriptOf(any))
      }),
      { numRuns: 100 },
    )
  })

  test("a thousand directories deep", async () => {
    let deep: Tree = file("bottom")
    for (let i = 0; i < 1000; i++) deep = directory({ d: deep })
    const path = fresh()
    write(path, deep)
    assert.deepEqual(await onDisk(path), transcriptOf(deep))
  })

  test("deeper than paths go is refused, both ways", async () => {
    let deep: Tree = file("bottom")
    for (let i = 0; i < 30; i++) deep = directory({ ["d".repeat(200)]: deep })
    const path = fresh()
    const writer = new WriteTree(path)
    assert.throws(() => tell(deep, writer), problem({ code: "path-too-long" }))
    writer.abort()
    assert.equal(existsSync(path), false)

    const made = fresh()
    mkdirSync(made)
    const name = "d".repeat(200)
    execFileSync("sh", ["-c", `for i in $(seq 30); do mkdir ${name}; cd -P ./${name} || exit; done`], { cwd: made })
    await assert.rejects(onDisk(made), problem({ code: "path-too-long" }))
  })
})

function problem(expected: Partial<DiskProblem>): (error: unknown) => boolean {
  return (error) => {
    assert.equal((error as Error).name, "DiskError", String(error))
    assert.partialDeepStrictEqual((error as { problem: DiskProblem }).problem, expected)
    return true
  }
}

describe("readTree", () => {
  test("what is no part of a tree is named", async (t) => {
    const path = fresh()
    mkdirSync(path)
    execFileSync("mkfifo", [join(path, "pipe")])
    await assert.rejects(onDisk(path), problem({ code: "special-file", path: join(path, "pipe"), kind: "FIFO" }))
    unlinkSync(join(path, "pipe"))
    const server = createServer().listen(join(path, "socket"))
    await new Promise((resolve) => server.once("listening", resolve))
    t.after(() => server.close())
    await assert.rejects(onDisk(path), problem({ code: "special-file", path: join(path, "socket"), kind: "socket" }))
    await assert.rejects(onDisk("/dev/null"), problem({ code: "special-file", kind: "character device" }))
    await assert.rejects(onDisk(join(path, "none")), problem({ code: "system", error: "ENOENT", doing: "read" }))
  })

  test("what may not be read is named", { skip: process.getuid?.() === 0 && "root reads everything" }, async () => {
    const path = fresh()
    write(path, directory({ a: file("1") }))
    chmodSync(join(path, "a"), 0)
    await assert.rejects(onDisk(path), problem({ code: "system", path: join(path, "a"), error: "EACCES" }))
  })

  /** Changes the tree when the walk is at the entry `b`, or in the middle of it. */
  const CHANGES: readonly {
    readonly name: string
    readonly at: "entry" | "contents"
    readonly size: number
    readonly change: (path: string) => void
    readonly how: "grew" | "shrank" | "is of another type"
  }[] = [
    {
      name: "a large file that grows",
      at: "contents",
      size: 3 << 20,
      change: (b) => appendFileSync(b, "x"),
      how: "grew",
    },
    {
      name: "a large file that shrinks",
      at: "contents",
      size: 3 << 20,
      change: (b) => truncateSync(b, 5),
      how: "shrank",
    },
    {
      name: "a file that becomes a link",
      at: "entry",
      size: 1,
      change: (b) => {
        unlinkSync(b)
        symlinkSync("a", b)
      },
      how: "is of another type",
    },
    {
      name: "a file that becomes a FIFO",
      at: "entry",
      size: 1,
      change: (b) => {
        unlinkSync(b)
        execFileSync("mkfifo", [b])
      },
      how: "is of another type",
    },
    {
      name: "a file that becomes a directory",
      at: "entry",
      size: 1,
      change: (b) => {
        unlinkSync(b)
        mkdirSync(b)
      },
      how: "is of another type",
    },
  ]
  for (const { name, at, size, change, how } of CHANGES) {
    test(name, async () => {
      const path = fresh()
      mkdirSync(path)
      const b = join(path, "b")
      writeFileSync(b, Buffer.alloc(size))
      let changed = false
      const once = (): void => {
        if (!changed) change(b)
        changed = true
      }
      class Changing extends Transcript {
        override entry(): void {
          if (at === "entry") once()
        }
        override contents(): void {
          if (at === "contents") once()
        }
      }
      await assert.rejects(readTree(path, new Changing()), problem({ code: "changed", path: b, how }))
    })
  }

  test("what the filter leaves out is not entered, nor told of", async () => {
    const path = fresh()
    write(path, directory({ a: directory({ b: file("1"), c: file("2") }), d: directory({ e: file() }), f: link("x") }))
    const asked: string[] = []
    const transcript = new Transcript()
    await readTree(path, transcript, {
      filter: (below, kind) => {
        asked.push(`${below} ${kind}`)
        return below !== "a/b" && below !== "d"
      },
    })
    assert.deepEqual(asked, ["a directory", "a/b file", "a/c file", "d directory", "f symlink"])
    assert.deepEqual(transcript.lines, transcriptOf(directory({ a: directory({ c: file("2") }), f: link("x") })))
  })

  test("waits for a sink that asks for it, tells how far it is, and obeys its signal", async () => {
    const path = fresh()
    write(path, directory({ a: file("1"), b: file("2".repeat(3 << 20)), c: link("x") }))
    let waiting = 0
    class Slow extends Transcript {
      override contents(bytes: Uint8Array): void | Promise<void> {
        assert.equal(waiting++, 0)
        void super.contents(bytes)
        return new Promise((resolve) => {
          setImmediate(() => {
            waiting--
            resolve()
          })
        })
      }
    }
    const seen: TreeProgress[] = []
    await readTree(path, new Slow(), { onProgress: (progress) => void seen.push({ ...progress }) })
    assert.deepEqual(seen.at(-1), { files: 3, directories: 1, bytes: (3 << 20) + 1 })

    const controller = new AbortController()
    const stop = new Error("stop")
    class Stopping extends Transcript {
      override contents(): void {
        controller.abort(stop)
      }
    }
    await assert.rejects(readTree(path, new Stopping(), { signal: controller.signal }), stop)
    await assert.rejects(readTree(path, new Transcript(), { signal: controller.signal }), stop)
  })
})

describe("WriteTree", () => {
  test("what is there stays as it is", () => {
    const path = fresh()
    for (const there of [file("old"), directory(), link("nowhere")]) {
      write(path, there)
      assert.throws(() => new WriteTree(path), problem({ code: "exists", path }))
      rmSync(path, { recursive: true })
    }
    for (const tree of [file("1"), directory({ a: file("1") }), link("1")]) {
      const writer = new WriteTree(path)
      tell(tree, writer)
      writeFileSync(path, "somebody else's")
      assert.throws(() => writer.finish(), problem({ code: "exists", path }))
      writer.abort()
      assert.equal(lstatSync(path).size, 15)
      unlinkSync(path)
    }
  })

  test("what is given up leaves nothing", () => {
    const parent = fresh()
    mkdirSync(parent)
    const writer = new WriteTree(join(parent, "a/"))
    writer.directory()
    writer.entry("x")
    writer.file(5, false)
    void writer.contents(bytesOf("12"))
    assert.equal(existsSync(join(parent, "a")), false)
    writer.abort()
    assert.deepEqual(readdirSync(parent), [])
    assert.throws(() => write(join(parent, "none", "a"), file()), problem({ code: "system", error: "ENOENT" }))
  })

  test("modes are those of new files", () => {
    const path = fresh()
    const mask = process.umask(0o027)
    try {
      write(path, directory({ a: file("1"), b: file("1", true), c: directory() }))
    } finally {
      process.umask(mask)
    }
    const modes = ["", "a", "b", "c"].map((name) => (lstatSync(join(path, name)).mode & 0o777).toString(8))
    assert.deepEqual(modes, ["750", "640", "750", "750"])
  })

  test("no name leads out of the tree, nor twice to the same place", () => {
    for (const name of ["", ".", "..", "a/b", "../x", "a\0b"]) {
      const path = fresh()
      const writer = new WriteTree(path)
      writer.directory()
      assert.throws(() => writer.entry(name), problem({ code: "name", name }), name)
      writer.abort()
    }
    const path = fresh()
    const writer = new WriteTree(path)
    writer.directory()
    writer.entry("a")
    writer.symlink("/etc")
    writer.entry("a")
    assert.throws(() => writer.directory(), problem({ code: "names-collide", path: join(path, "a") }))
    writer.entry("a")
    assert.throws(() => writer.file(0, false), problem({ code: "names-collide", path: join(path, "a") }))
    writer.abort()
  })
})
