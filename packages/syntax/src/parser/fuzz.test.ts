import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { test } from "node:test"
import fc from "fast-check"
import { printParsed } from "../print/print.ts"
import { describe } from "../problem.ts"
import { SourceFile } from "../source.ts"
import { parse, parseBindings } from "./parser.ts"

const HERE = { basePath: "/base", home: "/home" }

// Random programs, as text: the generator knows the grammar, not the parser.

const name = fc.constantFrom("a", "b", "c", "foo", "x'", "or-else", "_y")
const literal = fc.constantFrom(
  "0",
  "42",
  "9223372036854775807",
  "1.5",
  "1.0e-3",
  '""',
  '"s\\n\\${"',
  "''\n  i\n   j\n''",
  "./p/q",
  "/r",
  "~/h",
  "<n/k>",
  "http://u.v/w",
  "__curPos",
  "[ ]",
  "{ }",
)
const operator = fc.constantFrom(
  "+",
  "-",
  "*",
  "/",
  "++",
  "//",
  "==",
  "!=",
  "<",
  "<=",
  ">",
  ">=",
  "&&",
  "||",
  "->",
  "|>",
  "<|",
)
const { expr: program } = fc.letrec<{ expr: string; attrName: string; attrs: string }>((tie) => {
  const expr = tie("expr")
  const bindings = fc
    .uniqueArray(fc.tuple(fc.constantFrom("a", "b", "c", "d"), expr, fc.nat(3)), {
      selector: ([key]) => key,
      maxLength: 3,
    })
    .map((list) =>
      list
        .map(
          ([key, value, kind]) =>
            ["inherit " + key, `inherit (${value}) ${key}`, `${key}.x.y = ${value}`, `${key} = ${value}`][kind] + ";",
        )
        .join(" "),
    )
  const formals = fc
    .tuple(fc.uniqueArray(fc.constantFrom("p", "q", "r"), { maxLength: 3 }), fc.boolean(), expr)
    .map(
      ([names, open, fallback]) =>
        `{ ${[...names.map((n, i) => (i === 1 ? `${n} ? (${fallback})` : n)), ...(open ? ["..."] : [])].join(", ")} }`,
    )
  return {
    attrName: fc.oneof(
      name,
      fc.constant('"q n"'),
      expr.map((e) => `\${${e}}`),
      expr.map((e) => `"x\${${e}}"`),
    ),
    attrs: bindings.map((b) => `{ ${b} }`),
    expr: fc.oneof(
      { maxDepth: 5, depthIdentifier: "expr" },
      name,
      literal,
      fc.tuple(expr, operator, expr).map(([l, o, r]) => `(${l}) ${o} (${r})`),
      fc.tuple(expr, expr).map(([f, x]) => `(${f}) (${x})`),
      expr.map((e) => `!(${e})`),
      expr.map((e) => `-(${e})`),
      fc.tuple(expr, tie("attrName")).map(([e, n]) => `(${e}).${n}`),
      fc.tuple(expr, tie("attrName"), expr).map(([e, n, d]) => `(${e}).a.${n} or (${d})`),
      fc.tuple(expr, tie("attrName")).map(([e, n]) => `(${e}) ? ${n}`),
      fc.array(expr, { maxLength: 3 }).map((items) => `[ ${items.map((i) => `(${i})`).join(" ")} ]`),
      tie("attrs"),
      bindings.map((b) => `rec { ${b} }`),
      fc.tuple(bindings, expr).map(([b, e]) => `let ${b} in ${e}`),
      fc.tuple(expr, expr).map(([a, b]) => `with ${a}; ${b}`),
      fc.tuple(expr, expr).map(([a, b]) => `assert ${a}; ${b}`),
      fc.tuple(expr, expr, expr).map(([a, b, c]) => `if ${a} then ${b} else ${c}`),
      fc.tuple(name, expr).map(([n, e]) => `${n}: ${e}`),
      fc.tuple(formals, expr).map(([f, e]) => `${f}@all: ${e}`),
      fc.tuple(expr, expr).map(([a, b]) => `"l\${${a}}m\${${b}}$\${x}"`),
      fc.tuple(expr, expr).map(([a, b]) => `''\n  l\${${a}}\n    m''\${\${${b}}''`),
      expr.map((e) => `./a\${${e}}/b`),
    ),
  }
})

