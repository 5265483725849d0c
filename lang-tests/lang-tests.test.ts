/** Every snippet of lang-tests/ evaluates to what its mark says. What the marks mean: scripts/lang-tests/fixtures.ts. */
import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { byteStringOf, textOf } from "@tvix-ts/bytes"
import { describe as describeProblem, Evaluation, Failure, forceDeep, makeGlobals, printValue } from "@tvix-ts/eval"
import { nodeIo } from "@tvix-ts/eval/node"
import { SourceFile } from "@tvix-ts/syntax"
import { codeOf } from "../scripts/lang-tests/codes.ts"
import { LANG_TESTS, readFixtures, type Expectation, type Fixture } from "../scripts/lang-tests/fixtures.ts"

const ORIGIN = byteStringOf("«string»")
const directory = byteStringOf(LANG_TESTS)

function newEvaluation(): Evaluation {
  return new Evaluation(
    {
      io: nodeIo({ env: { TEST_VAR: "foo" } }),
      searchPath: [
        { prefix: "files", path: `${directory}/files` },
        { prefix: "", path: `${directory}/files/search` },
      ],
      home: "/home/nobody",
      pipeOperators: true,
      system: "x86_64-linux",
    },
    makeGlobals,
  )
}

/** What evaluating the snippet ends with, in the form of its expectation. */
function outcome({ source }: Fixture): Expectation {
  const evaluation = newEvaluation()
  try {
    const root = evaluation.load(new SourceFile(ORIGIN, source), directory)
    return { value: printValue(evaluation.runSync(forceDeep(root))) }
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure
    const message = describeProblem(failure.problem)
    const place = evaluation.positions.place(failure.at)
    // A problem without a place, or with one in another file, says nothing about the line.
    const line = place?.source.path === ORIGIN ? place.source.position(place.offset).line : 0
    return { code: failure.problem.code === "syntax" ? codeOf(textOf(message)) : failure.problem.code, line }
  }
}

for (const [file, fixtures] of readFixtures()) {
  describe(file, () => {
    for (const fixture of fixtures) {
      const { line, source, expect } = fixture
      test(`${file}:${line}: ${textOf(source)}`, () => {
        assert.ok(expect, `no expectation: ${source}`)
        const actual = outcome(fixture)
        const show = (it: Expectation): string => ("value" in it ? textOf(it.value) : `problem ${it.code}`)
        assert.equal(show(actual), show(expect))
        if ("line" in actual && "line" in expect && actual.line > 0)
          assert.equal(actual.line, expect.line, "wrong line")
      })
    }
  })
}
