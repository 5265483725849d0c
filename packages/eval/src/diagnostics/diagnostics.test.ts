import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { byteStringOf, textOf } from "@tvix-ts/bytes"
import { SourceFile } from "@tvix-ts/syntax"
import { DERIVATION_FILE } from "../builtins/derivation.ts"
import { makeGlobals } from "../builtins/globals.ts"
import { deeply } from "../deeply.ts"
import { Evaluation } from "../evaluation.ts"
import { Failure, type Trace } from "../problem.ts"
import { frameText } from "./frame.ts"
import { nixMessage, nixText } from "./nix.ts"
import { colored } from "./palette.ts"
import { problemRecord } from "./record.ts"
import { forTerminal } from "./terminal.ts"
import { tokenLength } from "./token.ts"

function failing(program: string, path = "«string»"): { failure: Failure; evaluation: Evaluation } {
  const evaluation = new Evaluation({}, makeGlobals)
  try {
    evaluation.runSync(deeply(evaluation.load(new SourceFile(byteStringOf(path), byteStringOf(program)), "/")))
  } catch (failure) {
    if (failure instanceof Failure) return { failure, evaluation }
    throw failure
  }
  throw new Error(`${program} does not fail`)
}

/** The text without the margin that keeps the table readable. */
function unindented(text: string): string {
  return text.slice(1).trimEnd().replaceAll(/^ {4}/gm, "")
}

// Standard error of C++ Nix 2.34.8's `nix-instantiate --eval --strict -E PROGRAM`.
const NIX: readonly { program: string; showTrace?: boolean; text: string }[] = [
  {
    program: "1 + x",
    text: `
    error: undefined variable 'x'
           at «string»:1:5:
                1| 1 + x
                 |     ^
    `,
  },
  {
    program: "let\n  a = { bcd = 1; };\nin\na.bce",
    text: `
    error: attribute 'bce' missing
           at «string»:4:1:
                3| in
                4| a.bce
                 | ^
           Did you mean bcd?
    `,
  },
  {
    program: '{ a.b = throw "x"; }',
    text: `
    error:
           … while evaluating the attribute 'a'
             at «string»:1:3:
                1| { a.b = throw "x"; }
                 |   ^

           … while evaluating the attribute 'b'
             at «string»:1:3:
                1| { a.b = throw "x"; }
                 |   ^

           (stack trace truncated; use '--show-trace' to show the full, detailed trace)

           error: x
    `,
  },
  {
    program: '[ (throw "one\ntwo\n\n") ]',
    showTrace: true,
    text: `
    error:
           … while evaluating list element at index 0

           … while calling the 'throw' builtin
             at «string»:1:4:
                1| [ (throw "one
                 |    ^
                2| two

           error: one
           two
    `,
  },
  {
    program: 'builtins.addErrorContext "here" (throw "x")',
    text: `
    error:
           … here

           … while calling the 'throw' builtin
             at «string»:1:34:
                1| builtins.addErrorContext "here" (throw "x")
                 |                                  ^

           error: x
    `,
  },
]

