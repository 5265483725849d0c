import assert from "node:assert/strict"
import { test } from "node:test"
import { printParsed } from "../print/print.ts"
import { SourceFile } from "../source.ts"
import { parse } from "./parser.ts"

const DEPTH = 100_000
const r = (piece: string): string => piece.repeat(DEPTH)

/** Nested as deep as no JavaScript stack is: each must parse and print, in time that grows with the length only. */
const DEEP: { readonly [name: string]: string } = {
  parentheses: `${r("(")}1${r(")")}`,
  lists: `${r("[")}${r("]")}`,
  sets: `${r("{a=")}1${r(";}")}`,
  "recursive sets": `${r("rec{a=")}1${r(";}")}`,
  "legacy lets": `${r("let{body=")}1${r(";}")}`,
  lets: `${r("let a=1; in ")}a`,
  "lets in bindings": `${r("let a=")}1${r("; in a")}`,
  ifs: `${r("if a then b else ")}c`,
  conditions: `${r("if ")}a${r(" then b else c")}`,
  withs: `${r("with a;")}b`,
  asserts: `${r("assert a;")}b`,
  lambdas: `${r("x: ")}1`,
  "documented lambdas": `${r("/** d */ x: ")}1`,
  "lambdas with formals": `${r("{ a }: ")}1`,
  "fallbacks of formals": `${r("{a?")}1${r("}:1")}`,
  interpolations: `${r('"${')}1${r('}"')}`,
  "indented interpolations": `${r("''${")}1${r("}''")}`,
  "interpolated paths": `${r("./a${")}1${r("}")}`,
  nots: `${r("!")}a`,
  negations: `${r("-")}1`,
  calls: `f${r(" x")}`,
  "calls of calls": `${r("f (")}1${r(")")}`,
  selections: `a${r(".a")}`,
  "computed selections": `${r("a.${")}1${r("}")}`,
  fallbacks: `${r("a.b or ")}c`,
  "attribute tests": `${r("(")}a${r(" ? b)")}`,
  sums: `${r("1+")}1`,
  implications: `${r("a -> ")}b`,
  concatenations: `${r("a ++ ")}b`,
  "pipes into": `${r("a |> ")}b`,
  "pipes from": `${r("a <| ")}b`,
  "attribute paths": `{${r("a.")}a=1;}`,
  "merged attribute paths": `{${r("a.")}a=1;${r("a.")}b=1;}`,
  "merged sets": `{a=${r("{a=")}{}${r(";}")}; a=${r("{a=")}{b=1;}${r(";}")};}`,
  "inherit sources": `${r("{inherit(")}1${r(")a;}")}`,
  comments: `${r("/**/")}1`,
}
for (const [name, text] of Object.entries(DEEP)) {
  test(name, () => {
    const { expr, problems } = parse(new SourceFile("deep.nix", text), { pipeOperators: true })
    assert.deepEqual(problems, [])
    assert.ok(printParsed(expr, { basePath: "/", home: "/" }).length > 0)
  })
}

test("what is deep and unfinished is one problem", () => {
  for (const piece of [
    "(",
    "[",
    "{ a = ",
    "x: ",
    '"${',
    "''${",
    "./${",
    "let a = ",
    "if ",
    "!",
    "-",
    "a.${",
    "f (",
    "{ a ? ",
  ]) {
    const { problems } = parse(new SourceFile("deep.nix", r(piece)))
    assert.deepEqual(
      problems.map((p) => p.code),
      ["unexpected-token"],
      piece,
    )
  }
})

test("a duplicate is found at any depth", () => {
  const { problems } = parse(new SourceFile("deep.nix", `{a=${r("{a=")}1${r(";}")}; a=${r("{a=")}2${r(";}")};}`))
  assert.deepEqual(
    problems.map((p) => p.code),
    ["attribute-already-defined"],
  )
})
