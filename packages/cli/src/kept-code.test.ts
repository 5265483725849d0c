/** What scripts/bundle-loader.cjs keeps of V8's code: that of the functions which programs have called, whichever came first. */
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync, statSync, truncateSync, utimesSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, beforeEach, test } from "node:test"
import { copyBundle } from "./testing/ways.ts"

/** More than 100 ms each, of different builtins. */
const SUM = "builtins.foldl' builtins.add 0 (builtins.genList (n: n) 5000000)"
const TEXT = `
  let digests = builtins.genList (n: builtins.hashString "sha256" (toString n)) 150000;
  in builtins.stringLength (builtins.toJSON (builtins.sort builtins.lessThan digests))`

let folder = ""
const bundle = (): string => join(folder, "tvix")
before(() => (folder = mkdtempSync(join(tmpdir(), "kept-code-"))))
after(() => rmSync(folder, { recursive: true }))
beforeEach(() => {
  rmSync(bundle(), { recursive: true, force: true })
  copyBundle(bundle())
})

function run(expression: string): string {
  const env = { PATH: process.env["PATH"], HOME: folder, TVIX_WARM: "0" }
  const words = [join(bundle(), "main.cjs"), "eval", "--no-cache", "-E", expression]
  const { stdout, stderr } = spawnSync(process.execPath, words, { env, encoding: "utf8" })
  assert.equal(stderr, "")
  return stdout
}

/** The one of the evaluator. */
function kept(): { readonly path: string; readonly size: number; readonly writtenMs: number } {
  const [path, ...others] = readdirSync(bundle())
    .filter((name) => /^evaluator-.*\.code$/.test(name))
    .map((name) => join(bundle(), name))
  assert.deepEqual(others, [])
  const { size, mtimeMs } = statSync(path!)
  return { path: path!, size, writtenMs: mtimeMs }
}
/** As if it had been written a minute ago. */
function age(path: string): void {
  const then = Date.now() / 1000 - 60
  utimesSync(path, then, then)
}

test("what another program calls is added, now and then", () => {
  run(SUM)
  const first = kept()
  run(TEXT)
  assert.deepEqual(kept(), first)
  age(first.path)
  run(TEXT)
  const second = kept()
  assert.ok(second.size > first.size, `${second.size} bytes, after ${first.size}`)
})

test("who has nothing new is not asked again at once", () => {
  run(TEXT)
  const first = kept()
  age(first.path)
  run(TEXT)
  const asked = kept()
  assert.ok(asked.writtenMs > Date.now() - 30_000 && asked.size < 1.01 * first.size)
  run(TEXT)
  assert.deepEqual(kept(), asked)
})

test("what is damaged is made anew", () => {
  run(SUM)
  const { path, size } = kept()
  truncateSync(path, size / 2)
  assert.equal(run(SUM), "12499997500000\n")
  assert.ok(kept().size > size / 2)
})
