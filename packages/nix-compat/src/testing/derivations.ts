import assert from "node:assert/strict"
import { byteStringFrom, utf8 } from "@tvix-ts/bytes"
import { hash, type HashAlgorithm } from "@tvix-ts/hash"
import fc from "fast-check"
import type { Derivation, DerivationOutput, DynamicInput, HashMethod } from "../index.ts"

const DIGEST = "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q"

/** As little as a derivation can be. */
export const BARE: Derivation = {
  name: "x",
  outputs: new Map([["out", { kind: "deferred" }]]),
  inputDerivations: new Map(),
  inputSources: new Set(),
  system: "s",
  builder: "/bin/sh",
  args: [],
  env: new Map(),
}
export const noInputs = (): never => assert.fail("there are no inputs")

const bytes = fc.uint8Array({ maxLength: 40 }).map((some) => byteStringFrom(some))
const special = fc.string({ unit: fc.constantFrom('"', "\\", "\n", "\r", "\t", "n", "\0", "\xff", "(", "]", ",") })
const text = fc.oneof(bytes, special)
const name = fc.stringMatching(/^[a-z][0-9A-Za-z+\-._?=]{0,12}$/)
const path = name.map((one) => `/nix/store/${DIGEST}-${one}`)
const method = fc.constantFrom<HashMethod[]>("flat", "nar", "text", "git")
const algorithm = fc.constantFrom<HashAlgorithm[]>("md5", "sha1", "sha256", "sha512", "blake3")
const output: fc.Arbitrary<DerivationOutput> = fc.oneof(
  fc.constant({ kind: "deferred" } as const),
  path.map((one) => ({ kind: "input-addressed", path: one }) as const),
  fc.tuple(path, method, algorithm).map(([one, by, of]) => {
    const promised = { algorithm: of, digest: hash(of, utf8(one)) }
    return { kind: "fixed", path: one, method: by, hash: promised } as const
  }),
  fc
    .tuple(fc.constantFrom("floating", "impure"), method, algorithm)
    .map(([kind, by, of]) => ({ kind, method: by, algorithm: of })),
)
const names = fc.uniqueArray(name, { maxLength: 3 }).map((some) => new Set(some))
const mapOf = <T>(key: fc.Arbitrary<string>, value: fc.Arbitrary<T>): fc.Arbitrary<Map<string, T>> =>
  fc.uniqueArray(fc.tuple(key, value), { maxLength: 5, selector: ([one]) => one }).map((some) => new Map(some))
const { input } = fc.letrec<{ input: DynamicInput }>((tie) => ({
  input: fc.record(
    { outputs: names, dynamic: mapOf(name, tie("input")).filter((map) => map.size > 0) },
    { requiredKeys: ["outputs"], noNullPrototype: true },
  ),
}))

/** Derivations that can be written, however little they mean. */
export const anyDerivation: fc.Arbitrary<Derivation> = fc
  .record(
    {
      name,
      outputs: mapOf(name, output),
      inputs: mapOf(path, input),
      inputSources: fc.uniqueArray(path, { maxLength: 4 }).map((some) => new Set(some)),
      system: fc.constantFrom("x86_64-linux", "builtin", ""),
      builder: text,
      args: fc.array(text, { maxLength: 4 }),
      env: mapOf(text, text),
      structuredAttrs: fc
        .dictionary(fc.string(), fc.jsonValue())
        .map((some) => byteStringFrom(utf8(JSON.stringify(some)))),
    },
    {
      requiredKeys: ["name", "outputs", "inputs", "inputSources", "system", "builder", "args", "env"],
      noNullPrototype: true,
    },
  )
  .map(({ inputs, ...rest }) => {
    const dynamic = [...inputs].flatMap(([of, one]) => (one.dynamic === undefined ? [] : [[of, one.dynamic] as const]))
    const inputDerivations = new Map([...inputs].map(([of, { outputs }]) => [of, outputs] as const))
    return { ...rest, inputDerivations, ...(dynamic.length > 0 && { dynamicInputs: new Map(dynamic) }) }
  })
