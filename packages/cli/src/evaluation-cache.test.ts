import assert from "node:assert/strict"
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, test } from "node:test"
import { noIo, type WorldRecord } from "@tvix-ts/eval"
import { EvaluationCache } from "./evaluation-cache.ts"

const WORLD: WorldRecord = { contents: [], types: [], executables: [], realPaths: [], links: [], env: [["X", ""]] }
const OUTPUT = '\xe9"\\\n\u0000 of any bytes\xff\n'

describe("what was printed", () => {
  let directory: string
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "tvix-evaluations-"))
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  const cacheFor = (question: string, worthwhile = 0): EvaluationCache =>
    new EvaluationCache(join(directory, "in"), question, worthwhile)
  const entryPath = (): string => join(directory, "in", readdirSync(join(directory, "in"))[0]!)

  test("is found again, by the same question in the same world", () => {
    assert.equal(cacheFor("a").find(noIo), undefined)
    cacheFor("a").save(WORLD, OUTPUT, ["/nix/store/x"])
    const found = cacheFor("a").find(noIo)
    assert.equal(found?.output, OUTPUT)
    assert.deepEqual(found?.written, ["/nix/store/x"])
    assert.equal(cacheFor("b").find(noIo), undefined)
    assert.equal(cacheFor("a").find({ ...noIo, getEnv: () => "y" }), undefined)
    if (process.platform !== "win32") assert.equal(statSync(entryPath()).mode & 0o777, 0o600)
  })

  test("is not kept if the world cannot be relied upon, or nothing is gained", () => {
    cacheFor("a").save(undefined, OUTPUT)
    cacheFor("a", 1e9).save(WORLD, OUTPUT)
    assert.equal(cacheFor("a").find(noIo), undefined)
  })

  test("is not believed once a bit of it has changed, or others may have written it", () => {
    cacheFor("a").save(WORLD, OUTPUT)
    const path = entryPath()
    const good = readFileSync(path)
    for (let at = 0; at < good.length; at++) {
      const bad = Buffer.from(good)
      bad[at]! ^= 1 << (at % 8)
      writeFileSync(path, bad)
      assert.equal(cacheFor("a").find(noIo), undefined, `byte ${at}`)
      writeFileSync(path, good.subarray(0, at))
      assert.equal(cacheFor("a").find(noIo), undefined, `${at} bytes`)
    }
    writeFileSync(path, good)
    assert.equal(cacheFor("a").find(noIo)?.output, OUTPUT)
    if (process.platform === "win32") return
    chmodSync(path, 0o622)
    assert.equal(cacheFor("a").find(noIo), undefined)
  })

  test("does without a folder that cannot be made", () => {
    writeFileSync(join(directory, "in"), "")
    cacheFor("a").save(WORLD, OUTPUT)
    assert.equal(cacheFor("a").find(noIo), undefined)
  })
})
