import assert from "node:assert/strict"
import { describe, test } from "node:test"
import fc from "fast-check"
import { diffSequences, type Edit } from "./sequence.ts"

const side = (edits: readonly Edit[], without: Edit["kind"]): string[] =>
  edits.flatMap(({ kind, items }) => (kind === without ? [] : items))
const changed = (edits: readonly Edit[]): number =>
  edits.reduce((sum, { kind, items }) => sum + (kind === "same" ? 0 : items.length), 0)

/** Edits by the textbook: a table of everything. */
function fewest(a: readonly string[], b: readonly string[]): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (const [i, one] of a.entries()) {
    const next = [i + 1]
    for (const [j, other] of b.entries()) {
      next.push(one === other ? row[j]! : 1 + Math.min(row[j + 1]!, next[j]!))
    }
    row = next
  }
  return row.at(-1)!
}

describe("edits of sequences", () => {
  const words = fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 20 })
  test("lead from one to the other, by the shortest way", () => {
    fc.assert(
      fc.property(words, words, (before, after) => {
        const edits = diffSequences(before, after)
        assert.deepEqual(side(edits, "added"), before)
        assert.deepEqual(side(edits, "removed"), after)
        assert.equal(changed(edits), fewest(before, after))
        for (const [i, { kind, items }] of edits.entries()) {
          assert.ok(items.length > 0)
          assert.notEqual(kind, edits[i + 1]?.kind)
        }
      }),
    )
  })

  test("what has nothing in common is replaced as a whole, in no time", () => {
    const before = Array.from({ length: 50_000 }, (_, i) => `a${i}`)
    const after = Array.from({ length: 50_000 }, (_, i) => `b${i}`)
    const edits = diffSequences(["x", ...before, "y"], ["x", ...after, "y"])
    assert.deepEqual(
      edits.map(({ kind, items }) => [kind, items.length]),
      [["same", 1], ["removed", 50_000], ["added", 50_000], ["same", 1]], // prettier-ignore
    )
  })
})
