import assert from "node:assert/strict"
import { test } from "node:test"
import { JsonError, parseJson } from "./json.ts"

const refusal = (text: string): string => {
  try {
    parseJson(text)
    return "none"
  } catch (error) {
    assert.ok(error instanceof JsonError)
    return error.problem.code
  }
}

test("depth is bounded, closed or not, and what is in strings is no depth", () => {
  assert.equal(refusal("[".repeat(1000) + "]".repeat(1000)), "none")
  for (const open of ["[", '{"a":', '{"a\\"]]":[']) {
    assert.equal(refusal(open.repeat(100_000)), "depth")
    assert.equal(refusal(`"\\\\",${open.repeat(1001)}`), "depth")
  }
  assert.equal(refusal(`["${"[".repeat(5000)}"]`), "none")
  assert.equal(refusal(`["${"[".repeat(5000)}`), "syntax")
})

test("nothing of an object's prototype is a member", () => {
  for (const name of ["constructor", "toString", "__proto__"]) assert.equal(parseJson("{}").member(name), undefined)
  assert.equal(parseJson('{"__proto__":1}').required("__proto__").count(), 1)
})
