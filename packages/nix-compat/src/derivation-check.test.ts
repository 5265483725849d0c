import assert from "node:assert/strict"
import { describe, test } from "node:test"
import {
  checkDerivation,
  derivationHashes,
  derivationPath,
  describeDerivation,
  fixedOutputPath,
  instantiate,
  type Derivation,
  type DerivationOutput,
  type DerivationProblem,
} from "./index.ts"
import { BARE, noInputs } from "./testing/derivations.ts"

const DIGEST = "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q"
const ELSEWHERE = `/nix/store/${DIGEST}-x`
const GOOD = instantiate(BARE, noInputs).derivation
const HASH = { algorithm: "sha256", digest: new Uint8Array(32) } as const
const out = (output: DerivationOutput): Pick<Derivation, "outputs"> => ({ outputs: new Map([["out", output]]) })
const variable = (value: string): Pick<Derivation, "env"> => ({ env: new Map([["out", value]]) })
const fixedPath = fixedOutputPath("x", "flat", HASH)
const fixed = (path: string): DerivationOutput => ({ kind: "fixed", path, method: "flat", hash: HASH })

describe("checking derivations", () => {
  test("nothing is wrong", () => {
    assert.deepEqual(checkDerivation(GOOD, { hashesOfInput: noInputs, path: derivationPath(GOOD) }), [])
    assert.deepEqual(checkDerivation({ ...BARE, ...out(fixed(fixedPath)), ...variable(fixedPath) }), [])
    const floating: DerivationOutput = { kind: "floating", method: "nar", algorithm: "sha256" }
    assert.deepEqual(checkDerivation({ ...BARE, ...out(floating) }, { hashesOfInput: noInputs }), [])
  })

  const wrong: [what: Partial<Derivation>, codes: DerivationProblem["code"][], message: RegExp][] = [
    [{ name: "" }, ["part-path", "part-path", "part-path"], /^the name: name must not be empty$/],
    [{ system: "" }, ["part-empty", "output-path-wrong", "output-variable-wrong"], /^the system must not be empty$/],
    [{ outputs: new Map() }, ["outputs-missing"], /^must have at least one output$/],
    [
      out({ kind: "deferred" }),
      ["output-path-missing"],
      /^derivation has incorrect deferred output, should be '.*-x'\.$/,
    ],
    [
      out({ kind: "input-addressed", path: ELSEWHERE }),
      ["output-path-wrong"],
      /^derivation has incorrect output '.*', should be '.*'$/,
    ],
    [
      out({ kind: "input-addressed", path: "/x" }),
      ["part-path", "output-path-wrong"],
      /^output 'out': path '"\/x"' is not in the Nix store$/,
    ],
    [
      variable(ELSEWHERE),
      ["output-variable-wrong"],
      /^derivation has incorrect environment variable 'out', should be '.*' but is actually '.*'$/,
    ],
    [{ ...out(fixed(ELSEWHERE)), ...variable(fixedPath) }, ["output-path-wrong"], /should be '.*-x'$/],
    [
      { ...out(fixed(fixedPath)), env: new Map() },
      ["output-variable-missing"],
      /^derivation has missing environment variable 'out'/,
    ],
    [
      out({ kind: "fixed", path: fixedPath, method: "text", hash: { algorithm: "md5", digest: new Uint8Array(16) } }),
      ["part-path"],
      /^output 'out': texts are addressed by SHA-256, not by md5$/,
    ],
    [
      { outputs: new Map([["a b", { kind: "floating", method: "nar", algorithm: "sha1" }]]) },
      ["part-path"],
      /^output 'a b': name 'x-a b' contains illegal character ' '$/,
    ],
  ]
  for (const [what, codes, message] of wrong) {
    test(message.source, () => {
      const problems = checkDerivation({ ...GOOD, ...what }, { hashesOfInput: noInputs })
      assert.deepEqual(
        problems.map(({ code }) => code),
        codes,
      )
      assert.match(describeDerivation(problems[0]!), message)
    })
  }

  test("paths of inputs, and outputs that they do not have", () => {
    const inputDerivations = new Map([[ELSEWHERE, new Set(["a/b"])]])
    const problems = checkDerivation({ ...GOOD, inputDerivations, inputSources: new Set(["/etc"]) })
    assert.deepEqual(problems.map(describeDerivation), [
      `input derivation '${ELSEWHERE}' is not a derivation`,
      `output 'a/b' of input derivation '${ELSEWHERE}': name 'a/b' contains illegal character '/'`,
      `input source '/etc': path '"/etc"' is not in the Nix store`,
    ])
    const missing = checkDerivation(
      { ...GOOD, inputDerivations: new Map([[`${ELSEWHERE}.drv`, new Set(["dev"])]]) },
      { hashesOfInput: () => derivationHashes(GOOD, noInputs) },
    )
    assert.deepEqual(missing.map(describeDerivation), ["no hash for output 'dev' of derivation 'x'"])
  })

  test("a path that cannot be known yet", () => {
    const floating = { ...BARE, ...out({ kind: "floating", method: "nar", algorithm: "sha256" }) }
    const [problem] = checkDerivation(
      { ...GOOD, inputDerivations: new Map([[`${ELSEWHERE}.drv`, new Set(["out"])]]) },
      { hashesOfInput: () => derivationHashes(floating, noInputs) },
    )
    assert.equal(problem?.code, "output-path-unknowable")
  })

  test("its own path", () => {
    const [problem] = checkDerivation(GOOD, { path: `${ELSEWHERE}.drv` })
    assert.deepEqual(problem, {
      code: "derivation-path-wrong",
      path: `${ELSEWHERE}.drv`,
      expected: derivationPath(GOOD),
    })
  })
})
