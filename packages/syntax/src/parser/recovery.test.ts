import assert from "node:assert/strict"
import { test } from "node:test"
import { printParsed } from "../print/print.ts"
import { describe } from "../problem.ts"
import { SourceFile } from "../source.ts"
import { parse } from "./parser.ts"

/** Problems as `offset message`, in short, and what the tree came to. */
const CASES: readonly (readonly [text: string, problems: readonly string[], tree: string])[] = [
  ["{ a = 1 }", ["8 unexpected '}'"], "{ a = 1; }"],
  ["{ a = 1\n b = 2; c = 3; }", ["11 unexpected '='"], "{ a = 2; c = 3; }"],
  ["{ a = ; b = 2; }", ["6 unexpected ';'"], "{ a = <error>; b = 2; }"],
  ["{ a = 1; ; b = 2; }", ["9 unexpected ';'"], "{ a = 1; b = 2; }"],
  ["{ a b = 1; c = 2; d == 3; e = 4; }", ["4 unexpected identifier", "20 unexpected '=='"], "{ a = 1; c = 2; e = 4; }"],
  ["[ 1 = 2 @ 3 ]", ["4 unexpected '='", "8 unexpected '@'"], "[ (1) (2) (3) ]"],
  ["[ (1 2 ] ++ [ 3 ) ]", ["7 unexpected ']'", "16 unexpected ')'"], "([ ((1 2)) ] ++ [ (3) ])"],
  ["x: { y = [ 1 2 ; z = 3; }", ["15 unexpected ';'"], "(x: { y = [ (1) (2) ]; z = 3; })"],
  ["{ x, y ; z }: a", ["7 unexpected ';'"], "({ z }: a)"],
  ["let a = 1 in a", ["10 unexpected 'in'"], "(let a = 1; in a)"],
  ["1 + * 2", ["4 unexpected '*'"], "(1 + 2)"],
  ['"a ${ ( b } c ${ [ d } e"', ["10 unexpected '}'", "21 unexpected '}'"], '("a " + b + " c " + [ (d) ] + " e")'],
  ["''a ${ b ; } c''", ["9 unexpected ';'"], '("a " + b + " c")'],
  ["[ ./a//b c ]", ["6 unexpected end of path"], "[ (/a/) (c) ]"],
  [
    "{ a = ./x/ ; b = 99999999999999999999; }",
    ["10 path has a trailing slash", "17 invalid integer"],
    "{ a = /x/; b = 0; }",
  ],
  ["{ a = 1; a = 2; b = 1; b.c = 2; }", ["9 attribute 'a'", "23 attribute 'b'"], "{ a = 1; b = 1; }"],
  ["({ a, b, a }@b: a)", ["9 duplicate formal", "1 duplicate formal"], "({ a, a, b } @ b: a)"],
  ['{ inherit "${a}" b; }', ["10 dynamic attributes"], "{ inherit b; }"],
  ["let ${a} = 1; b = 2; in b", ["0 dynamic attributes"], '(let b = 2; "${a}" = 1; in b)'],
  ["1 )", ["2 unexpected ')'"], "<error>"],
  ["{ a = (", ["7 unexpected end of file"], "<error>"],
]

for (const [text, problems, tree] of CASES) {
  test(JSON.stringify(text), () => {
    const file = new SourceFile("f", text)
    const parsed = parse(file)
    const found = parsed.problems.map((p) => `${p.at} ${describe(p, file).replace("syntax error, ", "")}`)
    assert.deepEqual(
      found.map((message, i) => message.slice(0, problems[i]?.length)),
      problems,
    )
    assert.equal(printParsed(parsed.expr, { basePath: "/", home: "/" }), tree)
  })
}

test("hopeless text is given up on in time", () => {
  const count = 20_000
  for (const piece of ["{ a b; } ", "[ = ] ", "( ] ", "@ ", '"${ ) ', "a = ", "in ", "; ", "'' ${ ] "]) {
    const started = performance.now()
    const { problems } = parse(new SourceFile("f", piece.repeat(count)))
    assert.ok(problems.length >= 1 && problems.length <= 100, piece)
    assert.ok(performance.now() - started < 3000, piece)
  }
})
