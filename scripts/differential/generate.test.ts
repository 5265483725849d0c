import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { generateProgram } from "./generate.ts"
import { mutate } from "./mutate.ts"
import { Random } from "../random.ts"
import { INT, print, smaller, tree } from "./tree.ts"

describe("random programs", () => {
  test("a seed names a program", () => {
    assert.equal(print(generateProgram(7)), print(generateProgram(7)))
    assert.notEqual(print(generateProgram(7)), print(generateProgram(8)))
  })

  test("a damaged program is its tokens", () => {
    const program = tree(INT)`(foo.bar' + 1.5 |> "x")`
    const damaged = mutate(program, new Random(1))
    assert.ok(damaged.parts.every((part) => typeof part === "string"))
    assert.notEqual(print(damaged), print(program))
  })

  test("smaller programs are parts, simplest values, and the same of parts", () => {
    const program = tree(INT)`(${tree(INT)`(2 + 3)`} * ${tree(INT)`5`})`
    assert.deepEqual(smaller(program).map(print), ["5", "1", "(2 + 3)", "(1 * 5)", "((2 + 3) * 1)"])
  })
})
