/** The derivations of libstore-tests, in both of their forms, and what the C++ tests say of them. */
import assert from "node:assert/strict"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { parseSriHash } from "@tvix-ts/hash"
import {
  checkDerivation,
  DerivationError,
  derivationJson,
  derivationOptions,
  fixedOutputPath,
  parseAterm,
  parseDerivationJson,
  requiredSystemFeatures,
  instantiate,
  writeAterm,
  type Derivation,
  type DerivationOptions,
  type DerivationOutput,
  type HashMethod,
  type OutputChecks,
  type Reference,
} from "@tvix-ts/nix-compat"
import type { Case } from "./main.ts"

/** @param linked where those files really are that are links in `data` */
export function derivationCases(data: string, linked: string): Case[] {
  const folder = join(data, "derivation")
  const read = (name: string): string => {
    const path = join(folder, name)
    return readFileSync(existsSync(path) ? path : join(linked, name), "latin1")
  }
  const names = readdirSync(folder)
  const cases: Case[] = []
  for (const name of names.filter((one) => one.endsWith(".drv"))) {
    const stem = name.slice(0, -".drv".length)
    cases.push({ name: `derivation/${name}`, run: () => atermCase(stem, read(name)) })
    if (!names.includes(`${stem}.json`)) continue
    cases.push({ name: `derivation/${stem}.json`, run: () => jsonCase(stem, read(name), read(`${stem}.json`)) })
  }
  for (const name of names.filter((one) => one.startsWith("output-"))) {
    cases.push({ name: `derivation/${name}`, run: () => outputCase(name, read(name)) })
  }
  return cases
}

/** Names that are not those of the files. */
const NAMES: Readonly<Record<string, string>> = { simple: "simple-derivation", dynDerivationDeps: "dyn-dep-derivation" }

function atermCase(stem: string, text: string): void {
  const refused = REFUSED[stem]
  if (refused !== undefined) {
    assert.throws(
      () => parseAterm(text, "whatever"),
      (error) => error instanceof DerivationError && error.problem.code === refused,
    )
    return
  }
  const derivation = parseAterm(text, NAMES[stem] ?? stem)
  assert.equal(writeAterm(derivation), text)
  const expected = OPTIONS[stem]
  if (expected !== undefined) {
    assert.deepEqual(derivationOptions(derivation), expected)
    assert.deepEqual(requiredSystemFeatures(derivation), expected.requiredSystemFeatures)
  }
  // The others are not whole: the derivations that they need are nowhere.
  if (derivation.outputs.size > 0 && derivation.inputDerivations.size === 0) {
    assert.deepEqual(checkDerivation(derivation, { hashesOfInput: noInputs }), [])
    assert.deepEqual(instantiate(unknown(derivation), noInputs).derivation, derivation)
  }
}

const noInputs = (path: string): never => assert.fail(`there is no input ${path}`)

const REFUSED: Readonly<Record<string, string>> = {
  "bad-version": "aterm-version",
  "bad-old-version-dyn-deps": "aterm-expected",
}

function unknown(derivation: Derivation): Derivation {
  const env = new Map(derivation.env)
  const outputs = new Map<string, DerivationOutput>()
  for (const name of derivation.outputs.keys()) {
    env.set(name, "")
    outputs.set(name, { kind: "deferred" })
  }
  return { ...derivation, env, outputs }
}

function jsonCase(stem: string, aterm: string, json: string): void {
  const derivation = parseAterm(aterm, NAMES[stem] ?? stem)
  assert.deepEqual(parseDerivationJson(json), derivation)
  assert.equal(`${derivationJson(derivation, { version: 2, indent: 2 })}\n`, json)
  assert.deepEqual(parseDerivationJson(derivationJson(derivation)), derivation)
}

