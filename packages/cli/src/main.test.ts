import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import process from "node:process"
import { test } from "node:test"
import { fileURLToPath } from "node:url"

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

const BIN = fileURLToPath(new URL("../../../bin", import.meta.url))
const PLANT = 'derivation { name = "x"; system = "s"; builder = "b"; }'
const WITHOUT_ROOM: readonly (readonly [command: string, said: string])[] = [
  ["tvix help", "error"],
  ["tvix eval -E 1", "error[io]"],
  [`tvix instantiate --dry-run -E '${PLANT}'`, "error[io]"],
  [`tvix eval-jobs --dry-run --workers 1 -E '{ a = ${PLANT}; }'`, "error"],
  [`tvix eval-jobs --store memory: --ordered --workers 1 -E '{ a = ${PLANT}; }'`, "error"],
  ["nix-instantiate --eval -E 1", "error"],
  [`nix-instantiate --dry-run --no-gc-warning -E '${PLANT}'`, "error"],
]

for (const [command, label] of WITHOUT_ROOM) {
  test(`no room for the output: ${command}`, { skip: !existsSync("/dev/full") }, () => {
    const { status, stderr } = spawnSync("sh", ["-c", `"$BIN"/${command} > /dev/full`], {
      encoding: "utf8",
      env: { PATH: process.env["PATH"], BIN, HOME: "/nowhere", TVIX_NO_CACHE: "1" },
    })
    assert.deepEqual({ status, stderr }, { status: 1, stderr: `${label}: cannot write: no space left on device\n` })
  })
}
