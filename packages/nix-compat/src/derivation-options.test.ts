import assert from "node:assert/strict"
import { describe, test } from "node:test"
import {
  DerivationError,
  derivationOptions,
  inputPlaceholder,
  requiredSystemFeatures,
  type Derivation,
  type DerivationOptions,
  type Reference,
} from "./index.ts"

// What the C++ tests have of options is in scripts/store-vectors; this is what they leave out.
const DIGEST = "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q"
const FOO = `/nix/store/${DIGEST}-foo`
const BARE: Derivation = {
  name: "x",
  outputs: new Map([["out", { kind: "input-addressed", path: FOO }]]),
  inputDerivations: new Map([[`${FOO}.drv`, new Set(["out", "dev"])]]),
  inputSources: new Set(),
  system: "s",
  builder: "b",
  args: [],
  env: new Map(),
}
const plain = (env: Readonly<Record<string, string>>): DerivationOptions =>
  derivationOptions({ ...BARE, env: new Map(Object.entries(env)) })
const structured = (attrs: object): DerivationOptions =>
  derivationOptions({ ...BARE, structuredAttrs: JSON.stringify(attrs) })
const PATH: Reference = { kind: "path", path: FOO }

describe("options of derivations", () => {
  test("words are separated by any blanks, and counted once", () => {
    const options = plain({ impureEnvVars: " b\ta\n\rb ", passAsFile: "text", requiredSystemFeatures: "" })
    assert.deepEqual(options.impureEnvVars, new Set(["b", "a"]))
    assert.deepEqual(options.passAsFile, new Set(["text"]))
    assert.deepEqual(options.requiredSystemFeatures, new Set())
  })

  test("only 1 is true", () => {
    for (const [value, is] of [
      ["1", true],
      ["", false],
      ["true", false],
    ] as const) {
      assert.equal(plain({ __noChroot: value }).noChroot, is)
      assert.equal(plain({ allowSubstitutes: value }).allowSubstitutes, is)
    }
  })

  test("references are inputs, outputs of inputs, and its own outputs", () => {
    const placeholder = inputPlaceholder(`${FOO}.drv`, "dev")
    const { outputChecks } = plain({
      allowedReferences: `out ${FOO} ${placeholder} ${FOO}/bin`,
      disallowedRequisites: "",
    })
    assert.equal(outputChecks.scope, "all")
    assert.deepEqual(outputChecks.checks, {
      ignoreSelfReferences: true,
      allowedReferences: [
        { kind: "built", derivation: `${FOO}.drv`, output: "dev" },
        PATH,
        { kind: "output", output: `${FOO}/bin` },
        { kind: "output", output: "out" },
      ],
      disallowedReferences: [],
      disallowedRequisites: [],
    })
  })

  test("structured attributes have types, and nothing of the environment", () => {
    const options = structured({
      allowedReferences: [],
      passAsFile: ["a"],
      unsafeDiscardReferences: { out: true },
      exportReferencesGraph: { a: FOO, b: [[`${FOO}/bin`], [[]]] },
      outputChecks: { out: { maxSize: 1 } },
    })
    assert.deepEqual(options.passAsFile, new Set())
    assert.deepEqual(options.unsafeDiscardReferences, new Map([["out", true]]))
    assert.deepEqual(options.exportReferencesGraph, new Map([["a", [PATH]], ["b", [PATH]]])) // prettier-ignore
    const out = { ignoreSelfReferences: false, disallowedReferences: [], disallowedRequisites: [], maxSize: 1 }
    assert.deepEqual(options.outputChecks, { scope: "each", checks: new Map([["out", out]]) })
    assert.deepEqual(structured({ exportReferencesGraph: "a" }).exportReferencesGraph, new Map())
  })

  test("lists may be long", () => {
    const { exportReferencesGraph } = structured({ exportReferencesGraph: { a: new Array(150_000).fill(FOO) } })
    assert.deepEqual(exportReferencesGraph, new Map([["a", [PATH]]]))
  })

  test("what is not known before something is built needs a machine that can find out", () => {
    const outputs = new Map([["out", { kind: "deferred" } as const]])
    assert.deepEqual(requiredSystemFeatures({ ...BARE, outputs }), new Set(["ca-derivations"]))
    assert.deepEqual(requiredSystemFeatures(BARE), new Set())
  })

  test("the placeholder of an output that is not built", () => {
    // From advanced-attributes of C++ Nix 2.34.8.
    const foo = "/nix/store/j56sf12rxpcv5swr14vsjn5cwm6bj03h-foo.drv"
    assert.equal(inputPlaceholder(foo, "out"), "/164j69y6zir9z0339n8pjigg3rckinlr77bxsavzizdaaljb7nh9")
    assert.equal(inputPlaceholder(foo, "dev"), "/0nr45p69vn6izw9446wsh9bng9nndhvn19kpsm4n96a5mycw0s4z")
  })

  const bad: [name: string, run: () => unknown, message: RegExp][] = [
    ["odd", () => plain({ exportReferencesGraph: "a" }), /'exportReferencesGraph': odd number of tokens/],
    ["file", () => plain({ exportReferencesGraph: `a/b ${FOO}` }), /invalid file name 'a\/b'/],
    ["path", () => plain({ exportReferencesGraph: "a /x" }), /path '"\/x"' is not in the Nix store/],
    ["string", () => structured({ __sandboxProfile: 1 }), /'__sandboxProfile': __sandboxProfile: expected a string/],
    ["boolean", () => structured({ __noChroot: "1" }), /expected true or false/],
    ["list", () => structured({ impureEnvVars: "a" }), /expected an array/],
    [
      "size",
      () => structured({ outputChecks: { out: { maxSize: -1 } } }),
      /outputChecks.out.maxSize: expected an integer/,
    ],
    [
      "graph",
      () => structured({ exportReferencesGraph: { a: [1] } }),
      /exportReferencesGraph.a\[0\]: expected a string/,
    ],
    ["JSON", () => derivationOptions({ ...BARE, structuredAttrs: "{" }), /'__json'/],
  ]
  for (const [name, run, message] of bad) {
    test(`refused: ${name}`, () => {
      assert.throws(run, (error) => {
        assert.ok(error instanceof DerivationError && error.problem.code === "option")
        assert.match(error.message, message)
        return true
      })
    })
  }
})
