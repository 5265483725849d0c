import assert from "node:assert/strict"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test, type TestContext } from "node:test"
import { makeGlobals } from "./builtins/globals.ts"
import { nixText } from "./diagnostics/nix.ts"
import { deeply } from "./deeply.ts"
import { Evaluation, type EvaluationOptions } from "./evaluation.ts"
import type { EvalIO } from "./io.ts"
import { nodeIo, nodeUnitCache } from "./node/index.ts"
import { printValue } from "./print/value.ts"
import { Failure } from "./problem.ts"
import type { FileStamp } from "./unit-cache.ts"

/** A folder of programs, and what evaluations in it read and compile. */
class World {
  readonly path: string
  /** Names of files that the last evaluation read. */
  read: string[] = []
  /** What the last evaluation said, messages included. */
  said: string[] = []
  /** Milliseconds that files are older than they are. */
  age = 60_000

  constructor(t: TestContext, files: Readonly<Record<string, string>>) {
    this.path = mkdtempSync(join(tmpdir(), "reader-"))
    t.after(() => rmSync(this.path, { recursive: true, force: true }))
    for (const [name, text] of Object.entries(files)) this.write(name, text)
  }

  write(name: string, text: string): void {
    mkdirSync(join(this.path, name, ".."), { recursive: true })
    writeFileSync(join(this.path, name), text)
  }

  run(name: string, options: EvaluationOptions = {}, onRead?: (name: string) => void): string {
    this.read = []
    this.said = []
    const unitCache = nodeUnitCache({ directory: join(this.path, "cache") })
    const base = options.io ?? nodeIo()
    const io: EvalIO = {
      ...base,
      readFile: (path) => {
        this.read.push(path.slice(this.path.length + 1))
        const text = base.readFile(path)
        onRead?.(path.slice(this.path.length + 1))
        return text
      },
      stamp: (path) => {
        const stamp = base.stamp?.(path)
        return stamp && older(stamp, this.age)
      },
    }
    const onMessage = (kind: string, message: string): void => void this.said.push(`${kind}: ${message}`)
    const evaluation = new Evaluation({ onMessage, unitCache, ...options, io }, makeGlobals)
    try {
      const file = evaluation.runSync(evaluation.importFile(join(this.path, name)))
      this.said.push(printValue(evaluation.runSync(deeply(file))))
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      this.said.push(nixText(error, { positions: evaluation.positions, showTrace: true }))
    }
    unitCache.flush()
    return this.said.join("\n").replaceAll(this.path, "")
  }
}
function older(stamp: FileStamp, ms: number): FileStamp {
  return { ...stamp, modified: stamp.modified - ms, changed: stamp.changed - ms }
}

test("a file that has not changed is neither compiled nor read again", (t) => {
  const world = new World(t, { "a.nix": "import ./b.nix + 1", "b.nix": "1" })
  assert.equal(world.run("a.nix"), "2")
  assert.deepEqual(world.read, ["a.nix", "b.nix"])
  assert.equal(world.run("a.nix"), "2")
  assert.deepEqual(world.read, [])
})

test("a file that has changed is read, whatever its length and its date", (t) => {
  const world = new World(t, { "a.nix": "1" })
  assert.equal(world.run("a.nix"), "1")
  const { atime, mtime } = statSync(join(world.path, "a.nix"))
  world.write("a.nix", "2")
  utimesSync(join(world.path, "a.nix"), atime, mtime)
  assert.equal(world.run("a.nix"), "2")
})

test("a file that was written just now is read again, since the next change may bear the same date", (t) => {
  const world = new World(t, { "a.nix": "1" })
  world.age = 0
  world.run("a.nix")
  world.run("a.nix")
  assert.deepEqual(world.read, ["a.nix"])
  world.age = 60_000
  world.run("a.nix")
  world.run("a.nix")
  assert.deepEqual(world.read, [])
})

test("a file that changes while it is read is read again", (t) => {
  const world = new World(t, { "a.nix": "1" })
  assert.equal(
    world.run("a.nix", {}, (name) => world.write(name, "22")),
    "1",
  )
  assert.equal(world.run("a.nix"), "22")
})

test("paths are those of the file that has them, wherever the same text stands", (t) => {
  const text = '[ ./x ../y ~/z /w ./v/${"u"} ]'
  const world = new World(t, { "a/f.nix": text, "b/c/f.nix": text })
  for (let i = 0; i < 2; i++) {
    assert.equal(world.run("a/f.nix", { home: "/home/me" }), "[ /a/x /y /home/me/z /w /a/v/u ]")
    assert.equal(world.run("b/c/f.nix", { home: "/root" }), "[ /b/c/x /b/y /root/z /w /b/c/v/u ]")
  }
})

test("problems are told with their lines, which are read for it", (t) => {
  const world = new World(t, {
    "a.nix": "let\n  f = { x }:\n    assert x == 2; x;\nin f { x = 1; }",
    "b.nix": "{\n  a = b;\n}",
  })
  for (const name of ["a.nix", "b.nix"]) {
    const cold = world.run(name, {})
    assert.match(cold, /\n +[23]\| +(?:assert|a = b)/)
    assert.equal(world.run(name), cold)
    // What has an undefined variable was not compiled, either.
    assert.deepEqual(world.read, [name])
  }
})

test("the lines of a file that has changed meanwhile are not shown, and its places stay what they were", (t) => {
  const world = new World(t, {
    "a.nix": "let x = import ./b.nix; in {\n  y = throw x;\n}",
    "b.nix": "1 + 2",
  })
  const cold = world.run("a.nix", {})
  assert.match(cold, /a\.nix:2:7:\n/)
  const warm = world.run("a.nix", {
    io: {
      ...nodeIo(),
      readFile(path) {
        return `\n\n${readFileSync(path, "latin1")}`
      },
    },
  })
  assert.equal(warm, cold.replaceAll(/^ +\d*\|.*\n?/gm, "").trimEnd())
})

test("questionable syntax is told every time", (t) => {
  const world = new World(t, { "a.nix": "let f = x: x; or = 1; in [ (f f or) ]" })
  const cold = world.run("a.nix")
  assert.match(cold, /notice/)
  assert.equal(world.run("a.nix"), cold)
})

test("what a text means depends on settings and globals, and is kept by them", (t) => {
  const world = new World(t, {
    "a.nix": "1 |> (x: x + 1)",
    "b.nix": "import ./c.nix",
    "c.nix": "scopedImport { map = 1; } ./d.nix",
    "d.nix": "map",
  })
  for (let i = 0; i < 2; i++) {
    assert.equal(world.run("a.nix", { pipeOperators: true }), "2")
    assert.match(world.run("a.nix"), /pipe-operators/)
    assert.equal(world.run("b.nix"), "1")
    assert.equal(world.run("d.nix"), "<PRIMOP>")
  }
})

test("who watches sees everything compiled", (t) => {
  const world = new World(t, { "a.nix": "1" })
  world.run("a.nix")
  let compiled = 0
  world.run("a.nix", { compilerObserver: { compiled: () => void compiled++ } })
  assert.equal(compiled, 1)
})

test("what must not be read stays so, though its unit is known", (t) => {
  const world = new World(t, { "a.nix": "1" })
  world.run("a.nix")
  const io = nodeIo({ restriction: { allowed: ["/nowhere"], why: "in this test" } })
  assert.match(world.run("a.nix", { io }), /access to absolute path .* is forbidden in this test/)
})
