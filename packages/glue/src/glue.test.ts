import assert from "node:assert/strict"
import { join } from "node:path"
import { describe, test } from "node:test"
import { byteStringOf, textOf } from "@tvix-ts/bytes"
import {
  deeply,
  Evaluation,
  Evaluator,
  Failure,
  makeGlobals,
  memoryIo,
  nixText,
  printValue,
  type Awaitable,
  type EvalIO,
} from "@tvix-ts/eval"
import { nodeIo } from "@tvix-ts/eval/node"
import { writeAterm } from "@tvix-ts/nix-compat"
import { SourceFile } from "@tvix-ts/syntax"
import { evaluationStore, storeBuiltins, storeIo } from "./index.ts"
import vectors from "./vectors.json" with { type: "json" }

/** Where the sources of the vectors are. */
const DIRECTORY = byteStringOf(join(import.meta.dirname, "../../../lang-tests"))

/** What C++ Nix would print, in the form in which vectors.json has it. */
function printed(expression: string): string {
  const store = evaluationStore()
  const evaluation = new Evaluation({ io: storeIo(nodeIo(), store), builtins: storeBuiltins(store) }, makeGlobals)
  const source = new SourceFile(byteStringOf("«string»"), byteStringOf(expression))
  try {
    return textOf(printValue(evaluation.runSync(deeply(evaluation.load(source, DIRECTORY)))))
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    return textOf(nixText(error, { positions: evaluation.positions, showTrace: true }))
      .replace(/^ +\d*\| .*\n?|^ +\|.*\^\n?|^ +\d+\|\n/gm, "")
      .replace(/(derivation-internal.nix):\d+:\d+/g, "$1")
      .replaceAll(textOf(DIRECTORY), "/dir")
      .trimEnd()
  }
}

const { source: _, ...groups } = vectors
for (const [group, cases] of Object.entries(groups)) {
  describe(`${group}: as C++ Nix`, () => {
    for (const [expression = "", result] of cases) test(expression, () => assert.equal(printed(expression), result))
  })
}

