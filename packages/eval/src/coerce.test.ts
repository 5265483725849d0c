import assert from "node:assert/strict"
import { test } from "node:test"
import { printed } from "./testing.ts"

/** Calls that the machine has to pause for, since the native stack has no room for them. */
const DEEP = "let deep = n: x: if n == 0 then x else deep (n - 1) x; in "
/** What traces say of those calls. */
const OF_DEEP = /^ +(?:… (?:while calling 'deep'|from call site)\n +at .*|\(\d+ duplicate frames omitted\))\n\n/gm

const cases: [expression: string, result: string][] = [
  ["toString X", '"x"'],
  ['toString [ "a" X ]', '"a x"'],
  ["toString [ X { outPath = X; } X ]", '"x x x"'],
  ["toString [ [ X ] [ ] X ]", '"x x"'],
  ["toString [ { __toString = _: X; } ]", '"x"'],
  ['"${{ outPath = X; }}${X}"', '"xx"'],
  ['"" + { outPath = { outPath = X; }; }', '"x"'],
  ["builtins.concatStringsSep X [ { outPath = X; } X ]", '"xxx"'],
]
for (const [expression, result] of cases) {
  test(expression, () => {
    const shallow = (x: string): string => printed(DEEP + expression.replaceAll("X", `(deep 0 (${x}))`))
    const deep = (x: string): string => printed(DEEP + expression.replaceAll("X", `(deep 3000 (${x}))`))
    assert.equal(shallow('"x"'), result)
    assert.equal(deep('"x"'), result)
    // Whatever fails says the same, paused for or not.
    for (const bad of ['throw "bad"', "x: x", "1 + null"]) {
      const strip = (text: string): string => text.replaceAll(OF_DEEP, "").replaceAll(/:1:\d+/g, "")
      assert.match(shallow(bad), /error: /)
      assert.equal(strip(deep(bad)), strip(shallow(bad)), bad)
    }
  })
}
