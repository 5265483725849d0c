import assert from "node:assert/strict"
import { describe, test } from "node:test"
import fc from "fast-check"
import { memoryIo } from "../memory-io.ts"
import { printed } from "../testing.ts"
import vectors from "./collections.vectors.json" with { type: "json" }
import { MergeSort } from "./merge-sort.ts"

const { source: _, ...groups } = vectors
for (const [group, cases] of Object.entries(groups)) {
  test(`${group}: as C++ Nix`, () => {
    for (const [expression, lazy, strict = lazy] of cases as [string, string, string?][]) {
      assert.equal(printed(expression, { strict: false }), lazy, expression)
      assert.equal(printed(expression), strict, `--strict ${expression}`)
    }
  })
}

function failed(builtin: string, message: string): string {
  return `error:\n       … while calling the '${builtin}' builtin\n         at «string»:1:1:\n\n       error: ${message}`
}
const NOT_FOUND = failed("findFile", "file 'wx' was not found in the Nix search path (add it using $NIX_PATH or -I)")

describe("files", () => {
  const io = memoryIo(
    {
      "/w/pkg/default.nix": "import ./inner.nix",
      "/w/pkg/inner.nix": "[ ./. ./x ]",
      "/w/link": { symlink: "pkg" },
      "/w/l2.nix": { symlink: "pkg/default.nix" },
      "/w/dangling": { symlink: "nowhere" },
      "/w/scoped.nix": "y + 1",
      "/w/set.nix": "{\n  a = 1; }",
      "/w/nul": "a\0b",
      "/w/text": "hello\n",
    },
    { env: { HERE: "there" } },
  )
  const searchPath = [
    { prefix: "w", path: "/w" },
    { prefix: "", path: "/w/pkg" },
  ]
  const cases: [expression: string, result: string][] = [
    ["import /w/pkg", "[ /w/pkg /w/pkg/x ]"],
    ["import /w/link", "[ /w/pkg /w/pkg/x ]"],
    ["import /w/l2.nix", "[ /w/pkg /w/pkg/x ]"],
    ['import "/w/pkg/inner.nix"', "[ /w/pkg /w/pkg/x ]"],
    ['import { outPath = "/w/pkg"; }', "[ /w/pkg /w/pkg/x ]"],
    ["builtins.import /w/set.nix", "{ a = 1; }"],
    ["scopedImport { y = 41; } /w/scoped.nix", "42"],
    ["builtins.tryEval <nope>", "{ success = false; value = false; }"],
    ["<w/scoped.nix>", "/w/scoped.nix"],
    ["<inner.nix>", "/w/pkg/inner.nix"],
    ["<w/../text>", "/w/text"],
    ["<nix/fetchurl.nix>", "<nix/fetchurl.nix>"],
    ["let __nixPath = [ ]; in (builtins.tryEval <w/text>).success", "false"],
    ["let __findFile = _: name: name; in <some/thing>", '"some/thing"'],
    ["builtins.nixPath", '[ { path = "/w"; prefix = "w"; } { path = "/w/pkg"; prefix = ""; } ]'],
    ['builtins.findFile [ { prefix = "w"; path = /w; } ] "wx"', NOT_FOUND],
    ["map builtins.pathExists [ /w/text /w/none /w/dangling ]", "[ true false true ]"],
    ['map builtins.pathExists [ "/w/text/" "/w/pkg/" "/w/link/." ]', "[ false true true ]"],
    ["builtins.readFile /w/text", '"hello\\n"'],
    ["builtins.readDir /w/link", '{ "default.nix" = "regular"; "inner.nix" = "regular"; }'],
    ["map builtins.readFileType [ /w/text /w/pkg /w/link ]", '[ "regular" "directory" "symlink" ]'],
    ['map builtins.getEnv [ "HERE" "NOWHERE" ]', '[ "there" "" ]'],
    ['builtins.unsafeGetAttrPos "a" (import /w/set.nix)', '{ column = 3; file = "/w/set.nix"; line = 2; }'],
    ['builtins.unsafeGetAttrPos "a" { a = 1; }', "null"],
    [
      "builtins.readFile /w/nul",
      failed("readFile", "the contents of the file '/w/nul' cannot be represented as a Nix string"),
    ],
    ["import /w/none", failed("import", "path '/w/none' does not exist")],
    ["import <nix/none>", failed("import", "path '<nix/none>' does not exist")],
    ["builtins.readFileType /w/none", failed("readFileType", "path '/w/none' does not exist")],
  ]
  for (const [expression, result] of cases) {
    test(expression, () => assert.equal(printed(expression, { io, searchPath }), result))
  }
})
describe("what builtins say", () => {
  const cases: [expression: string, messages: readonly string[]][] = [
    ['builtins.trace "hello" 1', ["trace hello"]],
    ["builtins.trace { a = 1; b = [ 1 { } { } ]; c = throw ''x''; } 2", ["trace { a = 1; b = «thunk»; c = «thunk»; }"]],
    [
      "let x = builtins.genList (x: [ x ]) 12; in builtins.deepSeq x (builtins.trace x 2)",
      ["trace [ [ 0 ] [ 1 ] [ 2 ] [ 3 ] [ 4 ] [ 5 ] [ 6 ] [ 7 ] [ 8 ] [ 9 ] [ 10 ] [ 11 ] ]"],
    ],
    ["builtins.traceVerbose 1 2", []],
    ['builtins.warn "careful" 1', ["warning careful"]],
    [
      "builtins.sort (a: b: builtins.trace ''${toString a} ${toString b}'' (a < b)) [ 3 1 2 ]",
      ["trace 1 3", "trace 2 3", "trace 2 1"],
    ],
    [
      "builtins.foldl' (a: b: builtins.trace ''op'' (a + b)) 0 (builtins.genList (x: builtins.trace ''el'' x) 2)",
      ["trace op", "trace el", "trace op", "trace el"],
    ],
  ]
  for (const [expression, messages] of cases) {
    test(expression, () => {
      const said: string[] = []
      printed(expression, {
        onMessage: (kind, message) => said.push(`${kind} ${Buffer.from(message, "latin1").toString()}`),
      })
      assert.deepEqual(said, messages)
    })
  }
})

