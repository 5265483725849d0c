import assert from "node:assert/strict"
import { test } from "node:test"
import fc from "fast-check"
import { nameIn } from "./names.ts"

test("a name is what stands there, however often, and whatever else was asked for", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", "-", "\xe9", "\0"), maxLength: 12 })
  fc.assert(
    fc.property(text, text, text, (before, name, after) => {
      const whole = before + name + after
      for (let i = 0; i < 2; i++) assert.equal(nameIn(whole, before.length, before.length + name.length), name)
      assert.equal(nameIn(name), name)
    }),
    { numRuns: 2000 },
  )
})

test("more names than are remembered", () => {
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 100_000; i++) {
      const name = `name${i * 7919}`
      if (nameIn(`x.${name}.y`, 2, 2 + name.length) !== name) assert.fail(name)
    }
  }
})
