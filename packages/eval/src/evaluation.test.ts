/** The ways to run something: at once, at once as far as it goes, and in turns. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { SourceFile } from "@tvix-ts/syntax"
import { makeGlobals } from "./builtins/globals.ts"
import { Evaluation, type EvaluationOptions } from "./evaluation.ts"
import { noIo } from "./io.ts"
import { Failure } from "./problem.ts"
import type { Thunk } from "./value.ts"

function evaluation(options: EvaluationOptions = {}): Evaluation {
  return new Evaluation({ io: { ...noIo, readFile: (path) => Promise.resolve(path) }, ...options }, makeGlobals)
}
function load(of: Evaluation, text: string): Thunk {
  return of.load(new SourceFile("test", text), "/")
}
const isFailure =
  (code: string) =>
  (problem: unknown): boolean =>
    problem instanceof Failure && problem.problem.code === code

test("runSoon answers at once where nothing has to wait", async () => {
  const world = evaluation()
  assert.equal(world.runSoon(load(world, "1 + 1")), 2)
  assert.throws(() => world.runSoon(load(world, "throw ''no''")), isFailure("throw"))
})

test("runSoon waits where it must, and those that come meanwhile wait for it", async () => {
  const world = evaluation()
  const order: unknown[] = []
  const note = (value: unknown): void => void order.push(value)
  const first = world.runSoon(load(world, "builtins.readFile /a"))
  assert.ok(first instanceof Promise)
  const second = world.runSoon(load(world, "1 + 1"))
  assert.ok(second instanceof Promise)
  await Promise.all([first.then(note), second.then(note)])
  assert.deepEqual(order, ["/a", 2])
  assert.equal(world.runSoon(load(world, "1 + 2")), 3)
  await assert.rejects(async () => world.runSoon(load(world, "throw (builtins.readFile /b)")), isFailure("throw"))
  assert.equal(world.runSoon(load(world, "1 + 3")), 4)
})

test("whoever is told of slices can have the evaluation let go, and give it up then", async () => {
  const given = new AbortController()
  const world = evaluation({
    signal: given.signal,
    onSlice: () => {
      setTimeout(() => given.abort())
      return true
    },
  })
  await assert.rejects(async () => world.runSoon(load(world, "let f = n: f (n + 1); in f 0")), isFailure("interrupted"))
})
