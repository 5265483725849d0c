import assert from "node:assert/strict"
import { describe, test } from "node:test"
import fc from "fast-check"
import { DerivationError, parseAterm, writeAterm, type DerivationProblem } from "./index.ts"
import { anyDerivation } from "./testing/derivations.ts"

const DIGEST = "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q"

describe("reading derivations", () => {
  test("is the inverse of writing them", () => {
    fc.assert(
      fc.property(anyDerivation, (one) => {
        const written = writeAterm(one)
        const read = parseAterm(written, one.name)
        assert.deepEqual(read, one)
        assert.equal(writeAterm(read), written)
      }),
    )
  })

  test("takes what others may have escaped needlessly, and lists in any order", () => {
    const read = parseAterm('Derive([("out","","","")],[],[],"s","\\a\\\\\\"",[],[("b",""),("a","\\n\\r\\t")])', "x")
    assert.equal(read.builder, 'a\\"')
    assert.deepEqual([...read.env], [["b", ""], ["a", "\n\r\t"]]) // prettier-ignore
  })

  test("takes time that grows with the text", () => {
    const value = '\\"'.repeat(2_000_000)
    const read = parseAterm(`Derive([],[],[],"s","b",["${value}"],[])`, "x")
    assert.equal(read.args[0], '"'.repeat(2_000_000))
  })

  const outputs = (written: string): string => `Derive([${written}],[],[],"","",[],[])`
  const environment = (written: string): string => `Derive([],[],[],"","",[],[${written}])`
  const nested = (depth: number): string => '(["a"],[("b",'.repeat(depth) + '["c"]' + ")])".repeat(depth)
  const dynamic = (input: string): string =>
    `DrvWithVersion("xp-dyn-drv",[],[("/nix/store/${DIGEST}-i.drv",${input})],[],"","",[],[])`
  type Code = DerivationProblem["code"]
  const bad: [text: string, code: Code, at: number, part: string][] = [
    ["", "aterm-start", 0, "the derivation"],
    ["Derivation", "aterm-start", 0, "the derivation"],
    ["DrvWithVersion(", "aterm-expected", 15, "the version"],
    ['DrvWithVersion("2",[])', "aterm-version", 15, "the version"],
    ["Derive(", "aterm-expected", 7, "the outputs"],
    ["Derive([)", "aterm-expected", 8, "the outputs"],
    ["Derive([,", "aterm-expected", 8, "the outputs"],
    ['Derive([("out","","","") ', "aterm-expected", 24, "the outputs"],
    ['Derive([("out","","","),', "aterm-unterminated", 21, "output 'out'"],
    ['Derive([("out\\"', "aterm-unterminated", 9, "the outputs"],
    [outputs('("out","","sha3","")'), "aterm-output-hash", 18, "output 'out'"],
    [outputs('("out","","r:","")'), "aterm-output-hash", 18, "output 'out'"],
    [outputs('("out","","","00")'), "aterm-output-hash", 21, "output 'out'"],
    [outputs(`("out","/nix/store/${DIGEST}-x","sha1","0")`), "aterm-output-hash", 70, "output 'out'"],
    [outputs('("out","","sha1","da39a3ee5e6b4b0d3255bfef95601890afd80709")'), "aterm-path", 15, "output 'out'"],
    [outputs('("out","/x","sha1","")'), "aterm-output-path", 15, "output 'out'"],
    [outputs('("out","/x","sha1","impure")'), "aterm-output-path", 15, "output 'out'"],
    [outputs('("out","x","","")'), "aterm-path", 15, "output 'out'"],
    [outputs('("out","/nix/store/x","","")'), "aterm-path", 15, "output 'out'"],
    [outputs('("out","","",""),("out","","","")'), "aterm-repeated", 26, "output 'out'"],
    ['Derive([],[("x",[])],[],"","",[],[])', "aterm-path", 12, "input derivation 'x'"],
    ['Derive([],[],["x"],"","",[],[])', "aterm-path", 14, "the input sources"],
    ['Derive([],[],[],x,"",[],[])', "aterm-expected", 16, "the system"],
    ['Derive([],[],[],"",x,[],[])', "aterm-expected", 19, "the builder"],
    ['Derive([],[],[],"","",["a""b"],[])', "aterm-expected", 26, "the arguments"],
    [environment('("a","b"'), "aterm-expected", 34, "variable 'a'"],
    [environment('("a","b"),("a","b")'), "aterm-repeated", 37, "variable 'a'"],
    [environment('("__json","[]")'), "aterm-json", 36, "variable '__json'"],
    [environment('("__json","{")'), "aterm-json", 36, "variable '__json'"],
    [environment('("__json","{\\"a\\":\\"\xff\\"}")'), "aterm-json", 36, "variable '__json'"],
    [`${environment("")}\n`, "aterm-trailing", 28, "the derivation"],
    [
      dynamic(nested(1)).replace('DrvWithVersion("xp-dyn-drv",', "Derive("),
      "aterm-expected",
      64,
      `input derivation '/nix/store/${DIGEST}-i.drv'`,
    ],
    [dynamic(nested(33)), "aterm-depth", 501, "output 'b'"],
  ]
  for (const [written, code, at, part] of bad) {
    test(`${code}: ${written.slice(0, 60)}`, () => {
      assert.throws(
        () => parseAterm(written, "x"),
        (error) => {
          assert.ok(error instanceof DerivationError)
          assert.deepEqual(
            { at: 0, part: "", ...error.problem, code: error.problem.code },
            { ...error.problem, code, at, part },
          )
          return true
        },
      )
    })
  }

  test("as deep as anybody has them", () => {
    assert.equal(writeAterm(parseAterm(dynamic(nested(32)), "x")), dynamic(nested(32)))
  })

  test("a problem as text", () => {
    assert.throws(() => parseAterm(environment('("a",1)'), "x"), {
      message: `expected string '"', at byte 31, in variable 'a'`,
    })
  })
})
