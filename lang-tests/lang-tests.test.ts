/** Every snippet of lang-tests/ evaluates to what its mark says. What the marks mean: scripts/lang-tests/fixtures.ts. */
import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { textOf } from "@tvix-ts/bytes"
import { askOurs } from "../scripts/lang-tests/ask-ours.ts"
import { readFixtures } from "../scripts/lang-tests/fixtures.ts"

for (const [file, fixtures] of readFixtures()) {
  describe(file, () => {
    for (const { line, source, expect } of fixtures) {
      test(`${file}:${line}: ${textOf(source)}`, () => {
        assert.ok(expect, "no expectation")
        const actual = askOurs(source)
        if ("value" in actual || "value" in expect) {
          const show = "value" in actual ? actual.value : `error: ${actual.error}`
          assert.equal(show, "value" in expect ? textOf(expect.value) : `error with the code ${expect.code}`)
          return
        }
        assert.equal(actual.code, expect.code, actual.error)
        if (actual.line !== undefined) assert.equal(actual.line, expect.line, "it is reported on another line")
      })
    }
  })
}
