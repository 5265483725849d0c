import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { parseFixtures, printFixtures } from "./fixtures.ts"

const FILE = '1 + 2 #> 3\n---\n# Two lines.\n1 +\n"a" #! cannot-add\n---\n"unmarked"\n'

describe("language test files", () => {
  test("a snippet has its line in the file, its source and its expectation", () => {
    assert.deepEqual(parseFixtures("f.nix", FILE), [
      { file: "f.nix", line: 1, source: "1 + 2 #> 3", expect: { value: "3" } },
      {
        file: "f.nix",
        line: 3,
        source: '# Two lines.\n1 +\n"a" #! cannot-add',
        expect: { code: "cannot-add", line: 3 },
      },
      { file: "f.nix", line: 7, source: '"unmarked"', expect: undefined },
    ])
  })

  test("printing gives the file back", () => assert.equal(printFixtures(parseFixtures("f.nix", FILE)), FILE))

  test("a snippet with two marks is refused, and named", () => {
    assert.throws(() => parseFixtures("f.nix", "1 #> 1\n---\n1 #> 1\n2 #> 2\n"), /^Error: f\.nix:3: /)
  })
})