const print = (text: string): string => {
  const file = new SourceFile("f.nix", text)
  const { expr, problems } = parse(file, { pipeOperators: true })
  assert.deepEqual(
    problems.map((p) => describe(p, file)),
    [],
    text,
  )
  return printParsed(expr, HERE)
}

test("what is printed parses, and prints as itself once paths are absolute", () => {
  // Printing is not the inverse of parsing: an interpolated path prints as a sum, `a + b` so does. After one round
  // nothing changes any more, except that a statement printed without parentheses may swallow what follows it.
  fc.assert(
    fc.property(program, (text) => {
      const once = print(text)
      fc.pre(!once.includes("assert"))
      const twice = print(once)
      assert.equal(print(twice), twice, text)
    }),
    { numRuns: 400 },
  )
})

const vectors = JSON.parse(readFileSync(new URL("vectors.json", import.meta.url), "utf8")) as {
  cases: { text: string }[]
}
const seeds = vectors.cases.map(({ text }) => Buffer.from(text, "utf8").toString("latin1"))
const TOKENS =
  "{ } ( ) [ ] ; : , . = == ? ! - + ++ // -> < <= | |> \" '' ${ $ \\ ' ~/ ./ a/b <n> x:y @ ... or in let rec if then else with assert inherit a 1 1.5 # /* */ \0 \xff \r \r\n ./a/ 99999999999999999999".split(
    " ",
  )

/** Properties that hold for whatever is parsed. */
function check(text: string): void {
  const file = new SourceFile("f.nix", text)
  const parsed = parse(file, { pipeOperators: true })
  const bindings = parseBindings(file, { pipeOperators: true })
  for (const problem of [...parsed.problems, ...parsed.warnings, ...bindings.problems]) {
    const { from, to } = problem
    assert.ok(0 <= from && from <= to && to <= text.length, `[${from}, ${to}) in ${text}`)
    if ("at" in problem) {
      assert.ok(0 <= problem.at && problem.at <= text.length, `[${from}, ${to}) in ${text}`)
      assert.ok(describe(problem, file).length > 0)
    }
  }
  printParsed(parsed.expr, HERE)
  checkSpans(parsed.expr, text)
}

function checkSpans(root: object, text: string): void {
  const work = [root]
  for (let node = work.pop(); node !== undefined; node = work.pop()) {
    const { from, to } = node as { from?: number; to?: number }
    if (from !== undefined && to !== undefined) {
      assert.ok(0 <= from && from <= to && to <= text.length, `[${from}, ${to}) in ${text}`)
    }
    for (const field of Object.values(node)) if (typeof field === "object" && field !== null) work.push(field as object)
  }
}

test("mutated programs: no exception, no hang, every span within the text", () => {
  const mutation = fc.record({ at: fc.nat(200), remove: fc.nat(3), insert: fc.constantFrom("", ...TOKENS) })
  fc.assert(
    fc.property(
      fc.constantFrom(...seeds),
      fc.constantFrom(...seeds),
      fc.array(mutation, { maxLength: 4 }),
      (one, two, mutations) => {
        let text = `${one} ${two}`
        for (const { at, remove, insert } of mutations) {
          const from = at % (text.length + 1)
          text = text.slice(0, from) + insert + text.slice(from + remove)
        }
        check(text)
      },
    ),
    { numRuns: 3000 },
  )
})

test("arbitrary bytes", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 60 }), (bytes) =>
      check(String.fromCharCode(...bytes)),
    ),
    { numRuns: 2000 },
  )
})

test("arbitrary tokens", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...TOKENS, " "), { maxLength: 40 }), (tokens) => check(tokens.join(" "))),
    { numRuns: 3000 },
  )
})

test("what stands behind the first syntax error does not change it", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...TOKENS), { maxLength: 15 }), fc.constantFrom(...seeds), (tokens, rest) => {
      const text = tokens.join(" ")
      const first = parse(new SourceFile("f", text)).problems.find((p) => p.code === "unexpected-token")
      if (first === undefined || first.to >= text.length - 1) return
      const [again] = parse(new SourceFile("f", `${text} ${rest}`)).problems
      // Only if lexing up to there is the same: an open comment or string at the end may turn into another token.
      if (again?.code === "unexpected-token" && again.at === first.at) assert.deepEqual(again, first)
    }),
    { numRuns: 1000 },
  )
})
