import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { check } from "./check.ts"
import { fuzz } from "./main.ts"
import { TARGET_NAMES } from "./targets.ts"

const DEEP = 100_000
/** Inputs that were bad for some evaluator once, or are likely to be. */
const BAD: Readonly<Record<string, string>> = {
  nothing: "",
  "a NUL": "\0",
  "a NUL in a string": '"a\0b"',
  "no UTF-8": "\xff\xfe\x80",
  "no UTF-8 in a string": '"\xff\xc3" + 1',
  "no UTF-8 in a name": '{ "\xff" = 1; }."\xfe"',
  "half a string": '"abc',
  "half an interpolation": '"${',
  "half a comment": "/* abc",
  "half a set": "{ a = 1;",
  "a byte order mark": "\xef\xbb\xbf1",
  "a number beyond 64 bits": "9223372036854775808",
  "a number of a million digits": "9".repeat(1_000_000),
  "a float beyond all bounds": "1e999999",
  "an overflow": "9223372036854775807 + 1",
  "a list of more than there is": "builtins.genList (x: x) 9223372036854775807",
  "a list too long for arrays": "builtins.genList (x: x) 4294967296",
  "a string too long for strings": 'let f = s: n: if n == 0 then s else f (s + s) (n - 1); in f "0123456789" 60',
  "negative lengths": 'builtins.substring (-1) 1 "a" + builtins.genList (x: x) (-1)',
  "an endless recursion": "let x = x; in x",
  "an endless call": "let f = x: 1 + f x; in f 1",
  "an endless list": "let f = n: [ (f (n + 1)) ]; in f 0",
  "parentheses, 100,000 deep": "(".repeat(DEEP) + "1" + ")".repeat(DEEP),
  "parentheses that never close": "(".repeat(DEEP),
  "lists, 100,000 deep": "[ ".repeat(DEEP) + "]".repeat(DEEP),
  "sets, 100,000 deep": "{ a = ".repeat(DEEP) + "1" + "; }".repeat(DEEP),
  "strings in strings, 10,000 deep": '"${'.repeat(10_000) + '"a"' + '}"'.repeat(10_000),
  "functions, 100,000 deep": "x: ".repeat(DEEP) + "x",
  "operators, 100,000 in a row": "1 + ".repeat(DEEP) + '"a"',
  "a path of a million names": "{ }." + "a.".repeat(DEEP) + "a",
  "an attribute path, 100,000 deep": "{ " + "a.".repeat(DEEP) + "a = 1; }",
  "a regular expression that explodes": 'builtins.match "(a*)*b" "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"',
  "parentheses in a regular expression": `builtins.match "${"(".repeat(20_000)}" "a"`,
  "JSON, 100,000 deep": `builtins.fromJSON "${"[".repeat(DEEP)}${"]".repeat(DEEP)}"`,
  "TOML, deep": `builtins.fromTOML "a = ${"[".repeat(5000)}${"]".repeat(5000)}"`,
}

describe("bad input is a problem in a place, and never a JavaScript error", () => {
  for (const [name, text] of Object.entries(BAD)) test(name, () => assert.equal(check(text), undefined))
})

for (const target of TARGET_NAMES) {
  test(`1,000 mutated ${target}`, async () => assert.deepEqual(await fuzz(target, 2026, 1000), []))
}
