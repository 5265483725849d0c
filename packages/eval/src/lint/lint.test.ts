import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { describe, test } from "node:test"
import { SourceFile } from "@tvix-ts/syntax"
import { applyFixes } from "./finding.ts"
import { lint } from "./lint.ts"
import { rulesPage } from "./page.ts"
import { isPedantic, LINT_CODES, RULES, type Rule } from "./rules.ts"

function codes(text: string, pedantic = false): string[] {
  return lint(new SourceFile("test.nix", text), { pedantic }).map(({ code }) => code)
}
/** The text when nothing is left to fix. */
function fixed(text: string, pedantic: boolean): string {
  for (let pass = 0; pass < 10; pass++) {
    const result = applyFixes(text, lint(new SourceFile("test.nix", text), { pedantic }))
    if (result.count === 0) return text
    text = result.text
  }
  return assert.fail("the fixes go round in circles")
}

describe("the examples of the table", () => {
  for (const code of LINT_CODES) {
    test(code, () => {
      const { bad, good, fixable }: Rule = RULES[code]
      const pedantic = isPedantic(code)
      assert.ok(codes(bad, pedantic).includes(code), `not found in ${bad}`)
      assert.deepEqual(codes(good, pedantic), [])
      if (pedantic) assert.deepEqual(codes(bad), [])
      if (fixable === true) assert.equal(fixed(bad, pedantic), good)
      else
        assert.equal(
          lint(new SourceFile("", bad), { pedantic }).find((finding) => finding.code === code)?.fix,
          undefined,
        )
    })
  }
})

/** Nothing to complain about in any of these. */
const CLEAN: readonly (readonly [why: string, source: string])[] = [
  ["a variable used in a nested function", "let a = 1; in x: x + a"],
  ["variables that use each other", "let a = x: b x; b = x: a x; in a"],
  ["a variable used by a name that is computed", '{ x }: { ${x} = 1; "a${x}" = 2; }'],
  ["a variable used in a default", "{ a, b ? a }: b"],
  ["formals that only say what is in the set", "args@{ a, b, ... }: args"],
  ["names that begin with an underscore", "_: _x: { _y }: let _z = 1; in 1"],
  ["a `with` that may provide", "x: with x; [ y ]"],
  ["the outer of two `with`s", "x: y: with x; with y; z"],
  ["inherit out of a `with`, to be found before the next", "x: y: with x; let inherit z; in with y; [ z a ]"],
  ["rec with a reference out of a dynamic name", "rec { a = 1; ${a} = 2; }"],
  ["rec with a reference out of an inherit's source", "rec { a = { b = 1; }; inherit (a) b; }"],
  ["parentheses that are needed", "f: a: [ (f a) (-1) (a + 1) (x: x) ] ++ (f (x: x) (a.b or { }).c)"],
  ["parentheses around a path before a slash", "a: (./x) + a"],
  ["parentheses in a comment before a name", "a: # (\n a # )\n"],
  ["parentheses that belong to inherit", "a: { inherit (a) x; }"],
  ["parentheses around a set that is looked into", "({ a = 1; }).a"],
  ["comparison with what may be null", "x: x.a or null == true"],
  ["a comparison with a Boolean and other things", 'x: if x == true then 1 else if x == "a" then 2 else 3'],
  ["a comparison of what is asked for its type", "x: builtins.isInt x || x == true"],
  ["the root of the file system", "x: x == /."],
  ["true that is not the builtin", "{ yes }: let id = true_: true_ && yes; in id"],
  ["builtins given names by inherit", "let inherit (builtins) map; in map"],
  ["attributes of a rec set with names of builtins", "rec { map = 1; a = map; }"],
  ["paths that begin with a dot", "[ ./a ../b ./. ]"],
  ["a set made of parts", "let a.b = 1; a.c = 2; in a"],
]
describe("nothing to report", () => {
  for (const [why, source] of CLEAN) test(why, () => assert.deepEqual(codes(source), []))
})

const FOUND: readonly (readonly [source: string, ...codes: string[]])[] = [
  ["let a = b; b = a; in 1", "unused-let", "unused-let"],
  ["let f = n: f (n - 1); in 1", "unused-let"],
  ["x: let inherit (x) a b; in a", "unused-let"],
  ["((1))", "useless-parentheses", "useless-parentheses"],
  ["f: f ((1 + 2))", "useless-parentheses"],
  ["x: { inherit ((x)) a; }", "useless-parentheses"],
  ["f: f (f)", "useless-parentheses"],
  ["x: if !(x) then (1) else [ (x) ]", "useless-parentheses", "useless-parentheses", "useless-parentheses"],
  ["with { }; 1", "useless-with"],
  ["nope", "undefined-variable"],
  ["{ a = ; b = 1 2 3; c = }", "syntax", "syntax"],
  ["x: x == true", "bool-comparison"],
  ["x: (x == false)", "useless-parentheses", "bool-comparison"],
]
describe("found", () => {
  for (const [source, ...expected] of FOUND) test(source, () => assert.deepEqual(codes(source), expected))
})

describe("fixes", () => {
  const cases: readonly (readonly [before: string, after: string])[] = [
    ["let a = 1; in 2", "2"],
    ["let a = b; b = 1; in 2", "2"],
    ["{ a, ... }@args: a", "{ a, ... }: a"],
    ["x: let inherit (x) a b; in a", "x: let inherit (x) a; in a"],
    ["let f = 1; in [(f)(f)]", "let f = 1; in [f f]"],
    ["x: y: (x<y) == false", "x: y: !(x<y)"],
    ["x: x ? a == false", "x: !x ? a"],
    ["x: y: !(x == y) // { }", "x: y: x != y"],
    ["((((1))))", "1"],
    ["x: if /* why */ true then x else 1", "x: if /* why */ true then x else 1"],
    ["let\n  # about a\n  a = 1;\n  b = 2;\nin\nb", "let\n  # about a\n  b = 2;\nin\nb"],
    ["x: if x ? a then false else true", "x: !x ? a"],
  ]
  for (const [before, after] of cases) test(before, () => assert.equal(fixed(before, false), after))
})

describe("comments that allow", () => {
  const cases: readonly (readonly [source: string, ...left: string[]])[] = [
    ["[ /a ] # tvix-lint: allow absolute-path"],
    ["[\n  # tvix-lint: allow absolute-path\n  /a\n  /b\n]", "absolute-path"],
    ["# tvix-lint: allow-file absolute-path, short-path\n[ /a a/b ]"],
    ["[ /a ] # tvix-lint: allow short-path", "absolute-path"],
    ["nope # tvix-lint: allow undefined-variable", "undefined-variable"],
  ]
  for (const [source, ...left] of cases) test(source, () => assert.deepEqual(codes(source), left))
})

test("nesting is no matter of the JavaScript stack", () => {
  const deep = 20_000
  assert.equal(fixed(`${"(".repeat(deep)}1${")".repeat(deep)}`, false), "1")
  assert.deepEqual(codes(`${"[ ".repeat(deep)}1${" ]".repeat(deep)}`), [])
})

test("the documentation page says what the table says, and its examples hold", () => {
  const page = readFileSync(new URL("../../../../docs/guides/lint.md", import.meta.url), "utf8")
  assert.equal(page.slice(page.indexOf("-->\n") + "-->\n\n".length), rulesPage(), "npm run lint-page")
  const [finding] = lint(new SourceFile("x.nix", "let a = 1; in 2"))
  assert.deepEqual(finding, {
    code: "unused-let",
    from: 4,
    to: 5,
    message: "'a' is never used",
    fix: [{ from: 4, to: 11, text: "" }],
  })
})
