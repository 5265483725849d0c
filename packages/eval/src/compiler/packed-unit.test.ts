import assert from "node:assert/strict"
import { readdirSync, readFileSync } from "node:fs"
import { describe, test } from "node:test"
import { byteStringOf, writeChecksum } from "@tvix-ts/bytes"
import { hashByteString } from "@tvix-ts/hash"
import { parse, SourceFile } from "@tvix-ts/syntax"
import fc from "fast-check"
import { makeGlobals } from "../builtins/globals.ts"
import { nixText } from "../diagnostics/nix.ts"
import { deeply } from "../deeply.ts"
import { Evaluation } from "../evaluation.ts"
import { printValue } from "../print/value.ts"
import { Failure } from "../problem.ts"
import { memoryUnitCache, type UnitCache } from "../unit-cache.ts"
import { compile, UndefinedVariable } from "./compile.ts"
import type { CompiledUnit } from "./compiled-unit.ts"
import { disassemble } from "./disassemble.ts"
import { WORDS } from "./opcodes.ts"
import { PackedTables, PackedUnit } from "./packed-unit.ts"
import { encodeUnit } from "./unit-encoding.ts"

const GLOBALS = new Evaluation({}, makeGlobals).globals

function compiled(text: string): CompiledUnit | undefined {
  const source = new SourceFile("/base/test.nix", text)
  const { expr, problems } = parse(source)
  if (problems.length > 0) return undefined
  try {
    return compile(source, expr, { basePath: "/base", home: "/home", isGlobal: (name) => GLOBALS.has(name) })
  } catch (error) {
    if (error instanceof UndefinedVariable) return undefined
    throw error
  }
}
const digestOf = (text: string): Uint8Array => hashByteString("sha256", text)
const encoded = (unit: CompiledUnit): Uint8Array => encodeUnit(unit, digestOf(unit.source.text))
function unpacked(unit: CompiledUnit): PackedUnit {
  const tables = PackedTables.read(encoded(unit), digestOf(unit.source.text))
  assert.ok(tables, "what was encoded can be read")
  assert.equal(tables.sourceLength, unit.source.length)
  assert.deepEqual(tables.lineStarts(), unit.source.lineStarts)
  return new PackedUnit(tables, unit.source, unit.basePath, unit.home)
}
/** Everything a unit says of its codes. */
const spelledOut = (unit: CompiledUnit | PackedUnit): string =>
  disassemble(unit, { places: true }) +
  JSON.stringify(Array.from({ length: unit.codeCount }, (_, index) => unit.code(index)))

/** What C++ Nix would print, its standard error included. */
function run(text: string, unitCache?: UnitCache, steps = 20_000): string {
  const said: string[] = []
  const evaluation = new Evaluation(
    {
      ...(unitCache && { unitCache }),
      limits: { steps },
      home: "/home",
      onMessage: (kind, message) => void said.push(`${kind}: ${message}`),
    },
    makeGlobals,
  )
  try {
    const value = evaluation.load(new SourceFile("/base/test.nix", text), "/base")
    said.push(printValue(evaluation.runSync(deeply(value))))
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    said.push(nixText(error, { positions: evaluation.positions, showTrace: true }))
  }
  return said.join("\n")
}

const SNIPPETS = new URL("../../../../lang-tests/", import.meta.url)
const corpus = readdirSync(SNIPPETS)
  .filter((name) => name.endsWith(".nix"))
  .flatMap((name) => readFileSync(new URL(name, SNIPPETS), "latin1").split(/^---\n/m))

/** What the snippets seldom have: long files, large numbers, every kind of constant, nesting. */
const PROGRAMS = [
  `${"\n".repeat(40_000)}{ a = 1; }.b`,
  `[ ${Array.from({ length: 3000 }, (_, i) => `"string ${i}"`).join(" ")} ]`,
  '[ 9007199254740991 9007199254740993 9223372036854775807 1.5 1.0e-300 ./a ~/b /c/../d ./e/${"f"}/ <g> [ ] null ]',
  `${"(x: ".repeat(100)}x${")".repeat(100)} 1`,
  `${"[ ".repeat(100)}${" ]".repeat(100)}`,
  byteStringOf(`{ "ключ" = "значение"; }`),
  "\xff",
  "{ x = 1; y = x: x or 2; }",
  "let f = { a, b ? a, ... }@args: args; in f { b = 1; }",
  "let\r\n  x = throw ''\n    a\n  '';\rin x",
  "/** says what */ { a ? 1 }: a",
]

