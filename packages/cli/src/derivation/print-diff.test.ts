import assert from "node:assert/strict"
import { describe, test } from "node:test"
import type { DerivationChange, DerivationDiff, DerivationPair } from "@tvix-ts/nix-compat"
import { diffJson, printDiff } from "./print-diff.ts"

const NOTHING: DerivationDiff = {
  before: "/a",
  after: "/b",
  verdict: "different",
  causes: [],
  affected: [],
  downloads: [],
}
const pair = (
  name: string,
  changes: readonly DerivationChange[] = [],
  neededBy: readonly string[] = [],
): DerivationPair => {
  return { before: `/a-${name}`, after: `/b-${name}`, name, changes, neededBy }
}
const variable = (name: string, before?: string, after?: string): DerivationChange => {
  return { kind: "variable", name, before, after }
}
/** Without the two paths at the top, and the blank line behind them. */
function lines(
  diff: Partial<DerivationDiff>,
  options: { readonly colors?: boolean; readonly full?: boolean } = {},
): string[] {
  const all = [...printDiff({ ...NOTHING, ...diff }, { colors: false, full: false, ...options })]
  assert.deepEqual(all.slice(0, 2), options.colors ? ["\x1b[31m- /a\x1b[m", "\x1b[32m+ /b\x1b[m"] : ["- /a", "+ /b"])
  return all.slice(3)
}
/** What is said of one change. */
const changed = (...changes: readonly DerivationChange[]): string[] => lines({ causes: [pair("x", changes)] }).slice(1)

