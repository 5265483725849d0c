import assert from "node:assert/strict"
import { test } from "node:test"
import vectors from "./vectors.json" with { type: "json" }
import { parseRegex } from "./parser.ts"
import { RegexError } from "./problem.ts"
import { compileRegex, Regex, type RegexMatch } from "./regex.ts"

type Split = (string | (string | null)[])[]

/** `builtins.split`, from the matches. */
function split(text: string, matches: readonly RegexMatch[]): Split {
  const parts: Split = []
  let at = 0
  for (const { from, to, groups } of matches) {
    parts.push(text.slice(at, from), groups.map(orNull))
    at = to
  }
  return [...parts, text.slice(at)]
}
const orNull = (group: string | undefined): string | null => group ?? null

/** The same pattern with RegExp left out of it. */
const withoutRegExp = (pattern: string): Regex => new Regex({ ...parseRegex(pattern), sameOrder: false })

test("match and split as C++ Nix does, with RegExp and without", () => {
  for (const [pattern, text, match, parts] of vectors.cases as [string, string, string[] | null, Split][]) {
    for (const regex of [compileRegex(pattern), withoutRegExp(pattern)]) {
      const label = `${pattern} on ${JSON.stringify(text)}`
      assert.deepEqual(regex.match(text)?.map(orNull) ?? null, match, label)
      assert.deepEqual(split(text, regex.searchAll(text)), parts, label)
    }
  }
})

// Groups by what a POSIX or Perl user would get wrong.
const MATCHES: readonly [pattern: string, text: string, groups: (string | undefined)[] | undefined][] = [
  ["(a|ab)(c|bcd)(d*)", "abcd", ["a", "bcd", ""]],
  ["(a*)*", "", [""]],
  ["(a*)?", "", [""]],
  ["((a)|b)*", "ab", ["b", "a"]],
  ["(a)|b", "b", [undefined]],
  ["()", "", [""]],
  ["a||b", "b", []],
  [".", "\n", []],
  ["[]a]*", "a]", []],
  ["[^]a]", "b", []],
  ["[a\\]*", "\\a", []],
  ["[[:ALPHA:]]", "b", []],
  ["[[:w:]]", "_", []],
  ["[[.hyphen.]-0]", ".", []],
  ["[[=a=]]", "A", []],
  ["[\xc3-a]", "Z", []],
  ["a{2}{3}", "aaaaaa", []],
  ["(a){0}b", "b", [undefined]],
  ["}]", "}]", []],
]
test("groups", () => {
  for (const [pattern, text, groups] of MATCHES) {
    assert.deepEqual(compileRegex(pattern).match(text), groups, pattern)
    assert.deepEqual(withoutRegExp(pattern).match(text), groups, pattern)
  }
})

const REFUSED: readonly (readonly [code: string, ...patterns: string[]])[] = [
  ["regex-invalid", "(", ")", "*a", "a|*b", "^*", "{1}", "a{", "a{,2}", "a{2,1}", "a{1,2,3}", "a{2147483648}"],
  ["regex-invalid", "\\", "\\d", "\\}", "(a)\\1", "[", "[]", "[a", "[b-a]", "[a-\xc3]", "[a-b-c]", "[[:alpha:]-z]"],
  ["regex-invalid", "[[:foo:]]", "[[:alpha:]", "[[.-.]]", "[[.0.]]", "[[=foo=]]", "a\0"],
  ["regex-too-large", "a{99999}", "a{1000}{1000}", "(a{300}){400}", "((a{2}){2}){50000}", "a{2147483647}"],
]
test("patterns are refused with a code", () => {
  for (const [code, ...patterns] of REFUSED) {
    for (const pattern of patterns) {
      assert.throws(
        () => compileRegex(pattern),
        (error) => error instanceof RegexError && error.problem.code === code,
        pattern,
      )
    }
  }
  assert.throws(() => compileRegex("*"), { message: "invalid regular expression '*'" })
})

test("neither long subjects nor deep parentheses overflow a stack", () => {
  const long = "ab".repeat(200_000)
  assert.deepEqual(compileRegex("((a)|b)*").match(long), ["b", "a"])
  assert.deepEqual(withoutRegExp("(.*)").match(long), [long])
  assert.equal(compileRegex("(a|b)*c").match(long), undefined)
  const deep = 20_000
  assert.equal(compileRegex("(".repeat(deep) + ")".repeat(deep)).match("")?.length, deep)
})

test("a charge can stop what would take for ever", () => {
  let steps = 0
  const charge = (more: number): void => {
    steps += more
    if (steps > 100_000) throw new Error("enough")
  }
  for (const pattern of ["(a|a)*b", "(a+)+b", "a*a*a*a*a*a*a*b"]) {
    steps = 0
    assert.throws(() => compileRegex(pattern).match("a".repeat(2000), charge), /enough/, pattern)
    steps = 0
    assert.throws(() => compileRegex(pattern).searchAll("a".repeat(2000), charge), /enough/, pattern)
  }
})
