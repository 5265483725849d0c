import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { END, TOKENS } from "../grammar/tokens.ts"
import { Lexer } from "./lexer.ts"

/** The tokens of `text` as `name:text`, problems as `!code@offset` in between. */
function tokens(text: string, options = { pipeOperators: true }): string {
  const out: string[] = []
  const lexer = new Lexer(text, (detail, _from, _to, at) => out.push(`!${detail.code}@${at}`), options)
  for (let token = lexer.next(); token !== END; token = lexer.next()) {
    const name = TOKENS[token]![0]
    const covered = text.slice(lexer.from, lexer.to)
    const shows = ["STR", "IND_STR", "INT", "FLOAT"].includes(name) ? String(lexer.value) : covered
    // Where the end of a path is does not matter, as long as C++ Nix's places do not come up in messages.
    out.push(shows === name || name === "PATH_END" ? name : `${name}:${shows}`)
  }
  return out.join(" ")
}

const CASES: { readonly [group: string]: readonly (readonly [text: string, tokens: string])[] } = {
  "words and operators": [
    ["if then iff or or' _x a-b x1'", "if then ID:iff or ID:or' ID:_x ID:a-b ID:x1'"],
    ["a==b!=c<=d>=e&&f||g->h//i++j", "ID:a == ID:b != ID:c <= ID:d >= ID:e && ID:f || ID:g- > ID:h // ID:i ++ ID:j"],
    ["{a,...}@b:c;d?e!f", "{ ID:a , ... } @ URI:b:c ; ID:d ? ID:e ! ID:f"],
    ["a|>b<|c", "ID:a |> ID:b <| ID:c"],
    ["a . b.c .. d", "ID:a . ID:b . ID:c . . ID:d"],
    ["% \\ ' ~ $ & |", "INVALID:% INVALID:\\ INVALID:' INVALID:~ INVALID:$ INVALID:& INVALID:|"],
    ["\x80 a\xff", "INVALID:\x80 ID:a INVALID:\xff"],
    ["a \0 b", "ID:a"],
  ],
  numbers: [
    ["0 007 12", "INT:0 INT:7 INT:12"],
    ["9007199254740991 9007199254740993", "INT:9007199254740991 INT:9007199254740993"],
    ["9223372036854775807", "INT:9223372036854775807"],
    ["9223372036854775808 1", "!invalid-integer@0 INT:0 INT:1"],
    ["1. .5 0.5 1.5e3 1.e-2", "FLOAT:1 FLOAT:0.5 FLOAT:0.5 FLOAT:1500 FLOAT:0.01"],
    ["00.5 0. 1e5 1.5e x", "INT:0 FLOAT:0.5 INT:0 . INT:1 ID:e5 FLOAT:1.5 ID:e ID:x"],
    ["1..5 1.2.3", "FLOAT:1 FLOAT:0.5 FLOAT:1.2 FLOAT:0.3"],
    ["1.0e309", "!invalid-float@0 FLOAT:0"],
  ],
  strings: [
    ['"a\\nb\\${c"', '" STR:a\nb${c "'],
    ['"a${b}c"', '" STR:a ${ ID:b } STR:c "'],
    ['"$${a}$"', '" STR:$${a}$ "'],
    ['"a\rb\r\nc\\\r\n"', '" STR:a\nb\nc\r\n "'],
    ['"${"${a}"}"', '" ${ " ${ ID:a } " } "'],
    ['"${{}}"', '" ${ { } } "'],
    ['"a$', '" STR:a'],
    ['"\0"', '" !null-byte@1 STR:\0 "'],
    ['"\\\0"', '" STR:\0 "'],
  ],
  "indented strings": [
    ["''  \n a''b", "''(:''  \n IND_STR: a )'':'' ID:b"],
    ["''  \r\n''", "''(:'' IND_STR:  \r\n )'':''"],
    [
      "''a''${b''$c'''d''\\ne''",
      "''(:'' IND_STR:a IND_STR:$ IND_STR:{b IND_STR:$ IND_STR:c IND_STR:'' IND_STR:d IND_STR:\n IND_STR:e )'':''",
    ],
    ["''$${a}$''", "''(:'' IND_STR:$${a} IND_STR:$ )'':''"],
    ["''${a}'b''", "''(:'' ${ ID:a } IND_STR:'b )'':''"],
    ["''a'${b}''", "''(:'' IND_STR:a IND_STR:' ${ ID:b } )'':''"],
    ["''a\0''", "''(:'' !null-byte@2 IND_STR:a\0 )'':''"],
  ],
  paths: [
    [
      "./a a/b /c ~/d .../e",
      "PATH:./a PATH_END PATH:a/b PATH_END PATH:/c PATH_END HPATH:~/d PATH_END PATH:.../e PATH_END",
    ],
    ["./${a}b/${c}", "PATH:./ ${ ID:a } STR:b/ ${ ID:c } PATH_END"],
    ["~/${a}", "HPATH:~/ ${ ID:a } PATH_END"],
    ["a.b.c/d", "PATH:a.b.c/d PATH_END"],
    ["./a//b", "PATH:./a/ STR:/b PATH_END"],
    ["./a/ b", "PATH:./a/ !path-trailing-slash@4 PATH_END ID:b"],
    ["./a/", "PATH:./a/ !path-trailing-slash@0 PATH_END"],
    ["a//b a / b a/", "ID:a // ID:b ID:a / ID:b ID:a /"],
    ["<a/b> <a <a/> < b>", "SPATH:<a/b> < ID:a < ID:a / > < ID:b >"],
  ],
  URIs: [
    ["http://a.b/c?d=e#f", "URI:http://a.b/c?d=e"],
    ["x:x x: x a_b:c a'b:c", "URI:x:x ID:x : ID:x ID:a_b : ID:c ID:a'b : ID:c"],
    ["a.b:c a+b:c 1a:b", "URI:a.b:c URI:a+b:c INT:1 URI:a:b"],
  ],
  comments: [
    ["a#b\nc#d\re", "ID:a ID:c ID:e"],
    ["a/*b*/c/**/d/***/e", "ID:a ID:c ID:d ID:e"],
    ["a /* b", "ID:a / * ID:b"],
    ["/* a */ b /*/ c */ d", "ID:b ID:d"],
  ],
}

for (const [group, cases] of Object.entries(CASES)) {
  describe(group, () => {
    for (const [text, expected] of cases) {
      test(JSON.stringify(text), () => assert.equal(tokens(text), expected))
    }
  })
}

test("pipes are reported unless allowed, and are pipes all the same", () => {
  assert.equal(tokens("a |> b", { pipeOperators: false }), "ID:a !pipe-operators-disabled@2 |> ID:b")
})

test("which comments are documentation", () => {
  const documented = (text: string): number[] => {
    const lexer = new Lexer(text, () => {}, { pipeOperators: false })
    while (lexer.next() !== END);
    return [...lexer.docs.keys()]
  }
  assert.deepEqual(documented("/** a */ b"), [9])
  assert.deepEqual(documented("/** a */ /* c */ # d\n b"), [22])
  assert.deepEqual(documented("/* a */ b /**/ c /*** d */ e"), [])
})

test("time is linear where a naive scanner's is not", () => {
  const count = 100_000
  for (const text of ["a.", "a_.", "/*", "<a", "1.", "a:", "$${", "''$"].map((piece) => piece.repeat(count))) {
    const started = performance.now()
    tokens(text)
    assert.ok(performance.now() - started < 2000, text.slice(0, 10))
  }
})