describe("units come back from bytes as they went", () => {
  test("of the language's tests", () => {
    for (const text of [...corpus, ...PROGRAMS]) {
      const unit = compiled(text)
      if (unit !== undefined) assert.equal(spelledOut(unpacked(unit)), spelledOut(unit), text)
    }
  })

  test("and do the same, to the word and the place", () => {
    const cache = memoryUnitCache()
    for (const text of [...corpus, ...PROGRAMS]) {
      const plain = run(text)
      assert.equal(run(text, cache), plain, text)
      assert.equal(run(text, cache), plain, text)
    }
  })

  test("of any program", () => {
    fc.assert(
      fc.property(program, (text) => {
        const unit = compiled(text)
        fc.pre(unit !== undefined)
        assert.equal(spelledOut(unpacked(unit)), spelledOut(unit))
        const cache = memoryUnitCache()
        const plain = run(text)
        assert.equal(run(text, cache), plain)
        assert.equal(run(text, cache), plain)
      }),
      { numRuns: 300 },
    )
  })
})

const name = fc.constantFrom("a", "b", "c", "__sub", "map")
const program = fc.letrec<{ expr: string }>((tie) => {
  const expr = tie("expr")
  const bindings = fc
    .uniqueArray(fc.tuple(name, expr), { selector: ([key]) => key, maxLength: 4 })
    .map((pairs) => pairs.map(([key, value]) => `${key} = ${value};`).join("\n"))
  const of = (...parts: (string | fc.Arbitrary<string>)[]): fc.Arbitrary<string> =>
    fc
      .tuple(...parts.map((part) => (typeof part === "string" ? fc.constant(part) : part)))
      .map((texts) => `(${texts.join(" ")})`)
  return {
    expr: fc.oneof(
      { maxDepth: 6, depthIdentifier: "program" },
      fc.oneof(
        name,
        fc.integer().map((n) => `(${n})`),
        fc.constantFrom(
          '"s"',
          "1.25",
          "./p",
          "~/q",
          "[ ]",
          "{ }",
          "__curPos",
          "true",
          "(throw ''t'')",
          "builtins.nope",
        ),
      ),
      of(expr, fc.constantFrom("+", "-", "//", "++", "==", "<", ">=", "&&", "->"), expr),
      of("let", bindings, "in", expr),
      of("rec {", bindings, "}"),
      of(expr, ".", name, "or", expr),
      of(expr, "?", name),
      of("with", expr, ";", expr),
      of("if", expr, "then", expr, "else", expr),
      of("assert", expr, ";", expr),
      of(name, ":", expr),
      of("{ a, b ?", expr, ", ... }@c:", expr),
      of(expr, expr),
      of("[", expr, expr, "]"),
      of('"x', fc.constant("${"), expr, '}"'),
      of("{ ${", expr, "} =", expr, "; }"),
    ),
  }
}).expr

/** What `text` evaluates to where the cache has `bytes` for it. */
function runFrom(bytes: Uint8Array, text: string): string {
  const cache = memoryUnitCache()
  return run(text, { open: (kind) => ({ ...cache.open(kind), get: () => bytes }), flush() {} })
}

describe("damage", () => {
  const unit = compiled('let f = { a, b ? [ 1 2.5 ./c ] }@c: a + b.d or "x"; in map f [ { a = 1; } ]')!
  const bytes = encoded(unit)
  const digest = digestOf(unit.source.text)

  test("bytes that were cut off", () => {
    for (let length = 0; length < bytes.length; length++) {
      assert.equal(PackedTables.read(bytes.slice(0, length), digest), undefined, `${length}`)
    }
  })
  test("bits that were turned over, each of them", () => {
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const copy = bytes.slice()
      copy[bit >> 3]! ^= 1 << (bit & 7)
      assert.equal(PackedTables.read(copy, digest), undefined, `${bit}`)
    }
  })
  test("another source's unit", () => assert.equal(PackedTables.read(bytes, digestOf("1")), undefined))

  test("a code that is inside of itself", () => {
    const text = "[ (__add 1 2) ]"
    const list = compiled(text)!
    const thunk = list.words.indexOf(WORDS.thunk)
    assert.equal(list.words[thunk + 1], 1)
    list.words[thunk + 1] = 0
    assert.match(runFrom(encoded(list), text), /a unit is damaged: a code is in one that comes after it/)
  })

  test("what somebody made, with the right checksum, comes to an end", () => {
    const text = unit.source.text
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(bytes.length / 2 - 1), fc.integer({ min: -3, max: 60 })), {
          minLength: 1,
          maxLength: 3,
        }),
        (changes) => {
          const copy = bytes.slice()
          const numbers = new Int16Array(copy.buffer)
          for (const [at, number] of changes) numbers[at] = number
          copy.set(digest, 16)
          writeChecksum(copy)
          try {
            runFrom(copy, text)
          } catch (error) {
            // As a bug of ours would be: told, and the end.
            assert.ok(error instanceof Error)
          }
        },
      ),
      { numRuns: 3000 },
    )
  })
})
