import assert from "node:assert/strict"
import { test } from "node:test"
import { EvaluationProgress, evaluationLine } from "./evaluation-progress.ts"

test("what is evaluated is an attribute path, below the one that was selected", () => {
  const progress = new EvaluationProgress(true)
  assert.equal(progress.path, "")
  progress.item(0, "a")
  progress.item(1, 3)
  assert.equal(progress.path, "a.3")
  progress.item(0, "b")
  assert.equal(progress.path, "b")
  progress.attribute(["shop", "items"])
  progress.item(0, 1)
  progress.item(1, "name")
  progress.item(0, 2)
  assert.equal(progress.path, "shop.items.2")
  progress.attribute([])
  assert.equal(progress.path, "")
})

for (const [path, derivations, files, line] of [
  ["", 0, 0, "evaluating  2 s"],
  ["git", 0, 1, "evaluating git  1 file  2 s"],
  ["caf\xc3\xa9.dev", 1234, 56, "evaluating café.dev  1,234 derivations  56 files  2 s"],
] as const) {
  test(line, () => assert.equal(evaluationLine(path, { derivations, files, elapsedMs: 2000 }), line))
}

test("who is quiet neither shows anything nor lets others go on", () => {
  assert.equal(new EvaluationProgress(true).tick(), false)
})
