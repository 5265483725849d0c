import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { byteStringOf, textOf } from "@tvix-ts/bytes"
import { SourceFile } from "@tvix-ts/syntax"
import { makeGlobals } from "../builtins/globals.ts"
import { deeply } from "../deeply.ts"
import { Evaluation } from "../evaluation.ts"
import type { Value } from "../value.ts"
import { printShort } from "./short.ts"
import { printValue } from "./value.ts"

function evaluated(text: string, strict: boolean): { value: Value; evaluation: Evaluation } {
  const evaluation = new Evaluation({}, makeGlobals)
  const value = evaluation.load(new SourceFile("/f.nix", byteStringOf(text)), "/")
  return { value: evaluation.runSync(strict ? deeply(value) : value), evaluation }
}

// Each line was answered by `nix-instantiate --eval` or `--eval --strict` of C++ Nix 2.34.8.
const PRINTED: readonly [program: string, lazy: string | undefined, strict: string][] = [
  ["1", "1", "1"],
  ["-9223372036854775807", "-9223372036854775807", "-9223372036854775807"],
  ["1.5", "1.5", "1.5"],
  ["1.0", "1", "1"],
  ["true", "true", "true"],
  ["null", "null", "null"],
  ["/a/b", "/a/b", "/a/b"],
  [String.raw`"a\n\t\r\"\\ \${x} $ é"`, undefined, String.raw`"a\n\t\r\"\\ \${x} $ é"`],
  ["x: x", "<LAMBDA>", "<LAMBDA>"],
  ["(a: b: a) 1", "<LAMBDA>", "<LAMBDA>"],
  ["builtins.map", "<PRIMOP>", "<PRIMOP>"],
  ["builtins.map 1", "<PRIMOP-APP>", "<PRIMOP-APP>"],
  ["[ ]", "[ ]", "[ ]"],
  ["{ }", "{ }", "{ }"],
  ["[ (1 + 1) [ ] ]", undefined, "[ 2 [ ] ]"],
  ["{ b = 1 + 1; a = { }; }", undefined, "{ a = { }; b = 2; }"],
  ['{ "a b" = 1; "" = 2; }', undefined, '{ "" = 2; "a b" = 1; }'],
  ["let a = { x = a; }; in a", "{ x = «repeated»; }", "{ x = «repeated»; }"],
  ["let s = { a = 1; }; in [ s s ]", undefined, "[ { a = 1; } «repeated» ]"],
  ["[ { } { } [ ] [ ] ]", undefined, "[ { } { } [ ] [ ] ]"],
  ["let l = [ l ]; in l", undefined, "[ [ «repeated» ] ]"],
  ["let l = [ 1 ]; f = x: x; in [ l l (f l) (f l) l ]", undefined, "[ [ 1 ] «repeated» [ 1 ] [ 1 ] «repeated» ]"],
]

describe("printValue", () => {
  for (const [program, lazy, strict] of PRINTED) {
    test(program, () => {
      if (lazy !== undefined) assert.equal(textOf(printValue(evaluated(program, false).value)), lazy)
      assert.equal(textOf(printValue(evaluated(program, true).value)), strict)
    })
  }

  test("a list in itself, known by the slot that holds it and not by what it is", () => {
    const list: Value[] = []
    list.push(list)
    assert.equal(textOf(printValue(list)), "[ [ «repeated» ] ]")
  })

  test("a value 100,000 deep", () => {
    let value: Value = 1
    for (let i = 0; i < 100_000; i++) value = [value]
    assert.equal(printValue(value).length, 4 * 100_000 + 1)
  })
})

// As C++ Nix's "cannot coerce …: VALUE" shows it.
const SHORT: readonly [program: string, text: string][] = [
  ["x: x", "«lambda @ /f.nix:1:1»"],
  ["let f = x: x; in f", "«lambda f @ /f.nix:1:9»"],
  ["(a: b: a) 1", "«lambda @ /f.nix:1:5»"],
  ["builtins.map", "«primop map»"],
  ["builtins.map 1", "«partially applied primop map»"],
  ["[ { } { } ]", "[ { } «repeated» ]"],
  ["[ [ [ [ [ [ [ [ [ [ [ 1 ] ] ] ] ] ] ] ] ] ] ]", "[ [ [ [ [ [ [ [ [ [ [ ... ] ] ] ] ] ] ] ] ] ] ]"],
  ["[ 1 2 3 4 5 6 7 8 9 10 11 12 ]", "[ 1 2 3 4 5 6 7 8 9 10 «2 items elided» ]"],
  ["[ [ 1 2 3 4 5 6 7 8 ] [ 1 2 3 4 ] ]", "[ [ 1 2 3 4 5 6 7 8 ] [ 1 «3 items elided» ] ]"],
  ["[ 1 2 3 4 5 6 7 8 9 10 11 ]", "[ 1 2 3 4 5 6 7 8 9 10 «1 item elided» ]"],
  ['{ a = 1; type = 2; "x y" = 3; _type = 4; }', '{ _type = 4; type = 2; a = 1; "x y" = 3; }'],
]

describe("printShort", () => {
  for (const [program, text] of SHORT) {
    test(program, () => {
      const { value, evaluation } = evaluated(program, true)
      assert.equal(textOf(printShort(value, evaluation.positions)), text)
    })
  }

  test("a long string is cut", () => {
    assert.equal(textOf(printShort("a".repeat(1030))), `"${"a".repeat(1024)}" «6 bytes elided»`)
  })
})
