import assert from "node:assert/strict"
import { test } from "node:test"
import fc from "fast-check"
import { internalize, nameIn } from "./names.ts"

test("a name is what stands there, whatever was met before", () => {
  // Few letters in few places: most have their place in common with another.
  const name = fc.string({ unit: fc.constantFrom("a", "b", "'", "\u{ff}"), minLength: 1, maxLength: 7 })
  fc.assert(
    fc.property(fc.string({ maxLength: 3 }), fc.array(name), (before, names) => {
      const text = before + names.join("")
      let from = before.length
      for (const expected of names) {
        assert.equal(nameIn(text, from, from + expected.length), expected)
        from += expected.length
      }
    }),
  )
})

test("names that look like numbers, or like what objects have", () => {
  for (const name of ["0", "12", "__proto__", "constructor", ""]) assert.equal(internalize(name), name)
})