/** An output has no JSON of its own here, so it is put into a derivation. */
function outputCase(file: string, json: string): void {
  const kind = file.slice("output-".length, -".json".length)
  const expected = OUTPUTS[kind]
  assert.ok(expected !== undefined, "there is a new one")
  const derivation: Derivation = {
    name: "drv-name",
    outputs: new Map([["output-name", expected]]),
    inputDerivations: new Map(),
    inputSources: new Set(),
    system: "s",
    builder: "b",
    args: [],
    env: new Map(),
  }
  const members = JSON.parse(derivationJson(derivation, { version: 2 })) as { outputs: Record<string, unknown> }
  assert.deepEqual(members.outputs["output-name"], JSON.parse(json))
  const around = JSON.stringify({ ...members, outputs: { "output-name": JSON.parse(json) as unknown } })
  assert.deepEqual(parseDerivationJson(around), derivation)
  assert.deepEqual(parseAterm(writeAterm(derivation), "drv-name"), derivation)
}

const HASH = parseSriHash("sha256-iUUXyRY8iW7DGirb0zwGgf1fRbLA7wimTJKgP7l/OQ8=")
const fixed = (method: HashMethod): DerivationOutput => ({
  kind: "fixed",
  path: fixedOutputPath("drv-name-output-name", method, HASH),
  method,
  hash: HASH,
})
const OUTPUTS: Readonly<Record<string, DerivationOutput>> = {
  inputAddressed: {
    kind: "input-addressed",
    path: "/nix/store/c015dhfh5l0lp6wxyvdn7bmwhbbr6hr9-drv-name-output-name",
  },
  caFixedFlat: fixed("flat"),
  caFixedNAR: fixed("nar"),
  caFixedText: fixed("text"),
  caFloating: { kind: "floating", method: "nar", algorithm: "sha256" },
  deferred: { kind: "deferred" },
  impure: { kind: "impure", method: "nar", algorithm: "sha256" },
}

const UNSTRUCTURED: OutputChecks = { ignoreSelfReferences: true, disallowedReferences: [], disallowedRequisites: [] }
const STRUCTURED: OutputChecks = { ...UNSTRUCTURED, ignoreSelfReferences: false }
const DEFAULTS: DerivationOptions = {
  outputChecks: { scope: "all", checks: UNSTRUCTURED },
  unsafeDiscardReferences: new Map(),
  passAsFile: new Set(),
  exportReferencesGraph: new Map(),
  sandboxProfile: "",
  noChroot: false,
  impureHostDeps: new Set(),
  impureEnvVars: new Set(),
  allowLocalNetworking: false,
  requiredSystemFeatures: new Set(),
  preferLocalBuild: false,
  allowSubstitutes: true,
}
const SET: DerivationOptions = {
  ...DEFAULTS,
  sandboxProfile: "sandcastle",
  noChroot: true,
  impureHostDeps: new Set(["/usr/bin/ditto"]),
  impureEnvVars: new Set(["UNICORN"]),
  allowLocalNetworking: true,
  requiredSystemFeatures: new Set(["rainbow", "uid-range"]),
  preferLocalBuild: true,
  allowSubstitutes: false,
}
const FOO: Reference = { kind: "path", path: "/nix/store/3c08bzb71z4wiag719ipjxr277653ynp-foo" }
const BAR: Reference = { kind: "path", path: "/nix/store/7rhsm8i393hm1wcsmph782awg1hi2f7x-bar" }
const ALLOWED = { allowedReferences: [FOO], allowedRequisites: [FOO] }
const DISALLOWED = { disallowedReferences: [BAR], disallowedRequisites: [BAR] }
const OPTIONS: Readonly<Record<string, DerivationOptions>> = {
  "advanced-attributes-defaults": DEFAULTS,
  "advanced-attributes": {
    ...SET,
    outputChecks: { scope: "all", checks: { ...UNSTRUCTURED, ...ALLOWED, ...DISALLOWED } },
  },
  "advanced-attributes-structured-attrs-defaults": { ...DEFAULTS, outputChecks: { scope: "each", checks: new Map() } },
  "advanced-attributes-structured-attrs": {
    ...SET,
    outputChecks: {
      scope: "each",
      checks: new Map([
        ["bin", { ...STRUCTURED, ...DISALLOWED }],
        ["dev", { ...STRUCTURED, maxSize: 789, maxClosureSize: 5909 }],
        ["out", { ...STRUCTURED, ...ALLOWED }],
      ]),
    },
  },
}
