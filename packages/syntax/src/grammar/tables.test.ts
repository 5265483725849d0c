import assert from "node:assert/strict"
import { readFileSync, writeFileSync } from "node:fs"
import process from "node:process"
import { test } from "node:test"
import { buildAutomaton } from "./lalr.ts"
import { tablesModule } from "./pack.ts"
import { RULES } from "./rules.ts"

const TABLES = new URL("../gen/tables.ts", import.meta.url)

test("gen/tables.ts is what the grammar says (npm run tables)", () => {
  const module = tablesModule()
  if (process.env["UPDATE_TABLES"] !== undefined) writeFileSync(TABLES, module)
  assert.ok(readFileSync(TABLES, "utf8") === module, "out of date")
})

test("a rule without an action has one symbol", () => {
  for (const rule of RULES) if (rule.action === undefined) assert.equal(rule.right.length, 1, rule.left)
})

test("every nonterminal is defined and used", () => {
  const lefts = new Set(RULES.map((rule) => rule.left))
  const used = new Set(RULES.flatMap((rule) => rule.right))
  for (const left of lefts) assert.ok(left === "start" || used.has(left), left)
})

const productions = (...rules: string[]): { left: string; right: string[] }[] =>
  rules.map((rule) => {
    const [left = "", ...right] = rule.split(" ")
    return { left, right }
  })

test("an ambiguity that no precedence settles is refused", () => {
  const terminals = ["END", "+", "1"]
  const ambiguous = productions("start e", "e e + e", "e 1")
  assert.throws(
    () => buildAutomaton({ terminals, productions: ambiguous, precedence: [] }),
    /conflict in state \d+ on \+/,
  )
  buildAutomaton({
    terminals,
    productions: ambiguous,
    precedence: [{ associativity: "left", operators: ["+"] }],
  })
})

test("a symbol that nothing defines is refused", () => {
  const broken = { terminals: ["END"], productions: productions("start nowhere"), precedence: [] }
  assert.throws(() => buildAutomaton(broken), /unknown symbol nowhere/)
})

test("LALR(1), not only SLR(1): the look-ahead sets of merged states stay apart", () => {
  // Dragon book, example 4.46: S -> L = R | R, L -> * R | id, R -> L.
  const { states } = buildAutomaton({
    terminals: ["END", "=", "*", "id"],
    productions: productions("S L = R", "S R", "L * R", "L id", "R L"),
    precedence: [],
  })
  assert.equal(states.length, 11)
})
