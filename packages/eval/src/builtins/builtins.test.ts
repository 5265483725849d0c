import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { SourceFile } from "@tvix-ts/syntax"
import { Evaluation } from "../evaluation.ts"
import { Failure } from "../problem.ts"
import { printed } from "../testing.ts"
import { BUILTINS, makeGlobals } from "./globals.ts"
import vectors from "./vectors.json" with { type: "json" }

const { source: _, ...groups } = vectors
for (const [group, cases] of Object.entries(groups)) {
  test(`${group}: as C++ Nix`, () => {
    for (const [expression, result] of cases as [string, string][])
      assert.equal(printed(expression), result, expression)
  })
}

test("a limit on steps ends a regular expression that would take ages", () => {
  const evaluation = new Evaluation({ limits: { steps: 1_000_000 } }, makeGlobals)
  const source = new SourceFile("x", `builtins.match "(a*)*b" "${"a".repeat(40)}"`)
  assert.throws(
    () => evaluation.runSync(evaluation.load(source, "/")),
    (error) => error instanceof Failure && error.problem.code === "limit",
  )
})

test("every builtin is documented", () => {
  for (const { name, doc } of BUILTINS) assert.match(doc, /^.{12,}[.:]/s, name)
})

describe("depth is no matter of the JavaScript stack", () => {
  const nested = (step: string, innermost: string): string =>
    `builtins.foldl' (x: _: ${step}) ${innermost} (builtins.genList (x: x) 100000)`
  const recursive = (step: string, innermost: string): string =>
    `let f = n: if n == 0 then ${innermost} else let x = f (n - 1); in ${step}; in f 50000`
  const cases: [expression: string, result: string][] = [
    [`builtins.stringLength (builtins.toJSON (${nested("[ x ]", "1")}))`, "200001"],
    [`builtins.stringLength (builtins.toJSON (${nested("{ a = x; }", "1")}))`, "600001"],
    [`toString (${nested("[ x ]", "1")})`, '"1"'],
    [`builtins.toJSON (${recursive("{ outPath = x; }", "1")})`, '"1"'],
    [`toString (${recursive("{ outPath = x; }", '"a"')})`, '"a"'],
    [`toString (${recursive("{ __toString = _: x; }", '"a"')})`, '"a"'],
    [recursive("builtins.substring 0 1 x", '"a"'), '"a"'],
    [recursive("builtins.stringLength (builtins.substring 0 x s)", "1").replace("let f", 'let s = "abc"; f'), "1"],
    [recursive('builtins.concatStringsSep "" [ x ]', '"a"'), '"a"'],
    [recursive('builtins.replaceStrings [ "a" ] [ x ] "a"', '"a"'), '"a"'],
    [recursive('builtins.replaceStrings [ x ] [ "a" ] "a"', '"a"'), '"a"'],
    [recursive('builtins.head (builtins.match "(.*)" x)', '"a"'), '"a"'],
    [`builtins.stringLength (${nested("builtins.fromJSON (builtins.toJSON x)", '"a"')})`, "1"],
  ]
  for (const [expression, result] of cases) test(expression, () => assert.equal(printed(expression), result))
})

describe("values that contain themselves", () => {
  const endless = "error: stack overflow; max-call-depth exceeded"
  for (const expression of [
    "let a = [ a ]; in toString a",
    "let a = { outPath = a; }; in toString a",
    "let a = [ a ]; in builtins.toJSON a",
    "let a = { outPath = a; }; in builtins.toJSON a",
  ]) {
    test(expression, () => assert.ok(printed(expression).endsWith(endless)))
  }
})
