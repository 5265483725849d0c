import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { after, test } from "node:test"

const TVIX = new URL("../../../../bin/tvix", import.meta.url).pathname
const dir = mkdtempSync(join(tmpdir(), "tvix-lint-"))
after(() => rmSync(dir, { recursive: true }))
function tvix(...args: string[]): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  return spawnSync(TVIX, args, { cwd: dir, encoding: "utf8", env: { ...process.env, NO_COLOR: "1" } })
}
function write(name: string, text: string): void {
  mkdirSync(join(dir, name, ".."), { recursive: true })
  writeFileSync(join(dir, name), text)
}

test("a code frame for each warning, and a summary", () => {
  write("a/one.nix", "let\n  debug = true;\nin 1\n")
  write("a/two/three.nix", "[ ]\n")
  write("a/.hidden/four.nix", "nope\n")
  const { status, stdout, stderr } = tvix("lint", "a")
  assert.equal(
    stdout,
    `warning[unused-let]: 'debug' is never used
  --> a/one.nix:2:3
   |
 2 |   debug = true;
   |   ^^^^^

`,
  )
  assert.equal(stderr, "2 files: 0 errors, 1 warning\n")
  assert.equal(status, 0)
})

test("exit codes", () => {
  write("warns.nix", "x: (x)\n")
  write("fails.nix", "{ a = ; }\n")
  const cases: readonly (readonly [args: readonly string[], status: number])[] = [
    [["warns.nix"], 0],
    [["--deny", "warnings", "warns.nix"], 1],
    [["--deny", "useless-parentheses", "warns.nix"], 1],
    [["--deny", "unused-let", "warns.nix"], 0],
    [["--deny", "warnings", "--allow", "useless-parentheses", "warns.nix"], 0],
    [["fails.nix"], 1],
    [["gone.nix"], 1],
    [[], 2],
    [["--deny", "nonsense", "warns.nix"], 2],
  ]
  for (const [args, status] of cases) assert.equal(tvix("lint", ...args).status, status, args.join(" "))
})

test("--json tells lines, columns and fixes", () => {
  write("json.nix", "x:\n  (x)\n")
  const [record] = JSON.parse(tvix("lint", "--json", "json.nix").stdout)
  const fix = [
    { from: 5, to: 6, text: "" },
    { from: 7, to: 8, text: "" },
  ]
  const place = { file: "json.nix", from: 5, to: 8, line: 2, column: 3, endLine: 2, endColumn: 6 }
  const said = { code: "useless-parentheses", level: "warning", message: "these parentheses do nothing" }
  assert.deepEqual(record, { ...said, ...place, fix })
})

test("--fix changes the file, bytes that are no text included, until nothing is left to fix", () => {
  writeFileSync(join(dir, "fix.nix"), Buffer.from('let a = 1; b = a; in { x = ("\xff"); }\n', "latin1"))
  assert.equal(tvix("lint", "--fix", "fix.nix").stderr, "1 file: 0 errors, 0 warnings, 4 fixed\n")
  assert.equal(readFileSync(join(dir, "fix.nix"), "latin1"), '{ x = "\xff"; }\n')
})

test("tvix eval shows what it is told to show, on standard error", () => {
  const { stdout, stderr } = tvix("eval", "--display-ast", "--dump-bytecode", "--trace-runtime", "-E", "1 + 2")
  assert.equal(stdout, "3\n")
  assert.match(stderr, /^=== syntax tree of «string»\noperator \+ {2}1:1\n/)
  assert.match(stderr, /\n#0 file @1:1\n {2}add @1:3 @1:1 @1:5\(constant 1, constant 2\)\n/)
  assert.match(stderr, /\n1:3 +add done: 3\n$/)
  const compiled = tvix("eval", "--compile-only", "-E", "throw ''never evaluated''")
  assert.deepEqual([compiled.stdout, compiled.status], ["", 0])
  assert.equal(tvix("eval", "--compile-only", "-E", "nope").status, 1)
})
