import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { Remembered } from "./remembered.ts"

describe("what is remembered", () => {
  const at = { now: 0 }
  const now = (): number => at.now
  const known = (map: Remembered<number>, keys: string): string =>
    keys
      .split("")
      .filter((key) => map.get(key) !== undefined)
      .join("")

  test("is what came last", () => {
    const map = new Remembered<number>({ countMax: 2, ms: 1, now })
    for (const key of "abac") map.set(key, 1)
    assert.equal(known(map, "abc"), "ac")
  })

  test("weighs no more than it may", () => {
    const map = new Remembered<number>({ countMax: 100, weightMax: 10, ms: 1, now })
    for (const [key, weight] of [
      ["a", 4],
      ["b", 4],
      ["a", 6],
    ] as const)
      map.set(key, 1, weight)
    assert.equal(known(map, "ab"), "ab")
    map.set("c", 1, 1)
    assert.equal(known(map, "abc"), "ac")
    map.delete("a")
    map.set("d", 1, 9)
    assert.equal(known(map, "cd"), "cd")
    map.set("e", 1, 11)
    assert.equal(known(map, "cde"), "")
    map.set("f", 1, 10)
    assert.equal(known(map, "f"), "f")
  })

  test("is forgotten in time", () => {
    const map = new Remembered<number>({ countMax: 2, weightMax: 2, ms: 10, now })
    map.set("a", 1, 2)
    at.now = 9
    assert.equal(known(map, "a"), "a")
    at.now = 10
    assert.equal(known(map, "a"), "")
    map.set("b", 1, 2)
    assert.equal(known(map, "b"), "b")
  })
})
