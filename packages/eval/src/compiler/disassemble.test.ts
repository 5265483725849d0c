import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { parse, SourceFile } from "@tvix-ts/syntax"
import { compile } from "./compile.ts"
import { disassemble } from "./disassemble.ts"
import { OPS } from "./opcodes.ts"

const GLOBALS = new Set(["map", "builtins", "true", "false", "null", "__findFile", "__nixPath"])
function assembly(text: string, places = false): string {
  const source = new SourceFile("test.nix", text)
  const unit = compile(source, parse(source).expr, {
    basePath: "/base",
    home: "/home",
    isGlobal: (name) => GLOBALS.has(name),
  })
  return disassemble(unit, { places })
}

/** Each line: a program, and the one line of code that the file itself becomes. */
const FILES: readonly (readonly [source: string, code: string])[] = [
  ["1 + 2", "add(constant 1, constant 2)"],
  ["1.5 - -2", "subtract(constant 1.5, subtract(constant 0, constant 2))"],
  ["1 * 2 / 3", "divide(multiply(constant 1, constant 2), constant 3)"],
  ["1 < 2", "less(constant 1, constant 2)"],
  ["1 > 2", "less(constant 2, constant 1)"],
  ["1 >= 2", "not-less(constant 1, constant 2)"],
  ["1 == 2", "equal(constant 1, constant 2)"],
  ["1 != 2", "unequal(constant 1, constant 2)"],
  ["!true", "not(global true)"],
  ["true && false", "and(global true, global false)"],
  ["true || false", "or(global true, global false)"],
  ["true -> false", "implies(global true, global false)"],
  ["if true then 1 else 2", "if(global true, constant 1, constant 2)"],
  ["assert true; 1", 'assert "true"(global true, constant 1)'],
  ["assert 1 == 2; 3", 'assert-equal "1 == 2"(constant 1, constant 2, constant 3)'],
  ["[ 1 ] ++ [ ]", "concat(list(constant 1), constant [ ])"],
  ["{ a = 1; } // { }", "update(attrs { a }(constant 1), attrs { })"],
  ['"a${"b"}"', 'interpolate(constant "a", constant "b")'],
  ["./a/${null}", "interpolate-path(constant /base/a/, global null)"],
  ["~/x", "constant /home/x"],
  ["<x>", 'call(global __findFile, global __nixPath, constant "x")'],
  ["builtins.a", "select a(global builtins)"],
  ["builtins.a.b", "select-path(global builtins, .a, .b)"],
  ["builtins.a.b or 1", "select-or(global builtins, constant 1, .a, .b)"],
  ["builtins ? a.${null}", "has-attr(global builtins, .a, .computed(global null))"],
  ["{ b = 1; a = 2; }", "attrs { a b }(constant 2, constant 1)"],
  ["{ ${null} = 1; }", "dynamic(attrs { }, entry(global null, constant 1))"],
  ["let a = 1; b = a; in b", "let(0.0 = constant 1, 0.1 = slot 0.0, variable 0.1)"],
  ["let a = b; b = 1; in a", "let(0.0 = thunk #1, 0.1 = constant 1, variable 0.0)"],
  ["rec { a = 1; b = a; }", "let(0.0 = constant 1, 0.1 = slot 0.0, attrs { a b }(slot 0.0, slot 0.1))"],
  ["with builtins; x", "let(0.0 = global builtins, with-variable x(0.0))"],
  ["map 1 2", "call(global map, constant 1, constant 2)"],
  ["x: x", "lambda #1"],
  ["__curPos", "position"],
  [
    "rec { __overrides = { a = 2; }; a = 1; }",
    "let(0.0 = thunk #1, 0.1 = constant 1, overrides 0.0(__overrides 0.0, a 0.1, attrs { __overrides a }(slot 0.0, slot 0.1)))",
  ],
]
describe("a file", () => {
  for (const [source, code] of FILES) {
    test(source, () => {
      const [, ...lines] = assembly(source).split("\n\n")[0]!.trimEnd().split("\n")
      assert.equal(joined(lines), code)
    })
  }
})
/** Lines broken for their width, put together again. */
function joined(lines: readonly string[]): string {
  const [first = "", ...rest] = lines
  if (rest.length === 0) return first.trim()
  const indent = rest[0]!.search(/\S/)
  const parts: string[][] = []
  for (const line of rest) {
    if (line.search(/\S/) === indent) parts.push([line])
    else parts.at(-1)!.push(line)
  }
  return `${first.trim()}(${parts.map(joined).join(", ")})`
}

test("functions and what is evaluated later are code objects of their own", () => {
  const source = "let compose = f: g: x: f (g x); in { inc, twice ? compose inc inc, ... }@args: twice args.start"
  assert.equal(
    assembly(source),
    `#0 file, 1 slot
  let(0.0 = thunk #1, lambda #2)

#1 code in #0
  lambda #5

#2 lambda ({ inc, twice ? thunk #3, ... }@args!) in #0, 3 slots
  call(variable 2.2, thunk #4)

#3 code in #2
  call(variable 0.0, slot 2.1, slot 2.1)

#4 code in #2
  select start(variable 2.0)

#5 lambda compose (f! g x) in #1, 3 slots
  call(variable 5.0, thunk #6)

#6 code in #5
  call(variable 5.1, slot 5.2)
`,
  )
})

test("places are lines and columns", () => {
  assert.equal(
    assembly("{\n  a = b:\n    b + 1; }", true),
    `#0 file @1:1
  attrs { a }(thunk #1)

#1 code in #0 @2:7
  lambda #2

#2 lambda a (b!) in #1, 1 slot @2:7
  add @3:7 @3:5 @3:9(variable 2.0 @3:5, constant 1)
`,
  )
})

test("what nests deeper than an instruction may is cut out", () => {
  const text = assembly(`${"(1 + ".repeat(50)}0${")".repeat(50)}`)
  assert.match(text, /nested #1/)
})

test("every instruction is covered here", () => {
  const seen =
    FILES.map(([source]) => assembly(source)).join() +
    assembly("(1 + ".repeat(50) + "0" + ")".repeat(50)) +
    assembly("x: [ x ]")
  for (const op of OPS) {
    const shown = op.replace(/^lazy-(?=constant|global|slot)/, "")
    assert.ok(new RegExp(`(^|[ (])${shown}( |\\(|,|$|\\))`, "m").test(seen), op)
  }
})
