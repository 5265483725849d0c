import assert from "node:assert/strict"
import { test } from "node:test"
import { parse } from "../parser/parser.ts"
import { SourceFile } from "../source.ts"
import { printTree } from "./tree.ts"

function tree(text: string): string {
  const source = new SourceFile("test.nix", text)
  return printTree(parse(source).expr, source)
}

test("a line a node, with where it begins", () => {
  const source =
    'let f = { a, b ? 1, ... }@x: a.b.${"c"}.${b} or 2;\n    inherit (f) y;\nin [ (f { "x" = -1.5; }) (!y -> y ? z) ]'
  assert.equal(
    tree(source),
    `let  1:1
  source 1 of inherit
    variable f  2:14
  f =
    function x  1:9
      formals
        a
        b ?
          int 1  1:18
        ...
      select b.c.\${}  1:30
        variable a  1:30
        variable b  1:43
        or
          int 2  1:49
  inherit y from 1
  in
    list  3:4
      call  3:7
        variable f  3:7
        set  3:9
          x =
            operator -  3:17
              float 1.5  3:18
      operator ->  3:27
        operator !  3:27
          variable y  3:28
        has z  3:33
          variable y  3:33
`,
  )
})

test("nesting is no matter of the JavaScript stack", () => {
  assert.equal(tree(`${"[".repeat(20_000)}1${"]".repeat(20_000)}`).split("\n").length, 20_002)
})