describe("nixText", () => {
  for (const { program, showTrace = false, text } of NIX) {
    test(program, () => {
      const { failure, evaluation } = failing(program)
      assert.equal(textOf(nixText(failure, { positions: evaluation.positions, showTrace })), unindented(text))
    })
  }

  const trace = (frames: readonly string[]): Trace | undefined =>
    frames.reduceRight<Trace | undefined>(
      (inner, message) => ({ message, at: 0, kind: "normal", told: 0, inner }),
      undefined,
    )
  const lines = (frames: readonly string[], showTrace = true): string[] => {
    const { positions } = new Evaluation({}, makeGlobals)
    const failure = new Failure({ code: "throw", message: "x" }, 0, trace(frames))
    const text = textOf(nixText(failure, { positions, showTrace }))
    return text.split("\n").flatMap((line) => (/^ +[…(]/.test(line) ? [line.trim()] : []))
  }
  test("up to five repeated lines are shown, more are counted", () => {
    const five = Array.from({ length: 5 }, () => "a")
    assert.deepEqual(lines(["a", ...five, "b"]), ["… a", ...five.map(() => "… a"), "… b"])
    assert.deepEqual(lines(["a", ...five, "a", "b"]), ["… a", "(6 duplicate frames omitted)", "… b"])
  })
  test("without --show-trace four lines are shown", () => {
    const [first, second, third, fourth, ...rest] = lines(["a", "b", "c", "d", "e"], false)
    assert.deepEqual([first, second, third, fourth], ["… a", "… b", "… c", "… d"])
    assert.match(rest.join(), /^\(stack trace truncated/)
  })

  test("colours are escape sequences and nothing else", () => {
    const { failure, evaluation } = failing('{ a = throw "x"; }')
    const options = { positions: evaluation.positions, showTrace: true }
    const painted = nixText(failure, { ...options, palette: colored })
    assert.match(painted, /^\x1b\[31;1merror:\x1b\[0m/)
    assert.equal(forTerminal(painted, false).replaceAll(/ +$/gm, ""), nixText(failure, options))
  })
})

test("messages of the program", () => {
  assert.equal(nixMessage("trace", "a\n\tb"), "trace: a\n        b")
  assert.equal(nixMessage("warning", "a\nb\n"), "evaluation warning: a\n                    b")
  assert.equal(nixMessage("notice", "a"), "warning: a")
})

// What C++ Nix's filterANSIEscapes makes of each.
const TERMINAL: readonly [given: string, plain: string][] = [
  ["a\tb", "a       b"],
  ["12345678\tb", "12345678        b"],
  ["é\tb", "é       b"],
  ["日\tb", "日      b"],
  ["a\nb\tc", "a\nb      c"],
  ["a\r\nb\x07", "a\nb"],
  ["\x1b[31mred\x1b[0m", "red"],
  ["\x1b]8;;http://x\x07link\x1b]8;;\x1b\\.", "link."],
]
describe("forTerminal", () => {
  for (const [given, plain] of TERMINAL) {
    test(JSON.stringify(given), () => assert.equal(textOf(forTerminal(byteStringOf(given), false)), plain))
  }
  test("colours may stay", () => assert.equal(forTerminal("\x1b[31ma\x1b[2J", true), "\x1b[31ma"))
})

const FRAMES: readonly { program: string; showTrace?: boolean; text: string }[] = [
  {
    program: "let\n  color = 1;\nin { inherit color; }.colour",
    text: `
    error[attribute-missing]: attribute 'colour' missing
    --> /f.nix:3:4
       |
     3 | in { inherit color; }.colour
       |    ^
       = hint: Did you mean color?
    `,
  },
  {
    program: "lenght [ ]",
    text: `
    error[undefined-variable]: undefined variable 'lenght'
    --> /f.nix:1:1
       |
     1 | lenght [ ]
       | ^^^^^^
       = hint: Did you mean builtins.length?
    `,
  },
  {
    program: '{ a.b.c.d.e = throw "x"; }',
    text: `
    error[throw]: x
    --> /f.nix:1:15
       |
     1 | { a.b.c.d.e = throw "x"; }
       |               ^^^^^
       = while calling the 'throw' builtin  (/f.nix:1:15)
       = while evaluating the attribute 'e'  (/f.nix:1:3)
       = while evaluating the attribute 'd'  (/f.nix:1:3)
       = while evaluating the attribute 'c'  (/f.nix:1:3)
       = 2 more; --show-trace shows them
    `,
  },
]
describe("frameText", () => {
  for (const { program, showTrace = false, text } of FRAMES) {
    test(program, () => {
      const { failure, evaluation } = failing(program, "/f.nix")
      const { positions, globals } = evaluation
      assert.equal(textOf(frameText(failure, { positions, globals, showTrace })), unindented(text))
    })
  }
})

describe("the place to look at", () => {
  const { failure, evaluation } = failing("throw ''x''", "/f.nix")
  const { positions } = evaluation
  const written = failure.trace!.at
  const ours = positions.add(new SourceFile(DERIVATION_FILE, "throw 1"))
  const shown = (problem: Failure): string => textOf(frameText(problem, { positions, showTrace: false }))
  const problem = new Failure({ code: "throw", message: "x" }, ours)

  test("is one that somebody wrote", () => {
    assert.match(shown(problem.traced(ours, "inside").traced(written, "outside")), /^--> \/f\.nix:1:1$/m)
  })
  test("may be one that is told in words", () => {
    const text = shown(problem.traced(0, "while at it\n  located there", "normal", written))
    assert.match(text, /^--> \/f\.nix:1:1$/m)
    assert.match(text, /^ {3}= while at it {2}\(\/f\.nix:1:1\)$/m)
  })
  test("is ours if there is no other", () => {
    assert.match(shown(problem.traced(0, "somewhere")), /^--> .*derivation-internal\.nix:1:1$/m)
  })
})

test("problemRecord", () => {
  const { failure, evaluation } = failing('{ é = throw "ü"; }'.replace("é", '"é"'), "/f.nix")
  const place = (column: number): object => ({ file: "/f.nix", line: 1, column, offset: column - 1 })
  assert.deepEqual(problemRecord(failure, evaluation.positions), {
    code: "throw",
    message: "ü",
    place: place(10),
    related: [],
    traces: [
      { message: "while calling the 'throw' builtin", place: place(10), kind: "normal" },
      { message: "while evaluating the attribute '\"é\"'", place: place(3), kind: "normal" },
    ],
    hints: [],
  })
})

test("the record of a problem of syntax says which it is", () => {
  const { failure, evaluation } = failing("{ a = 1; a = 2; }")
  const { code, syntax, place } = problemRecord(failure, evaluation.positions)
  assert.deepEqual(
    { code, syntax, column: place?.column },
    { code: "syntax", syntax: "attribute-already-defined", column: 10 },
  )
})

test("an infinite recursion is told with both its places", () => {
  const { failure, evaluation } = failing("let a = b + 1; b = a; in a", "/f.nix")
  const { place, related } = problemRecord(failure, evaluation.positions)
  assert.deepEqual([place?.column, related.map((one) => one.place?.column)], [9, [26]])
  const text = frameText(failure, { positions: evaluation.positions, showTrace: false })
  assert.match(text, /because it is needed here: \/f\.nix:1:26/)
})

const TOKENS: readonly [text: string, length: number][] = [
  ["foo-bar baz", 7],
  ["foo.bar", 3],
  ["12.5 ", 4],
  ['"a\\"b" c', 6],
  ["./a/b c", 5],
  ["<nixpkgs/lib>", 13],
  ["++ x", 2],
  ["+ x", 1],
  ["", 1],
]
describe("tokenLength", () => {
  for (const [text, length] of TOKENS) test(text, () => assert.equal(tokenLength(text, 0), length))
})