describe("printing differences of derivations", () => {
  test("none", () => {
    const print = (diff: Partial<DerivationDiff>): string[] => [
      ...printDiff({ ...NOTHING, ...diff }, { colors: false, full: false }),
    ]
    assert.deepEqual(print({ verdict: "same" }), ["They are one derivation."])
    const downloads = [pair("src", [variable("url", "a", "b")]), pair("other")]
    assert.deepEqual(print({ verdict: "equivalent", downloads }).slice(3), [
      "",
      "src",
      "  variable url: a -> b",
      "",
      "Made with other tools: other",
    ])
  })

  const path = (name: string, digit: string): string => `/nix/store/${digit.repeat(32)}-${name}`
  const texts: [what: string, change: DerivationChange, said: readonly string[]][] = [
    ["what is short", variable("a", "1", ""), ['  variable a: 1 -> ""']],
    ["what is new", variable("a", undefined, "1"), ["  + variable a = 1"]],
    ["what is gone", variable("a", "1\n2"), ["  - variable a:", "    1", "    2"]],
    ["what commands terminals", variable("\x1b[2J", undefined, "\x07\x1b"), ["  + variable ?[2J = ??"]],
    [
      "words",
      variable("flags", `--one ${path("a", "1")} --two --three --four --five --six`, `--one ${path("a", "1")} --two --three --four --five --seven --six`),
      ["  variable flags:", "    \u00e2\u0080\u00a6--two --three --four --five {+--seven +}--six"],
    ],
    [
      "words that have nothing in common",
      variable("src", path("a", "1"), path("b", "2")),
      ["  variable src:", `    -${path("a", "1")}`, `    +${path("b", "2")}`],
    ],
    [
      "lines, with what is around",
      variable("script", "a\nb\nc\nd\te\nf\n", `a\nb\nc\nd\te\n${path("x", "1")}\nf\n`),
      ["  variable script:", "    \u00e2\u0080\u00a6", "     c", "     d\te", `    +${path("x", "1")}`, "     f"],
    ],
    ["an argument", { kind: "arguments", before: ["-e", "a b"], after: ["-e", "a", "b"] }, ["  arguments:", "     -e", "    -a b", "    +a", "    +b"]],
    ["an attribute", { kind: "attribute", path: ["env", "A"], before: '"x"', after: '"y"' }, ["  attribute env.A: x -> y"]],
    [
      "a list of attributes",
      { kind: "attribute", path: ["l"], before: '["a",1]', after: '["a",2]' },
      ["  attribute l:", "     a", "    -1", "    +2"],
    ],
    ["an object", { kind: "attribute", path: ["o"], before: undefined, after: '{"a":1}' }, ['  + attribute o = {"a":1}']],
    ["an input", { kind: "input", name: "jq", before: undefined, after: "/p" }, ["  + input jq = /p"]],
    ["outputs of an input", { kind: "input-outputs", name: "jq", before: ["out"], after: ["dev"] }, ["  outputs of jq:", "    -out", "    +dev"]],
    ["a source by its path", { kind: "source", name: "s", before: "/a", after: "/b" }, ["  source s: /a -> /b"]],
    ["a source by its lines", { kind: "source", name: "s", before: "/a", after: "/b", beforeText: "x\n", afterText: "y\n" }, ["  source s:", "    -x", "    +y"]],
    ["what cannot be read", { kind: "unreadable", paths: ["/p"] }, ["  needs derivations that are not here:", "    /p"]],
    ["what cannot be explained", { kind: "unexplained" }, ["  nothing that is known of them differs, and yet their outputs do"]],
  ] // prettier-ignore
  for (const [what, change, said] of texts) test(what, () => assert.deepEqual(changed(change), said))

  test("long values in short, unless they are wanted", () => {
    const long = pair("x", [variable("a", undefined, "y".repeat(200)), variable("b", undefined, "z\n".repeat(20))])
    const [, first, , ...rest] = lines({ causes: [long] })
    assert.equal(first, `  + variable a = ${"y".repeat(160)}\u00e2\u0080\u00a6 (200 bytes)`)
    assert.equal(rest.length, 9)
    const full = lines({ causes: [long] }, { full: true })
    assert.ok(full.includes(`  + variable a = ${"y".repeat(200)}`))
    assert.ok(full.includes("  /a-x"))
    assert.equal(full.length, 3 + 1 + 22)
  })

  test("how a fixed output is made, when what it is differs", () => {
    const output = { kind: "output", name: "out", before: "fixed sha256:1", after: "fixed sha256:2" } as const
    assert.deepEqual(
      changed(output, variable("url", "a", "b"), variable("curlOpts", "a", "b"), variable("stdenv", "a", "b")),
      [
        "  output out: fixed sha256:1 -> fixed sha256:2",
        "  variable url: a -> b",
        "  and 2 more things about how it is made",
      ],
    )
  })

  test("what several have in common is said once, and who needs them", () => {
    const shared = variable("flag", "0", "1")
    const causes = ["a", "b", "c"].map((name) =>
      pair(name, name === "b" ? [shared, variable("n", "1", "2")] : [shared], ["root", "mid"]),
    )
    const affected = Array.from({ length: 10 }, (_, i) => pair(`n${i}`))
    assert.deepEqual(lines({ causes, affected }), [
      "a, b and c, alike:",
      "  variable flag: 0 -> 1",
      "",
      "b (root > mid)",
      "  variable n: 1 -> 2",
      "",
      "Because of that, 10 more derivations differ: n0, n1, n2, n3, n4, n5, n6, n7 and 2 more",
    ])
  })

  test("several builds of one name are counted", () => {
    const change = variable("a", "1", "2")
    const [line] = lines({
      causes: [pair("x", [change]), { ...pair("x", [change]), before: "/c" }, pair("y", [change])],
    })
    assert.equal(line, "x (2) and y, alike:")
  })

  test("a long way down is told by its ends", () => {
    const [line] = lines({ causes: [pair("x", [variable("a", "1", "2")], ["1", "2", "3", "4", "5", "6", "7"])] })
    assert.equal(line, "x (1 > \u00e2\u0080\u00a6 > 5 > 6 > 7)")
  })

  test("colours instead of brackets", () => {
    const words = variable("flags", `${"same ".repeat(10)}old`, `${"same ".repeat(10)}new`)
    const [, , line] = lines({ causes: [pair("x", [words])] }, { colors: true })
    assert.match(line!, /same \x1b\[31mold\x1b\[m\x1b\[32mnew\x1b\[m$/)
  })

  test("as JSON, which is UTF-8", () => {
    const json = diffJson({ ...NOTHING, causes: [pair("x", [variable("a", "\xc3\xa9", "\xff")])] })
    const { causes } = JSON.parse(Buffer.from(json, "latin1").toString()) as DerivationDiff
    assert.deepEqual(causes[0]?.changes, [{ kind: "variable", name: "a", before: "é", after: "\ufffd" }])
  })
})
