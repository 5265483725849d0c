import assert from "node:assert/strict"
import { test } from "node:test"
import { SourceFile } from "@tvix-ts/syntax"
import { makeGlobals } from "../builtins/globals.ts"
import { Evaluation, type EvaluationOptions } from "../evaluation.ts"
import { Failure, type ProblemCode } from "../problem.ts"
import type { Thunk } from "../value.ts"

const world = (options: EvaluationOptions = {}): Evaluation => new Evaluation(options, makeGlobals)
const load = (evaluation: Evaluation, text: string): Thunk => evaluation.load(new SourceFile("«test»", text), "/")
const run = (text: string): unknown => {
  const evaluation = world()
  return evaluation.runSync(load(evaluation, text))
}
const codeOf = (body: () => unknown): ProblemCode => {
  try {
    body()
  } catch (problem) {
    assert.ok(problem instanceof Failure, String(problem))
    return problem.problem.code
  }
  return assert.fail("did not fail")
}

const countDown = (body: string): string => `let f = n: if n == 0 then 0 else ${body}; in f 100000`
for (const { name, text, value } of [
  { name: "the right operand of +", text: countDown("1 + f (n - 1)"), value: 100000 },
  { name: "the left operand of +", text: countDown("f (n - 1) + 1"), value: 100000 },
  { name: "a condition", text: countDown("if f (n - 1) == 0 then 0 else 1"), value: 0 },
  { name: "an operand of not", text: "let f = n: if n == 0 then true else !(f (n - 1)); in f 100001", value: false },
  { name: "a conjunction", text: "let f = n: if n == 0 then true else f (n - 1) && true; in f 100000", value: true },
  { name: "a call in tail position", text: countDown("f (n - 1)"), value: 0 },
  { name: "a let", text: countDown("let x = f (n - 1); in x + 1"), value: 100000 },
  { name: "a selection", text: countDown("{ v = f (n - 1); }.v"), value: 0 },
  {
    name: "a pattern",
    text: "let f = { n }: if n == 0 then 0 else 1 + f { n = n - 1; }; in f { n = 100000; }",
    value: 100000,
  },
  { name: "an interpolation", text: 'let f = n: if n == 0 then "x" else "${f (n - 1)}"; in f 100000', value: "x" },
  { name: "with", text: countDown("with { v = f (n - 1); }; v"), value: 0 },
  { name: "assert", text: countDown("assert f (n - 1) == 0; 0"), value: 0 },
  { name: "an update", text: "let f = n: if n == 0 then { v = 1; } else f (n - 1) // { }; in (f 100000).v", value: 1 },
  { name: "a partial application", text: "let f = n: m: if n == 0 then m else f (n - 1) m; in f 100000 7", value: 7 },
  {
    name: "a builtin that calls back",
    text: countDown("1 + builtins.foldl' (a: b: f (n - 1)) 0 [ 1 ]"),
    value: 100000,
  },
]) {
  test(`100,000 levels through ${name}`, () => assert.equal(run(text), value))
}

test("a chain of a million thunks", () => {
  const text = "(builtins.foldl' (a: b: { v = a.v + 1; }) { v = 0; } (builtins.genList (x: x) 1000000)).v"
  assert.equal(run(text), 1000000)
})

for (const { name, open, body, close } of [
  { name: "parentheses", open: "(", body: "1", close: ")" },
  { name: "additions to the right", open: "(0 + ", body: "1", close: ")" },
  { name: "lets", open: "let x = 1; in ", body: "x", close: "" },
  { name: "conditions", open: "if true then ", body: "1", close: " else 2" },
  { name: "selections", open: "{ a = ", body: "1", close: "; }.a" },
]) {
  test(`source nested 20,000 deep: ${name}`, () => {
    assert.equal(run(open.repeat(20_000) + body + close.repeat(20_000)), 1)
  })
}
test("a left-leaning chain of 50,000 operators", () => assert.equal(run(`0${" + 1".repeat(50_000)}`), 50_000))

test("infinite recursion of a thunk is found", () => {
  assert.equal(
    codeOf(() => run("let a = b; b = a + 1; in a")),
    "infinite-recursion",
  )
})

test("a thunk that failed fails again, with the same failure", () => {
  const evaluation = world()
  const thunk = load(evaluation, "1 - [ ]")
  const first = codeOf(() => evaluation.runSync(thunk))
  assert.equal(first, "type-error")
  assert.equal(
    codeOf(() => evaluation.runSync(thunk)),
    first,
  )
})

test("a thunk that was interrupted can be forced again", async () => {
  const controller = new AbortController()
  const evaluation = world({ signal: controller.signal })
  const endless = load(evaluation, "let f = n: f (n + 1); in f 0")
  setTimeout(() => controller.abort(), 20)
  await assert.rejects(evaluation.run(endless), (e) => e instanceof Failure && e.problem.code === "interrupted")
  assert.ok(endless.code !== null, "still a thunk")
  await assert.rejects(evaluation.run(endless), (e) => e instanceof Failure && e.problem.code === "interrupted")
})

test("limits: steps and depth", () => {
  const loop = "let f = n: f (n + 1); in f 0"
  const steps = world({ limits: { steps: 5000 } })
  assert.equal(
    codeOf(() => steps.runSync(load(steps, loop))),
    "limit",
  )
  const depth = world({ limits: { depth: 100 } })
  assert.equal(
    codeOf(() => depth.runSync(load(depth, loop))),
    "stack-overflow",
  )
})

test("two evaluations of one world at a time do not meet each other's black holes", async () => {
  const evaluation = world()
  const shared = load(evaluation, "let f = n: if n == 0 then 0 else 1 + f (n - 1); in f 300000")
  assert.deepEqual(await Promise.all([evaluation.run(shared), evaluation.run(shared)]), [300000, 300000])
})

test("a string too long for the engine is a problem of the program", () => {
  const double = Array.from({ length: 40 }, (_, i) => `x${i + 1} = x${i} + x${i};`).join(" ")
  assert.equal(
    codeOf(() => run(`let x0 = "0123456789"; ${double} in x40`)),
    "limit",
  )
})
