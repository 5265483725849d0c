import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { describe as group, test } from "node:test"
import type { Expr } from "../ast.ts"
import { documentationText } from "../documentation.ts"
import { printParsed } from "../print/print.ts"
import { describe, describeWarning, isIncomplete } from "../problem.ts"
import { SourceFile } from "../source.ts"
import { parse, parseBindings } from "./parser.ts"

interface Vector {
  readonly text: string
  readonly prints?: string
  readonly error?: string
  /** `line:column` */
  readonly at?: string
  readonly warnings?: number
}
const vectors = JSON.parse(readFileSync(new URL("vectors.json", import.meta.url), "utf8")) as { cases: Vector[] }

const byteString = (text: string): string => Buffer.from(text, "utf8").toString("latin1")
const text = (byteString: string): string => Buffer.from(byteString, "latin1").toString("utf8")

const HERE = { basePath: "/x/y", home: "/home/me" }

test("prints and fails as C++ Nix does", () => {
  for (const vector of vectors.cases) {
    const file = new SourceFile("/x/y/s.nix", byteString(vector.text))
    const { expr, problems, warnings } = parse(file, { pipeOperators: true })
    const [first] = problems
    if (first === undefined) {
      assert.equal(text(printParsed(expr, HERE)), vector.prints, vector.text)
      assert.equal(warnings.length, vector.warnings ?? 0, vector.text)
    } else {
      const { line, column } = file.position(first.at)
      assert.deepEqual([text(describe(first, file)), `${line}:${column}`], [vector.error, vector.at], vector.text)
    }
  }
})

const parsed = (text: string): Expr => {
  const { expr, problems } = parse(new SourceFile("test.nix", text), { pipeOperators: true })
  assert.deepEqual(problems, [], text)
  return expr
}
/** The node of `kind` that comes first in a walk from the outside in, as the fields of it that are numbers. */
function offsets(text: string, kind: Expr["kind"]): Readonly<Record<string, number>> {
  const seen: object[] = [parsed(text)]
  for (const node of seen) {
    if ((node as Partial<Expr>).kind === kind) {
      return Object.fromEntries(
        Object.entries(node).filter((field): field is [string, number] => typeof field[1] === "number"),
      )
    }
    for (const field of Object.values(node)) if (typeof field === "object" && field !== null) seen.push(field as object)
  }
  throw new Error(`no ${kind} in ${text}`)
}

test("offsets are those that C++ Nix reports", () => {
  const cases: readonly (readonly [text: string, kind: Expr["kind"], offsets: Readonly<Record<string, number>>])[] = [
    ["  f x", "call", { from: 2, to: 5, at: 2 }],
    ["((f) x)", "call", { from: 1, to: 6, at: 1 }],
    ["(f x) y", "call", { from: 0, to: 7, at: 1 }],
    ["x |> f", "call", { from: 0, to: 6, at: 2 }],
    ["f <| x", "call", { from: 0, to: 6, at: 2 }],
    ["x |> f y", "call", { from: 0, to: 8, at: 5 }],
    ["(a - b) c", "call", { from: 0, to: 9, at: 3 }],
    ["(a) + (b)", "binary", { from: 0, to: 9, at: 4, leftAt: 0, rightAt: 6 }],
    ["((a)).b", "select", { from: 0, to: 7 }],
    ["(a) ? b", "has-attr", { from: 0, to: 7 }],
    ['"a${b}c"', "interpolated", { from: 0, to: 8, at: 1 }],
    ["''a${b}c''", "interpolated", { from: 0, to: 10, at: 0 }],
    ["./a${b}", "interpolated", { from: 0, to: 7, at: 0 }],
    ["(x: 1)", "lambda", { from: 1, to: 5, paramAt: 1 }],
    ["{ a }@b: 1", "lambda", { from: 0, to: 10, paramAt: 6 }],
    ["b@{ a }: 1", "lambda", { from: 0, to: 10, paramAt: 0 }],
    ["rec { }", "attrs", { from: 0, to: 7 }],
    ["let { }", "attrs", { from: 0, to: 7 }],
    ["-(1)", "negate", { from: 0, to: 4 }],
    ["(if a then b else c)", "if", { from: 1, to: 19 }],
  ]
  for (const [text, kind, expected] of cases) assert.deepEqual(offsets(text, kind), expected, text)
})

test("pieces of strings know where they are", () => {
  const at = (text: string): readonly number[] => {
    const expr = parsed(text)
    assert.equal(expr.kind, "interpolated")
    return expr.kind === "interpolated" ? expr.partAt : []
  }
  assert.deepEqual(at('"a${b}c${d}"'), [1, 2, 6, 7])
  assert.deepEqual(at("''\n  a${b}''"), [3, 6])
  assert.deepEqual(at("./a${b}/c"), [0, 3, 7])
})

test("bindings know where they are and whether their set was written", () => {
  const expr = parsed("{ a.b = 1; a.c = 2; inherit d; inherit (e) f; }")
  assert.equal(expr.kind, "attrs")
  if (expr.kind !== "attrs") return
  assert.deepEqual(
    expr.bindings.statics.map((b) => [b.name, b.at, b.value.kind]),
    [
      ["a", 2, "plain"],
      ["d", 28, "inherit"],
      ["f", 43, "inherit-from"],
    ],
  )
  const [a] = expr.bindings.statics
  assert.ok(a?.value.kind === "plain" && a.value.expr.kind === "attrs")
  assert.equal(a.value.expr.explicit, false)
  assert.deepEqual(
    a.value.expr.bindings.statics.map((b) => [b.name, b.at]),
    [
      ["b", 2],
      ["c", 11],
    ],
  )
  assert.equal(expr.explicit, true)
})

