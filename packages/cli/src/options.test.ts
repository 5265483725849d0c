import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { parseOptions, UsageError, type Option, type OptionSyntax } from "./options.ts"

interface Said {
  readonly words: string[]
}
const option = (names: readonly string[], values: readonly string[] = []): Option<Said> => ({
  names,
  values,
  set: (said, ...given) => void said.words.push([names.at(-1), ...given].join(" ")),
})
const OPTIONS = [
  option(["-a", "--all"]),
  option(["-b"]),
  option(["-I", "--include"], ["PATH"]),
  option(["--arg"], ["NAME", "EXPR"]),
]

const syntax = (clusters: boolean): OptionSyntax => ({
  clusters,
  unknown: (name) => `unknown ${name}`,
  missing: ({ values }, name, given) => `${name}: ${given} of ${values.length}`,
})

/** What was set, then what is left; or why not. */
function parsed(line: string, clusters = false): string {
  const said: Said = { words: [] }
  try {
    const rest = parseOptions(line.split(" ").filter(Boolean), OPTIONS, said, syntax(clusters))
    return [...said.words, "|", ...rest].join(" ")
  } catch (error) {
    assert.ok(error instanceof UsageError)
    return error.message
  }
}

const LINES: readonly [line: string, result: string, clusters?: boolean][] = [
  ["", "|"],
  ["-a x --all y", "--all --all | x y"],
  ["--arg n 1+1 --include p", "--arg n 1+1 --include p |"],
  ["--arg n -a", "--arg n -a |"],
  ["--include=p", "--include p |"],
  ["--arg=n 1", "--arg n 1 |"],
  ["--all=p", "unknown --all=p"],
  ["-I4 x", "--include 4 | x"],
  ["-a4", "unknown -a4"],
  ["-Ip", "unknown -Ip"],
  ["- x", "| - x"],
  ["-a -- -a -- x", "--all | -a -- x"],
  ["--arg n", "--arg: 1 of 2"],
  ["--any", "unknown --any"],
  ["-ab", "unknown -ab"],
  ["-ab", "--all -b |", true],
  ["-abz", "unknown -z", true],
  ["-aI p", "--all --include p |", true],
  ["--include=p", "unknown --include=p", true],
]

describe("parseOptions", () => {
  for (const [line, result, clusters] of LINES) {
    test(`${line}${clusters ? ", clustered" : ""}`, () => assert.equal(parsed(line, clusters), result))
  }
})
