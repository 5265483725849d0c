import assert from "node:assert/strict"
import { test } from "node:test"
import { makeGlobals } from "./builtins/globals.ts"
import { Evaluation } from "./evaluation.ts"
import { AccessError, IoError, type EvalIO, type FileType } from "./io.ts"
import { SourceFile } from "@tvix-ts/syntax"
import { isSameWorld, WorldRecorder, type WorldRecord } from "./world-record.ts"

interface File {
  readonly type: FileType
  readonly contents: string
  /** Milliseconds. */
  readonly modified: number
}
const NOW = 1_000_000

/** A world in which everything can be changed. */
class World {
  readonly files = new Map<string, File>()
  readonly env = new Map<string, string>()
  readonly io: EvalIO = {
    readFile: (path) => this.#file(path).contents,
    openFile: (path) => ({ size: this.#file(path).contents.length, executable: false, pieces: [] }),
    readDir: (path) => this.#file(path) && this.#entries(path),
    fileType: (path) => (path.startsWith("/secret") ? forbid(path) : this.files.get(path)?.type),
    realPath: (path) => path,
    readLink: (path) => this.#file(path).contents,
    isExecutable: (path) => this.#file(path).contents.startsWith("#!"),
    stamp: (path) => {
      const file = this.files.get(path)
      if (file === undefined) return undefined
      return {
        device: 1,
        inode: path.length,
        size: file.contents.length,
        modified: file.modified,
        changed: file.modified,
      }
    },
    getEnv: (name) => this.env.get(name) ?? "",
    currentTime: () => 7,
  }

  put(path: string, contents: string, type: FileType = "regular", modified = 1000): void {
    this.files.set(path, { type, contents, modified })
  }
  #entries(path: string): [string, FileType][] {
    return [...this.files]
      .filter(([name]) => name.startsWith(`${path}/`))
      .map(([name, { type }]) => [name.slice(path.length + 1), type])
  }
  #file(path: string): File {
    return this.files.get(path) ?? raise(new IoError(`path '${path}' does not exist`))
  }
}
function raise(error: Error): never {
  throw error
}
function forbid(path: string): never {
  throw new AccessError(`${path} is forbidden`)
}

function example(): World {
  const world = new World()
  world.put("/a.nix", "1 + 2")
  world.put("/folder", "", "directory")
  world.put("/folder/b", "x")
  world.put("/link", "/a.nix", "symlink")
  world.env.set("NAME", "value")
  return world
}

function record(world: World, program: string): WorldRecord | undefined {
  const recorder = new WorldRecorder(world.io, NOW)
  const evaluation = new Evaluation({ io: recorder.io }, makeGlobals)
  evaluation.runSync(evaluation.load(new SourceFile("x", `builtins.deepSeq (${program}) null`), "/"))
  const found = recorder.finish()
  // It is kept as JSON.
  return found && (JSON.parse(JSON.stringify(found)) as WorldRecord)
}

const CHANGES: readonly (readonly [program: string, change: (world: World) => void])[] = [
  ["import /a.nix", (world) => world.put("/a.nix", "1 + 2", "regular", 2000)],
  ["import /a.nix", (world) => world.put("/a.nix", "1 + 20")],
  ["import /a.nix", (world) => world.files.delete("/a.nix")],
  ["import /link", (world) => world.put("/link", "/folder/b", "symlink")],
  ["builtins.readFile /folder/b", (world) => world.put("/folder/b", "y", "regular", 2000)],
  ["builtins.readDir /folder", (world) => world.put("/folder", "", "directory", 2000)],
  ["builtins.pathExists /folder/c", (world) => world.put("/folder/c", "")],
  ["builtins.readFileType /folder/b", (world) => world.put("/folder/b", "", "directory")],
  ['builtins.getEnv "NAME"', (world) => world.env.set("NAME", "other")],
  ['builtins.getEnv "MISSING"', (world) => world.env.set("MISSING", "there")],
]
for (const [program, change] of CHANGES) {
  test(`a change is noticed: ${program}, ${change.toString().slice(11)}`, () => {
    const world = example()
    const found = record(world, program)
    assert.ok(found !== undefined)
    assert.equal(isSameWorld(found, world.io), true)
    change(world)
    assert.equal(isSameWorld(found, world.io), false)
  })
}

test("a file that is read in pieces has been seen", () => {
  const world = example()
  const recorder = new WorldRecorder(world.io, NOW)
  void recorder.io.openFile!("/folder/b")
  assert.deepEqual(
    recorder.finish()?.contents.map(([path]) => path),
    ["/folder/b"],
  )
})

test("what the stamp of a file tells is not asked again", () => {
  const world = example()
  const recorder = new WorldRecorder(world.io, NOW)
  for (const path of ["/a.nix", "/folder/b"]) {
    void recorder.io.fileType(path)
    void recorder.io.isExecutable!(path)
  }
  void recorder.io.readFile("/a.nix")
  const found = recorder.finish()!
  assert.deepEqual(
    found.contents.map(([path]) => path),
    ["/a.nix"],
  )
  assert.deepEqual(found.types, [["/folder/b", "regular"]])
  assert.deepEqual(found.executables, [["/folder/b", false]])
})

test("a stamp that was told before the contents were read is not asked for again, and stays what it was", () => {
  const world = example()
  let asked = 0
  const stamp = (path: string) => (asked++, world.io.stamp!(path))
  const recorder = new WorldRecorder({ ...world.io, stamp }, NOW)
  recorder.io.stamp!("/a.nix")
  recorder.io.stamp!("/folder/b")
  world.put("/folder/b", "y", "regular", 2000)
  for (const path of ["/a.nix", "/folder/b"]) void recorder.io.readFile(path)
  const found = recorder.finish()!
  assert.equal(asked, 2)
  assert.equal(isSameWorld(found, world.io), false)
  world.put("/folder/b", "x")
  assert.equal(isSameWorld(found, world.io), true)
})

test("nor is that of a file that was opened", () => {
  const world = example()
  const opened = { size: 1, executable: false, pieces: [], stamp: world.io.stamp!("/folder/b")! }
  const recorder = new WorldRecorder({ ...world.io, openFile: () => opened }, NOW)
  void recorder.io.openFile!("/folder/b")
  world.put("/folder/b", "y", "regular", 2000)
  assert.deepEqual(recorder.finish()?.contents, [["/folder/b", opened.stamp]])
})

test("what the program has not seen may change", () => {
  const world = example()
  const found = record(world, "import /a.nix")!
  world.put("/folder/b", "y", "regular", 2000)
  world.env.set("NAME", "other")
  assert.equal(isSameWorld(found, world.io), true)
})

test("the clock, a file that was changed a moment ago, and answers that do not come at once cannot be relied upon", () => {
  const world = example()
  assert.equal(record(world, "builtins.currentTime"), undefined)
  assert.equal(record(world, "(builtins.tryEval (builtins.pathExists /secret/x)).value") === undefined, false)
  world.put("/a.nix", "3", "regular", NOW - 100)
  assert.equal(record(world, "import /a.nix"), undefined)
  const recorder = new WorldRecorder({ ...world.io, fileType: async () => undefined }, NOW)
  void recorder.io.fileType("/a.nix")
  assert.equal(recorder.finish(), undefined)
})

test("a failure other than being out of bounds may not come again", () => {
  const recorder = new WorldRecorder(example().io, NOW)
  assert.throws(() => recorder.io.fileType("/secret"), AccessError)
  assert.ok(recorder.finish() !== undefined)
  assert.throws(() => recorder.io.readFile("/missing"), IoError)
  assert.equal(recorder.finish(), undefined)
})
