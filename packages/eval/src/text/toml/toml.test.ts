import assert from "node:assert/strict"
import { test } from "node:test"
import { jsonFloat, quoteJson } from "../../json/writer.ts"
import { parseToml, type TomlBuilder } from "./parser.ts"
import { TomlError } from "./problem.ts"
import vectors from "./vectors.json" with { type: "json" }

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number =>
  a < b ? -1 : a > b ? 1 : 0

/** Writes what it reads as `toJSON (fromTOML text)` would. */
const rewriting: TomlBuilder<string> = {
  boolean: String,
  integer: String,
  float: jsonFloat,
  string: quoteJson,
  timestamp: (value) => `{"_type":"timestamp","value":${quoteJson(value)}}`,
  list: (values) => `[${values.join(",")}]`,
  set: (values) =>
    `{${[...values]
      .sort(byName)
      .map(([name, value]) => `${quoteJson(name)}:${value}`)
      .join(",")}}`,
}

function rewritten(text: string): string {
  try {
    return parseToml(text, rewriting, true)
  } catch (error) {
    if (error instanceof TomlError) return `error: ${error.message}`
    throw error
  }
}

/** Terminals do not show spaces at the ends of lines, and the vectors leave them out. */
const trimmed = (text: string): string =>
  text
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n")
    .trimEnd()

test("reads and refuses what C++ Nix does", () => {
  for (const [text, result] of vectors.cases as [string, string | null][]) {
    if (result === null) assert.match(rewritten(text), /^error: \[error\]/, text)
    else assert.equal(trimmed(rewritten(text)), trimmed(result), text)
  }
})

test("timestamps have to be allowed", () => {
  assert.throws(() => parseToml("a = 1979-05-27", rewriting, false), { message: "Dates and times are not supported" })
})

test("names that mean something to JavaScript are names", () => {
  assert.equal(
    rewritten('__proto__.a = 1\nconstructor = 2\n[toString]\n"" = 3'),
    '{"__proto__":{"a":1},"constructor":2,"toString":{"":3}}',
  )
})

test("a hundred thousand levels do not overflow a stack", () => {
  const depth = 100_000
  const deepest: TomlBuilder<number> = {
    boolean: () => 0,
    integer: () => 0,
    float: () => 0,
    string: () => 0,
    timestamp: () => 0,
    list: ([inner = 0]) => inner + 1,
    set: (values) => (values.get("a") ?? 0) + 1,
  }
  assert.equal(parseToml(`a=${"[".repeat(depth)}${"]".repeat(depth)}`, deepest, false), depth + 1)
  assert.equal(parseToml(`a=${"{a=".repeat(depth)}1${"}".repeat(depth)}`, deepest, false), depth + 1)
  assert.equal(parseToml(`${"a.".repeat(depth)}a=1`, deepest, false), depth + 1)
})