describe("what is left in the store", () => {
  const evaluated = (expression: string) => {
    const store = evaluationStore()
    const evaluator = new Evaluator({ io: storeIo(memoryIo({}), store), builtins: storeBuiltins(store) })
    return { store, value: evaluator.evaluateSync(expression).toJS() as string }
  }

  test("derivations, as C++ Nix writes them", async () => {
    const { store, value } = evaluated(`
      let
        d = derivation { name = "x"; builder = "/bin/sh"; system = "s"; outputs = [ "out" "dev" ]; };
        f = derivation {
          name = "f"; builder = "b"; system = "s"; outputHashMode = "recursive";
          outputHash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        };
      in
      (derivation {
        name = "y"; system = "a b"; builder = "\${d}/b\\"\\\\\\n"; outputs = [ "lib" "out" ];
        args = [ "\\t\\r$" "\${d.dev}" "é" (builtins.substring 0 1 "é") ];
        src = f; z = builtins.toFile "t" "x"; "a\\"b" = "";
      }).drvPath
    `)
    // From a store of C++ Nix 2.34.8.
    assert.equal(value, "/nix/store/55b05pvj97mz2jgmn9naykg6b60by3bg-y.drv")
    const { derivation } = (await store.derivation(value))!
    assert.deepEqual([...derivation.inputDerivations.keys()].sort(), [
      "/nix/store/cxdd2z9lv7rhi297gq9p001yl146hs47-x.drv",
      "/nix/store/pb6cs51bci1j7p26pam1qwcxb3xhq4np-f.drv",
    ])
    assert.match(writeAterm(derivation), /^Derive\(\[\("lib","\/nix\/store\/[^"]*-y-lib","",""\),/)
    assert.match(writeAterm(derivation), /\["\\t\\r\$","[^"]*-x-dev","\xc3\xa9","\xc3"\],\[\("a\\"b",""\),/)
  })

  test("whoever refers to a derivation refers to all that it needs", () => {
    // C++ Nix can say so only with a store that can be written.
    const { value } = evaluated(`
      let
        d = derivation { name = "x"; builder = "/bin/sh"; system = "s"; outputs = [ "out" "dev" ]; };
        t = builtins.toFile "z" (builtins.toFile "u" "k");
      in
      (derivation { name = "deep"; system = "s"; builder = "b"; x = d.drvPath; y = t; }).drvPath
    `)
    assert.equal(value, "/nix/store/5762vl5w5kfmvwl5vv62araq6v0hn0wr-deep.drv")
  })
})

describe("sources that have to be waited for", () => {
  const files = { "/src/a": "a", "/src/b/c": "c", "/src/link": { symlink: "a" } }
  const now = memoryIo(files)
  const later = async <T>(answer: Awaitable<T>): Promise<T> => answer
  const slow: EvalIO = {
    ...now,
    readFile: (path) => later(now.readFile(path)),
    readDir: (path) => later(now.readDir(path)),
    fileType: (path) => later(now.fileType(path)),
    realPath: (path) => later(now.realPath(path)),
    readLink: (path) => later(now.readLink!(path)),
  }
  const evaluator = (io: EvalIO) => {
    const store = evaluationStore()
    return new Evaluator({ io: storeIo(io, store), builtins: storeBuiltins(store) })
  }
  for (const expression of [
    '"${/src}"',
    'toString [ "${/src}" "${/src}" "${/src/link}" ]',
    'builtins.path { path = /src; filter = p: t: t != "directory" && builtins.pathExists p; }',
  ]) {
    test(expression, async () => {
      const expected = evaluator(now).evaluateSync(expression).toJS()
      assert.equal(await (await evaluator(slow).evaluate(expression)).toJS(), expected)
    })
  }
  test("a file that is not there", async () => {
    await assert.rejects(evaluator(slow).evaluate('"${/src/d}"'), /path '\/src\/d' does not exist/)
  })
})

test("without a store there are no derivations", () => {
  assert.throws(() => new Evaluator().evaluateSync("derivationStrict { }"), /needs a store/)
})

test("a set that needs itself is an endless recursion", () => {
  assert.match(
    printed('let d = derivation { name = "x"; builder = "b"; system = "s"; foo = d; }; in d.outPath'),
    /infinite recursion/,
  )
})

test("a long chain of derivations is no matter of the JavaScript stack", () => {
  const chain = `
    let d = n: derivation { name = "n\${toString n}"; builder = "b"; system = "s"; i = if n == 0 then "" else d (n - 1); };
    in builtins.stringLength (d 20000).drvPath
  `
  assert.equal(printed(chain), "54")
})

test("what is in the store so far can be read there", async () => {
  const store = evaluationStore()
  const evaluator = new Evaluator({
    io: storeIo(memoryIo({ "/src/default.nix": "import ./number.nix", "/src/number.nix": "7" }), store),
    builtins: storeBuiltins(store),
  })
  const text = await evaluator.evaluate('import (builtins.toFile "six" "6")')
  assert.equal(text.int(), 6)
  const copied = await evaluator.evaluate('import "${/src}"')
  assert.equal(copied.int(), 7)
  await assert.rejects(evaluator.evaluate("import /nix/store/00bgd045z0d4icpbc2yyz4gx48ak44la-none"), /does not exist/)
})

describe("what evaluation wrote can be read", () => {
  const cases: [expression: string, result: string][] = [
    ['builtins.readFile (builtins.toFile "x" "é")', '"é"'],
    ['builtins.pathExists (builtins.toFile "x" "")', "true"],
    ['builtins.readFileType (builtins.toFile "x" "")', '"regular"'],
    ['builtins.pathExists "/nix/store/5akl8zsmda0yrr63v4khwgskih2g2hsh-greeting"', "false"],
    [
      'builtins.substring 0 12 (builtins.readFile (derivation { name = "x"; builder = "b"; system = "s"; }).drvPath)',
      '"Derive([(\\"ou"',
    ],
    // A copy of it is another object. From a store of C++ Nix 2.34.8.
    [
      '"${/. + builtins.unsafeDiscardStringContext (builtins.toFile "x" "")}"',
      '"/nix/store/w2jlv0l650bzlxr0sx34mspm4sffk5b1-gakslir528a29f7ppaf28ip8rdwqcnss-x"',
    ],
    [
      'builtins.path { path = builtins.toFile "x" ""; name = "foo"; }',
      '"/nix/store/avva3pijyyj4bgrj1vcl3sj6hiadjxlj-foo"',
    ],
  ]
  for (const [expression, result] of cases) test(expression, () => assert.equal(printed(expression), result))
})
