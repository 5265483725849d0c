import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, test } from "node:test"
import { byteStringOf, textOf } from "@tvix-ts/bytes"
import { deeply, describe as describeProblem, Evaluation, Failure, makeGlobals, printValue } from "@tvix-ts/eval"
import { SourceFile } from "@tvix-ts/syntax"
import { flakeBuiltins } from "./flake-builtins.ts"

/** Expressions, and what C++ Nix 2.34 makes of them: a value, or `ERR` and the message. */
const vectors = JSON.parse(readFileSync(join(import.meta.dirname, "flake-vectors.json"), "utf8")) as [string, string][]

function answer(expression: string): string {
  const evaluation = new Evaluation({ builtins: flakeBuiltins }, makeGlobals)
  try {
    const root = evaluation.load(new SourceFile("test", byteStringOf(expression)), "/")
    return textOf(printValue(evaluation.runSync(deeply(root))))
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    return `ERR ${textOf(describeProblem(error.problem))}`
  }
}

describe("references to flakes are read and written as by C++ Nix", () => {
  for (const [expression, expected] of vectors) {
    test(expression, () => assert.equal(answer(expression), expected))
  }
})
