import assert from "node:assert/strict"
import { describe, test } from "node:test"
import fc from "fast-check"
import {
  DerivationError,
  derivationJson,
  derivationsJson,
  fixedOutputPath,
  JsonError,
  outputName,
  parseDerivationJson,
  StorePathError,
  writeAterm,
  type Derivation,
  type DerivationOutput,
} from "./index.ts"
import { anyDerivation } from "./testing/derivations.ts"

const DIGEST = "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q"
const BARE: Derivation = {
  name: "x",
  outputs: new Map([["out", { kind: "deferred" }]]),
  inputDerivations: new Map(),
  inputSources: new Set(),
  system: "s",
  builder: "b",
  args: [],
  env: new Map(),
}

/** With the paths that fixed outputs have by their hashes, which is all that version 4 says of them. */
function withFixedPaths(derivation: Derivation): Derivation | undefined {
  try {
    const outputs = new Map<string, DerivationOutput>()
    for (const [name, output] of derivation.outputs) {
      if (output.kind !== "fixed") outputs.set(name, output)
      else {
        const path = fixedOutputPath(outputName(derivation.name, name), output.method, output.hash)
        outputs.set(name, { ...output, path })
      }
    }
    return { ...derivation, outputs }
  } catch (error) {
    // Git trees and texts are not hashed by everything.
    if (error instanceof StorePathError) return undefined
    throw error
  }
}