group("documentation", () => {
  const docs = (text: string): unknown => {
    const expr = parsed(text)
    assert.ok(expr.kind === "attrs")
    return expr.bindings.statics.map(({ doc, value }) => {
      const lambda = value.kind === "plain" && value.expr.kind === "lambda" ? value.expr : undefined
      return [doc, lambda?.doc, lambda?.body.kind === "lambda" ? lambda.body.doc : undefined]
    })
  }
  const cases: readonly (readonly [text: string, docs: unknown])[] = [
    [
      "{ /** d */ a = 1; b = 2; }",
      [
        [" d ", undefined, undefined],
        [undefined, undefined, undefined],
      ],
    ],
    ["{ /** d */ a = x: y: 1; }", [[" d ", " d ", " d "]]],
    ["{ /** d */ a = /** e */ x: y: 1; }", [[" d ", " e ", " e "]]],
    ["{ a = x: /** e */ y: 1; }", [[undefined, undefined, " e "]]],
    ["{ /** d */ a = x: /** e */ y: 1; }", [[" d ", " d ", " e "]]],
    ["{ a = /** d */ { x }: 1; }", [[undefined, " d ", undefined]]],
    ["{ /** d */ /* c */ # c\n a = 1; }", [[" d ", undefined, undefined]]],
    ["{ /** d */ inherit a; }", [[undefined, undefined, undefined]]],
    ["{ inherit /** d */ a; }", [[" d ", undefined, undefined]]],
    ["{ /* d */ a = 1; }", [[undefined, undefined, undefined]]],
  ]
  for (const [text, expected] of cases) test(text, () => assert.deepEqual(docs(text), expected))

  test("its text loses delimiters and indentation", () => {
    const texts: readonly (readonly [comment: string, text: string])[] = [
      ["", ""],
      [" one line ", "one line \n"],
      ["\n    First.\n\n      Second.\n  ", "\nFirst.\n\n  Second.\n\n"],
      ["\r\n  a\r\n  b\r\n", " \na\nb\n"],
      [" a\n       \n      b\n", "\n \nb\n"],
    ]
    for (const [comment, text] of texts) assert.equal(documentationText(comment), text)
  })
})

test("pipes are refused unless asked for, where C++ Nix refuses them", () => {
  const file = new SourceFile("test.nix", "1 |> f |> g")
  const { problems } = parse(file)
  assert.deepEqual(
    problems.map((p) => [p.code, p.at]),
    [
      ["pipe-operators-disabled", 2],
      ["pipe-operators-disabled", 7],
    ],
  )
  assert.match(describe(problems[0]!, file), /^experimental Nix feature 'pipe-operators' is disabled; add /)
})

test("a cursed `or` is warned of", () => {
  const file = new SourceFile("test.nix", "[ (f\r\n  or) g\r\n  or ]")
  const { warnings } = parse(file)
  assert.deepEqual(warnings, [{ code: "cursed-or", from: 12, to: 19 }])
  assert.match(describeWarning(warnings[0]!, file), /^at test\.nix:2:7: This expression[^]*\n {4}\(g\n {2}or\)\n/)
})

test("bindings typed into a REPL", () => {
  const cases: readonly (readonly [text: string, names: readonly string[] | string])[] = [
    ["x = 1", ["x"]],
    ["x = 1;", ["x"]],
    ["x = 1; inherit (y) z w", ["x", "z", "w"]],
    ["a.b = 1; a.c = 2;", ["a"]],
    ["inherit x", ["x"]],
    ["x = ''\n", "incomplete"],
    ["x = { a = 1;", "incomplete"],
    ['x = "', "incomplete"],
    ["x", "unexpected-token"],
    ["f x", "unexpected-token"],
    ["1 + 1", "unexpected-token"],
    ["x = 1; x = 2", "attribute-already-defined"],
    ["x = 1 |> 2", "pipe-operators-disabled"],
    ["", "unexpected-token"],
  ]
  for (const [text, expected] of cases) {
    const { bindings, problems } = parseBindings(new SourceFile("repl", text))
    const [first] = problems
    const actual =
      first === undefined ? bindings.statics.map((b) => b.name) : isIncomplete(first) ? "incomplete" : first.code
    assert.deepEqual(actual, expected, text)
    for (const { from, to, at } of problems) assert.ok(from <= to && to <= text.length && at <= text.length, text)
  }
})

test("what more text could complete", () => {
  const incomplete = (text: string): boolean => {
    const [first] = parse(new SourceFile("repl", text)).problems
    return first !== undefined && isIncomplete(first)
  }
  for (const text of ["", "(", "1 +", "let x = 1;", "''", '"a', "x:", "{ a", "# c", "if a then"])
    assert.ok(incomplete(text), text)
  for (const text of ["1", ")", "1 )", "{ a; ", "x = 1"]) assert.ok(!incomplete(text), text)
})
