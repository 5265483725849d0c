import assert from "node:assert/strict"
import { test } from "node:test"
import { SourceFile } from "@tvix-ts/syntax"
import { makeGlobals } from "../builtins/globals.ts"
import { Evaluation } from "../evaluation.ts"
import type { RuntimeObserver } from "./observer.ts"
import { traceRuntime } from "./trace.ts"

function observe(source: string, runtimeObserver: RuntimeObserver): unknown {
  const evaluation = new Evaluation({ runtimeObserver }, makeGlobals)
  return evaluation.runSync(evaluation.load(new SourceFile("test.nix", source), "/"))
}

test("the trace shows what is evaluated, when, and to what", () => {
  const lines: string[] = []
  const source = "let x = 1 + 2;\nin if x == 3 then x * 2 else 0"
  observe(
    source,
    traceRuntime((line) => lines.push(line)),
  )
  assert.deepEqual(lines, [
    "          let",
    "2:4       | if",
    "          | | equal",
    "2:7       | | | variable",
    "1:11      | | | | add",
    "          | | | | | constant: 1",
    "          | | | | | constant: 2",
    "1:11      | | | | add done: 3",
    "2:7       | | | variable done: 3",
    "          | | | constant: 3",
    "          | | equal done: true",
    "2:21      | | multiply",
    "2:19      | | | variable: 3",
    "          | | | constant: 2",
    "2:21      | | multiply done: 6",
    "2:4       | if done: 6",
    "          let done: 6",
  ])
})

test("what pauses is left as it was entered, and depth is no matter of the JavaScript stack", () => {
  let entered = 0
  let ended = 0
  const result = observe("let sum = n: if n == 0 then 0 else 1 + sum (n - 1); in sum 100000", {
    enter: () => entered++,
    leave: () => ended++,
    pause: () => ended++,
  })
  assert.equal(result, 100_000)
  assert.equal(entered, ended)
  assert.ok(entered > 500_000)
})

test("a profile is a map from sites to counts", () => {
  const counts = new Map<string, number>()
  const enter = ({ op }: { op: string }): unknown => counts.set(op, (counts.get(op) ?? 0) + 1)
  observe("let f = n: if n == 0 then 0 else f (n - 1); in f 10", { enter, leave() {}, pause() {} })
  assert.equal(counts.get("subtract"), 10)
  assert.equal(counts.get("if"), 11)
})
