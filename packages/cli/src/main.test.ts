import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import process from "node:process"
import { test } from "node:test"

const ENDS: readonly (readonly [main: string, status: number, said: RegExp])[] = [
  ["async () => 3", 3, /^$/],
  [
    "async () => { throw new Error('oops') }",
    1,
    /^error: internal error: Error: oops \(set TVIX_DEBUG to see where\)\n$/,
  ],
  ["() => new Promise(() => {})", 1, /^error: internal error: the command waits for what never comes\n$/],
]

for (const [main, status, said] of ENDS) {
  test(`a command ends with ${status}: ${main}`, () => {
    const file = JSON.stringify(new URL("main.ts", import.meta.url).href)
    const program = `import { runMain } from ${file}\nvoid runMain(${main})`
    const flags = ["--conditions=source", "--disable-warning=ExperimentalWarning", "--input-type=module"]
    const { TVIX_DEBUG: _, ...env } = process.env
    const ended = spawnSync(process.execPath, [...flags, "--eval", program], { encoding: "utf8", env })
    assert.equal(ended.status, status)
    assert.match(ended.stderr, said)
  })
}
