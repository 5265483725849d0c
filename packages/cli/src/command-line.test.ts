import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { describe, test } from "node:test"
import { fileURLToPath } from "node:url"
import fc from "fast-check"
import { exactWords, wordBytes, wordPath } from "./command-line.ts"

const latin1 = (text: string): Uint8Array => Buffer.from(text, "latin1")
const decoded = (bytes: string): string => latin1(bytes).toString()

test("what is text stays as it is, and nobody asks the system", () => {
  const words = ["a", "\u00e9", "\ud83c\udf31"]
  const exact = exactWords(words, () => assert.fail())
  assert.deepEqual(exact, words)
  assert.deepEqual(exact.map(wordPath), words)
  assert.equal(wordBytes("\u00e9"), "\xc3\xa9")
})

test("every word has its bytes", () => {
  const word = fc
    .uint8Array({ maxLength: 8 })
    .map((bytes) => Buffer.from(bytes).toString("latin1").replaceAll("\0", ""))
  fc.assert(
    fc.property(fc.array(word, { minLength: 1 }), (words) => {
      const exact = exactWords(words.map(decoded), () => latin1(["node", "main.js", ...words, ""].join("\0")))
      assert.deepEqual(exact.map(wordBytes), words)
    }),
  )
})

test("without a word from the system, the replacement character it is", () => {
  assert.deepEqual(
    exactWords(["\ufffd"], () => new Uint8Array()),
    ["\ufffd"],
  )
})

describe("names that are no text", { skip: !existsSync("/proc/self/cmdline") }, () => {
  const BIN = fileURLToPath(new URL("../../../bin", import.meta.url))
  // Only a shell hands such words on as they are: `$odd` is a folder with a program that reads what is beside it.
  const COMMANDS: readonly (readonly [script: string, out: string])[] = [
    [`tvix eval "$odd"`, '"beside"'],
    [`tvix eval "$odd/default.nix"`, '"beside"'],
    [`tvix eval --pure "$odd"`, '"beside"'],
    [`tvix eval -I "x=$odd" '<x>'`, '"beside"'],
    [`nix-instantiate --find-file -I "x=$odd" x`, "@/odd\xff"],
    [`cd "$odd"; tvix eval -E ./.`, "@/odd\xff"],
    [`cd "$odd"; nix-instantiate --eval`, '"beside"'],
    [`tvix eval --raw -E "''$odd''"`, "odd\xff"],
    [`tvix eval -E '{ a, b }: [ a b ]' --strict --argstr a "$odd" --arg b "''$odd''"`, '[ "odd\xff" "odd\xff" ]'],
    [`tvix eval -E "{ $quoted = 1; }" -A "$odd"`, "1"],
    [
      `tvix eval-jobs --dry-run --workers 1 "$odd" --select "x: throw ''$odd''" 2>&1 | tail -n 1`,
      "       error: odd\xff",
    ],
  ]
  for (const [script, out] of COMMANDS) {
    test(script, (t) => {
      const folder = mkdtempSync(join(tmpdir(), "words-"))
      t.after(() => rmSync(folder, { recursive: true }))
      const odd = Buffer.from(`${folder}/odd\xff`, "latin1")
      mkdirSync(odd)
      writeFileSync(Buffer.concat([odd, Buffer.from("/file")]), "beside")
      writeFileSync(Buffer.concat([odd, Buffer.from("/default.nix")]), "builtins.readFile ./file")
      const prelude = `odd="$(printf 'odd\\377')"; quoted="\\"$odd\\""; PATH="$BIN:$PATH"; `
      const { stdout, stderr } = spawnSync("sh", ["-c", prelude + script], {
        cwd: folder,
        encoding: "latin1",
        env: { PATH: process.env["PATH"], BIN, HOME: folder, TVIX_NO_CACHE: "1" },
      })
      assert.deepEqual({ out: stdout.replace(folder, "@").trimEnd(), stderr }, { out, stderr: "" })
    })
  }
})
