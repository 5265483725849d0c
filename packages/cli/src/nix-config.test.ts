import assert from "node:assert/strict"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, test } from "node:test"
import { applyConfiguration, applySetting } from "./nix-config.ts"
import { UsageError } from "./options.ts"
import { defaultSettings, splitNixPath, type Settings } from "./settings.ts"

/** What differs from the default. */
function changed(change: (settings: Settings) => void): Partial<Settings> {
  const settings = defaultSettings()
  change(settings)
  const before = defaultSettings() as unknown as Record<string, unknown>
  return Object.fromEntries(
    Object.entries(settings).filter(
      ([name, value]) => JSON.stringify(plain(value)) !== JSON.stringify(plain(before[name])),
    ),
  )
}
const plain = (value: unknown): unknown => (value instanceof Set || value instanceof Map ? [...value] : value)

const { build } = defaultSettings()
const SETTINGS: readonly [name: string, value: string, result: Partial<Settings>][] = [
  ["show-trace", "true", { showTrace: true }],
  ["show-trace", "1", { showTrace: true }],
  ["show-trace", "no", {}],
  ["pure-eval", "yes", { pure: true }],
  ["max-call-depth", "100", { depthMax: 100 }],
  ["experimental-features", "flakes pipe-operators", { features: new Set(["flakes", "pipe-operators"]) }],
  ["extra-experimental-features", "flakes", { features: new Set(["flakes"]) }],
  ["nix-path", "a=b /c", { nixPath: ["a=b", "/c"] }],
  ["max-jobs", "auto", {}],
  ["substituters", "https://example.org", { build: { ...build, substituters: ["https://example.org"] } }],
  ["cores", "0", {}],
  ["timeout", "90", { build: { ...build, timeoutMs: 90_000 } }],
  ["keep-going", "true", { build: { ...build, keepGoing: true } }],
  ["allowed-users", "*", {}],
]

describe("applySetting", () => {
  for (const [name, value, result] of SETTINGS) {
    test(`${name} = ${value}`, () => {
      assert.deepEqual(
        changed((settings) => assert.ok(applySetting(settings, name, value))),
        result,
      )
    })
  }
  test("there is no such setting", () => {
    for (const name of ["no-such-thing", "extra-show-trace", "constructor", ""]) {
      assert.equal(applySetting(defaultSettings(), name, "x"), false)
    }
  })
  test("it does not take that value", () => {
    for (const [name, value, kind] of [
      ["max-call-depth", "x", "setting"],
      ["show-trace", "maybe", "Boolean setting"],
    ] as const) {
      assert.throws(
        () => applySetting(defaultSettings(), name, value),
        new UsageError(`${kind} '${name}' has invalid value '${value}'`),
      )
    }
  })
})

test("files, then the environment; what makes no sense is left out", () => {
  const folder = mkdtempSync(join(tmpdir(), "conf-"))
  try {
    writeFileSync(
      join(folder, "nix.conf"),
      "experimental-features = flakes # and no more\nmax-call-depth = 7\nmax-call-depth = x\n\nnonsense\nshow-trace=true\n",
    )
    const env = {
      NIX_CONF_DIR: folder,
      NIX_USER_CONF_FILES: join(folder, "missing"),
      NIX_CONFIG: "extra-experimental-features = pipe-operators\nmax-call-depth = 9",
      NIX_ABORT_ON_WARN: "1",
      NIX_PATH: "",
    }
    assert.deepEqual(
      changed((settings) => applyConfiguration(settings, env)),
      {
        features: new Set(["flakes", "pipe-operators"]),
        depthMax: 9,
        showTrace: true,
        abortOnWarn: true,
        nixPath: [],
      },
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
})

const PATHS: readonly [text: string, entries: readonly string[]][] = [
  ["", []],
  ["a", ["a"]],
  ["a:b=c:/d", ["a", "b=c", "/d"]],
  ["::a::", ["a"]],
  ["nixpkgs=https://example.org/a.tar.gz:foo=/bar", ["nixpkgs=https://example.org/a.tar.gz", "foo=/bar"]],
  ["https://example.org:/a", ["https://example.org", "/a"]],
  ["x=channel:nixos-unstable:y", ["x=channel:nixos-unstable", "y"]],
  ["flake:nixpkgs", ["flake:nixpkgs"]],
]
describe("splitNixPath", () => {
  for (const [text, entries] of PATHS) test(text, () => assert.deepEqual(splitNixPath(text), entries))
})
