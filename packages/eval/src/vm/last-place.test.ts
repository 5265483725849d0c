import fc from "fast-check"
import assert from "node:assert/strict"
import { test } from "node:test"
import { evaluateSync } from "../evaluate.ts"

/** Enough names for sets that are laid upon others instead of merged with them. */
const NAMES = Array.from({ length: 40 }, (_, i) => `n${i}`)
const names = fc.subarray(["x", ...NAMES], { maxLength: 4 })
/** A set is `large // small`, whose attributes tell which of them they are from. */
const sets = fc.array(
  fc.record({ large: fc.oneof(names, fc.constant(NAMES), fc.constant(["x", ...NAMES])), small: names }),
)

const written = (attributes: readonly string[], from: string): string =>
  `{ ${attributes.map((name) => `${name} = "${from}";`).join(" ")} }`

for (const { form, text, missing } of [
  { form: "with", text: `with { x = "outside"; }; with s; x`, missing: "outside" },
  { form: "with of a set around", text: `with s; with { y = 1; }; x`, missing: undefined },
  { form: "or", text: `s.x or "nothing"`, missing: "nothing" },
  { form: "?", text: `if s ? x then s.x else "not there"`, missing: "not there" },
]) {
  test(`one place finds an attribute in sets of any shapes: ${form}`, () => {
    fc.assert(
      fc.property(sets, (sets) => {
        const wanted = sets.map(({ large, small }) =>
          small.includes("x") ? "small" : large.includes("x") ? "large" : missing,
        )
        const list = sets.map(({ large, small }) => `(${written(large, "large")} // ${written(small, "small")})`)
        // Where nothing stands in for it, those without it are left out.
        const kept = list.filter((_, i) => wanted[i] !== undefined)
        assert.deepEqual(
          evaluateSync(`map (s: ${text}) [ ${kept.join(" ")} ]`).toJS(),
          wanted.filter((value) => value !== undefined),
        )
      }),
    )
  })
}