describe("the JSON of derivations", () => {
  for (const version of [2, 4] as const) {
    test(`version ${version} is read as it is written`, () => {
      fc.assert(
        fc.property(anyDerivation, fc.constantFrom(undefined, 2), (any, indent) => {
          const derivation = withFixedPaths(any)
          fc.pre(derivation !== undefined)
          let json: string
          try {
            json = derivationJson(derivation, { version, ...(indent !== undefined && { indent }) })
          } catch (error) {
            assert.ok(error instanceof DerivationError && error.problem.code === "json-utf8")
            return
          }
          const read = parseDerivationJson(json)
          assert.equal(derivationJson(read), derivationJson(derivation))
          // Which attributes are numbers, and how they are written, may have become normal.
          const { structuredAttrs: _, ...rest } = derivation
          const { structuredAttrs: __, ...restRead } = read
          assert.equal(writeAterm(restRead), writeAterm(rest))
        }),
      )
    })
  }

  // As nix derivation show of C++ Nix 2.34.8 prints them.
  const path = `/nix/store/${DIGEST}-x.drv`
  test("of many, on one line", () => {
    assert.equal([...derivationsJson([])].join(""), '{"derivations":{},"version":4}')
    assert.equal(
      [...derivationsJson([[path, BARE], [path, { ...BARE, args: ["\x01\x7f\xc3\xa9"] }]])].join(""), // prettier-ignore
      `{"derivations":{"${DIGEST}-x.drv":{"args":[],"builder":"b","env":{},"inputs":{"drvs":{},"srcs":[]},"name":"x",` +
        `"outputs":{"out":{}},"system":"s","version":4},"${DIGEST}-x.drv":{"args":["\\u0001\x7f\xc3\xa9"],"builder":"b",` +
        `"env":{},"inputs":{"drvs":{},"srcs":[]},"name":"x","outputs":{"out":{}},"system":"s","version":4}},"version":4}`,
    )
  })
  test("of many, indented", () => {
    assert.deepEqual([...derivationsJson([[path, BARE]], { indent: 2 })].join("").split("\n"), [
      "{",
      '  "derivations": {',
      `    "${DIGEST}-x.drv": {`,
      '      "args": [],',
      '      "builder": "b",',
      '      "env": {},',
      '      "inputs": {',
      '        "drvs": {},',
      '        "srcs": []',
      "      },",
      '      "name": "x",',
      '      "outputs": {',
      '        "out": {}',
      "      },",
      '      "system": "s",',
      '      "version": 4',
      "    }",
      "  },",
      '  "version": 4',
      "}",
    ])
    assert.equal([...derivationsJson([], { indent: 2 })].join(""), '{\n  "derivations": {},\n  "version": 4\n}')
  })

  test("names are sorted as bytes, numbers among them", () => {
    const env = new Map(["9", "10", "__proto__", "\xc3\xa9", "z"].map((name) => [name, ""]))
    const json = derivationJson({ ...BARE, env })
    assert.ok(json.includes('"env":{"10":"","9":"","__proto__":"","z":"","\xc3\xa9":""}'), json)
    assert.deepEqual(parseDerivationJson(json).env, env)
  })

  const attributes: [written: string, normal: string][] = [
    ['{"b":1,"a":2}', '{"a":2,"b":1}'],
    ['{"a":18446744073709551615}', '{"a":18446744073709551615}'],
    ['{"a":9007199254740993}', '{"a":9007199254740993}'],
    ['{"a":18446744073709551616}', '{"a":1.8446744073709552e+19}'],
    ['{"a":[1.0,1.50,-0,-0.0,1e2,1e15,123456789012345.6,1e-4,1e-5,2.5e-7]}', null as never],
    ['{"a":"\\u00e9\\/\\ud83d\\ude00"}', '{"a":"\xc3\xa9/\xf0\x9f\x98\x80"}'],
    ['{ "a" : [ true , null , { } ] }', '{"a":[true,null,{}]}'],
  ]
  attributes[4]![1] = '{"a":[1.0,1.5,0,-0.0,100.0,1e+15,123456789012345.6,0.0001,1e-05,2.5e-07]}'
  for (const [written, normal] of attributes) {
    test(`structured attributes: ${written}`, () => {
      const json = derivationJson({ ...BARE, structuredAttrs: written })
      assert.ok(json.includes(`"structuredAttrs":${normal},`), json)
      assert.equal(parseDerivationJson(json).structuredAttrs, normal)
    })
  }

  const good = JSON.parse(derivationJson(BARE)) as object
  const older = JSON.parse(derivationJson(BARE, { version: 2 })) as object
  const fixed = { method: "flat", hashAlgo: "sha256", hash: "00".repeat(32), path: `/nix/store/${DIGEST}-x` }
  const outputs = (out: unknown): object => ({ ...good, outputs: { out } })
  const bad: [json: unknown, message: RegExp][] = [
    [[], /expected an object/],
    [{ ...good, version: 3 }, /^version: expected 4/],
    [{ ...good, name: 1 }, /^name: expected a string/],
    [{ ...good, args: {} }, /^args: expected an array/],
    [{ ...good, env: { a: 1 } }, /^env.a: expected a string/],
    [{ ...good, env: { __json: "{}" } }, /^env: expected no variable __json/],
    [{ ...good, structuredAttrs: [] }, /^structuredAttrs: expected an object/],
    [{ ...good, inputs: { srcs: [], drvs: { x: {} } } }, /^inputs.drvs.x: expected a store path/],
    [{ ...good, inputs: { srcs: ["/nix/store/x"], drvs: {} } }, /^inputs.srcs\[0\]: expected a store path/],
    [outputs({ path: "x" }), /^outputs.out.path: expected a store path/],
    [outputs({ path: `${DIGEST}-x`, method: "nar" }), /^outputs.out: expected an output/],
    [outputs({ method: "tar", hashAlgo: "sha1" }), /^outputs.out.method: expected flat, nar/],
    [outputs({ method: "nar", hashAlgo: "sha3" }), /^outputs.out.hashAlgo: expected a hash algorithm/],
    [outputs({ method: "nar", hashAlgo: "sha1", impure: false }), /^outputs.out.impure: expected true/],
    [outputs({ method: "nar", hash: "00".repeat(32) }), /^outputs.out.hash: expected a hash/],
    [outputs({ method: "git", hash: "md5-1B2M2Y8AsgTpgAmY7PhCfg==" }), /^outputs.out: expected a hash \(Git/],
    [outputs({ method: "text", hash: "md5-1B2M2Y8AsgTpgAmY7PhCfg==" }), /^outputs.out: expected a hash \(texts/],
    [{ ...older, outputs: { out: fixed } }, /^outputs.out.path: expected \/nix\/store/],
    [{ ...older, env: { __json: "1" } }, /^env.__json: expected a JSON object/],
  ]
  for (const [json, message] of bad) {
    test(`refused: ${message.source}`, () => {
      assert.throws(
        () => parseDerivationJson(JSON.stringify(json)),
        (error) => error instanceof JsonError && message.test(error.message),
      )
    })
  }

  test("refused: half a character in structured attributes", () => {
    const json = JSON.stringify({ ...good, structuredAttrs: { a: "\ud800" } })
    assert.throws(() => parseDerivationJson(json), JsonError)
  })
  test("what is not UTF-8 is said by name", () => {
    assert.throws(() => derivationJson({ ...BARE, env: new Map([["a", "\xff"]]) }), {
      message: /^variable 'a' is not UTF-8/,
    })
  })
})