describe("depth is no matter of the JavaScript stack", () => {
  const cases: [expression: string, result: string][] = [
    ["builtins.deepSeq (builtins.foldl' (x: _: [ x ]) 1 (builtins.genList (x: x) 100000)) 2", "2"],
    ["builtins.deepSeq (let f = n: if n == 0 then 1 else { a = f (n - 1); }; in f 100000) 2", "2"],
    ["let f = n: if n == 0 then 0 else builtins.head (map f [ (n - 1) ]); in f 50000", "0"],
    ["let f = n: if n == 0 then 0 else builtins.foldl' (a: b: b) 0 [ (f (n - 1)) ]; in f 50000", "0"],
    ["let f = n: n == 0 || builtins.any (m: f m) [ (n - 1) ]; in f 50000", "true"],
    ["let f = n: if n == 0 then [ ] else builtins.concatMap (m: f m) [ (n - 1) ]; in f 50000", "[ ]"],
    ["let f = n: if n == 0 then 1 else builtins.seq (f (n - 1)) 2; in f 50000", "2"],
    ["let f = n: if n == 0 then 1 else builtins.addErrorContext ''c'' (f (n - 1)); in f 50000", "1"],
    ["let f = n: if n == 0 then throw ''x'' else builtins.tryEval (f (n - 1)); in (f 50000).success", "true"],
    ["let x = { a = x; b = [ x ]; }; in builtins.deepSeq x 1", "1"],
  ]
  for (const [expression, result] of cases) test(expression, () => assert.equal(printed(expression), result))
})

describe("merge sort", () => {
  const sorted = <T>(items: readonly T[], less: (a: T, b: T) => boolean): T[] => {
    const merge = new MergeSort([...items])
    for (let step = merge.steps.next(false); step.done !== true;) step = merge.steps.next(less(merge.left, merge.right))
    return merge.items
  }
  test("is stable", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { maxLength: 200 }), (keys) => {
        const items = keys.map((key, place) => ({ key, place }))
        const expected = items.toSorted((a, b) => a.key - b.key || a.place - b.place)
        assert.deepEqual(
          sorted(items, (a, b) => a.key < b.key),
          expected,
        )
      }),
    )
  })
  test("loses nothing, whatever the comparator says", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 100 }), fc.infiniteStream(fc.boolean()), (items, answers) => {
        const result = sorted(items, () => answers.next().value as boolean)
        assert.deepEqual(
          result.toSorted((a, b) => a - b),
          items.toSorted((a, b) => a - b),
        )
      }),
    )
  })
})
