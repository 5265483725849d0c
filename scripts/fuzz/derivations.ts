/** Files of derivations and their JSON, mutated: what must hold of any of them. */
import assert from "node:assert/strict"
import {
  checkDerivation,
  DerivationError,
  derivationJson,
  derivationOptions,
  describeDerivation,
  JsonError,
  parseAterm,
  parseDerivationJson,
  writeAterm,
  type Derivation,
} from "@tvix-ts/nix-compat"
import type { Dictionary } from "./mutate.ts"

const PATH = "/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-bar"
const HASH = "0".repeat(64)

const ATERM =
  `Derive([("out","${PATH}","","")],[("${PATH}.drv",["dev","out"])],["${PATH}"],"x86_64-linux","/bin/sh",["-c","\\"\\n"],` +
  `[("__json","{\\"a\\":[1.0,\\"\xc3\xa9\\"],\\"outputChecks\\":{\\"out\\":{\\"maxSize\\":1}}}"),("out","${PATH}")])`
const FIXED = `Derive([("out","${PATH}","r:sha256","${HASH}")],[],[],"builtin","builtin:fetchurl",[],[("url","a"),("out","${PATH}")])`
const DYNAMIC =
  `DrvWithVersion("xp-dyn-drv",[("a","","sha256","impure"),("b","","","")],` +
  `[("${PATH}.drv",(["out"],[("out",["out"]),("lib",(["a"],[("b",["c"])]))]))],[],"s","b",[],[("impureEnvVars","a b")])`

const seeds = (): Derivation[] => [ATERM, FIXED, DYNAMIC].map((text) => parseAterm(text, "bar"))

export function derivationSeeds(): string[] {
  return [
    ATERM,
    FIXED,
    DYNAMIC,
    ...seeds().flatMap((derivation) => [
      derivationJson(derivation),
      derivationJson(derivation, { version: 2, indent: 1 }),
    ]),
  ]
}

export const DERIVATION_DICTIONARY: Dictionary = {
  tokens: [
    ...'{}[]():,"\\\n\0\xff'.split(""),
    '("a","")',
    '("out","","","")',
    '["out"]',
    '"version":4,',
    '"dynamicOutputs":{}',
    '"outputs":{"out":{"method":"text","hash":"sha256-iUUXyRY8iW7DGirb0zwGgf1fRbLA7wimTJKgP7l/OQ8="}}',
    ..."r: text: git: impure sha256 sha1 blake3 __json exportReferencesGraph passAsFile __proto__ null 1e999 \\ud800".split(
      " ",
    ),
    PATH,
    HASH,
  ],
  nests: [
    ['(["a"],[("b",', ")])"],
    ['{"outputs":[],"dynamicOutputs":{"a":', "}}"],
    ["[", "]"],
    ['{"a":', "}"],
  ],
}

/** Whatever is taken is written so that it is read again as the same, and everything else that reads it ends in order. */
export function checkDerivationText(input: string): string | undefined {
  try {
    const fromAterm = attempt(() => parseAterm(input, "bar"))
    if (fromAterm !== undefined) checkAll(fromAterm)
    if (fromAterm !== undefined && isPlain(fromAterm)) {
      const written = writeAterm(fromAterm)
      assert.deepEqual(parseAterm(written, "bar"), fromAterm)
      assert.equal(writeAterm(parseAterm(written, "bar")), written)
    }
    const fromJson = attempt(() => parseDerivationJson(input))
    if (fromJson !== undefined) checkAll(fromJson)
    return undefined
  } catch (error) {
    return (error as Error).stack ?? String(error)
  }
}

function checkAll(derivation: Derivation): void {
  for (const problem of checkDerivation(derivation)) assert.notEqual(describeDerivation(problem), "")
  attempt(() => derivationOptions(derivation))
  for (const version of [2, 4] as const) {
    const json = attempt(() => derivationJson(derivation, { version }))
    // The paths of fixed outputs are made anew, and some cannot be.
    const read = json === undefined ? undefined : attempt(() => parseDerivationJson(json))
    if (read !== undefined) assert.equal(derivationJson(read, { version }), json)
  }
}

/** Names, systems and paths are written as they are, as by C++ Nix, so quotes in them are lost. */
function isPlain({ outputs, inputDerivations, dynamicInputs, system }: Derivation): boolean {
  const dynamic = JSON.stringify([...(dynamicInputs ?? [])], (_, value: unknown) =>
    value instanceof Map || value instanceof Set ? [...(value as Iterable<unknown>)] : value,
  )
  const names = [system, ...outputs.keys(), ...[...inputDerivations.values()].flatMap((set) => [...set])]
  return !dynamic.includes("\\") && names.every((name) => !/["\\\n\r\t]/.test(name))
}

function attempt<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch (error) {
    if (error instanceof DerivationError || error instanceof JsonError) return undefined
    throw error
  }
}
