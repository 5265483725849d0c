import assert from "node:assert/strict"
import { test } from "node:test"
import { digestOf, type B3Digest } from "@tvix-ts/castore"
import { checkRequest } from "./check.ts"
import { BuildError } from "./problem.ts"
import type { BuildRequest } from "./request.ts"

const node = { type: "file", digest: digestOf(new Uint8Array()), size: 0, executable: false } as const
const constraints = { system: "x86_64-linux", memoryMin: 0, availablePaths: [], network: false, binSh: true }
const VALID: BuildRequest = {
  inputs: new Map([["in", node]]),
  inputsDir: "nix/store",
  command: ["/nix/store/in/bin/sh", "", "\xff"],
  workingDir: "build",
  scratchPaths: ["build", "nix/store"],
  outputs: ["nix/store/a", "nix/store/a-b", "nix/store/b"],
  environment: new Map([["PWD", "/build"]]),
  constraints: { ...constraints, availablePaths: ["/dev/kvm", "/dev/kvm2"] },
  additionalFiles: new Map([["build/.attrs.json", new Uint8Array(3)]]),
  needles: ["a", "a"],
}
const map = <V>(...entries: [string, V][]): ReadonlyMap<string, V> => new Map(entries)

test("takes a request that makes sense", () => checkRequest(VALID))

for (const [field, reason, changes] of [
  ["inputsDir", "is empty", { inputsDir: "" }],
  ["inputsDir", "is not a relative path", { inputsDir: "/nix/store" }],
  ["inputsDir", "has a superfluous '/'", { inputsDir: "nix//store" }],
  ["inputsDir", "has a superfluous '/'", { inputsDir: "nix/store/" }],
  ["workingDir", "has the component '.'", { workingDir: "./build" }],
  ["workingDir", "has the component '..'", { workingDir: "build/../.." }],
  ["workingDir", "contains NUL", { workingDir: "a\0b" }],
  ["workingDir", "is not a byte string", { workingDir: "ā" }],
  ["workingDir", "has a component of more than 255 bytes", { workingDir: "a".repeat(256) }],
  ["workingDir", "has more than 4095 bytes", { workingDir: "a/".repeat(2048) }],
  ['inputs["a/b"]', `is wrong: "a/b" contains '/'`, { inputs: map(["a/b", node]) }],
  ['inputs[".."]', `is wrong: ".." cannot name an entry`, { inputs: map(["..", node]) }],
  [
    'inputs["a"].digest',
    "is wrong: a digest has 32 bytes, this one has 3",
    { inputs: map(["a", { ...node, digest: new Uint8Array(3) as B3Digest }]) },
  ],
  ["command", "is empty", { command: [] }],
  ["command[0]", "is not an absolute path", { command: ["sh"] }],
  ["command[1]", "contains NUL", { command: ["/sh", "\0"] }],
  ["command", "has more than 4194304 bytes", { command: ["/sh", "x".repeat(1 << 22)] }],
  ["scratchPaths[1]", 'comes after "build"', { scratchPaths: ["build", "a"] }],
  ["scratchPaths[1]", "is there twice", { scratchPaths: ["build", "build"] }],
  ["scratchPaths[0]", 'is where the input "in" is', { scratchPaths: ["nix/store/in/x"] }],
  ["outputs[0]", "is not below a scratch path", { outputs: ["etc/passwd"] }],
  ["outputs[0]", "is not below a scratch path", { outputs: ["build"] }],
  ["outputs[0]", "is not below a scratch path", { outputs: ["buildings/a"] }],
  ["outputs[0]", "has the component '..'", { outputs: ["build/../etc/passwd"] }],
  ["outputs[0]", 'is where the input "in" is', { outputs: ["nix/store/in"] }],
  ["outputs[2]", 'is in another output, "build/a"', { outputs: ["build/a", "build/a-b", "build/a/c"] }],
  ["outputs[1]", 'comes after "build/b"', { outputs: ["build/b", "build/a"] }],
  ['environment[""]', "has no name", { environment: map(["", "x"]) }],
  ['environment["a=b"]', "has a name with '='", { environment: map(["a=b", "x"]) }],
  ['environment["a"]', "contains NUL", { environment: map(["a", "x\0y"]) }],
  ['environment["PWD"]', "is not the working folder", { environment: map(["PWD", "/"]) }],
  ["environment", "has more than 67108864 bytes", { environment: map(["a", "x".repeat(1 << 26)]) }],
  ["constraints.system", "is empty", { constraints: { ...constraints, system: "" } }],
  ["constraints.memoryMin", "is no number of bytes", { constraints: { ...constraints, memoryMin: -1 } }],
  [
    "constraints.availablePaths[0]",
    "is not an absolute path",
    { constraints: { ...constraints, availablePaths: ["dev"] } },
  ],
  [
    "constraints.availablePaths[0]",
    "has the component '..'",
    { constraints: { ...constraints, availablePaths: ["/dev/../etc"] } },
  ],
  ['additionalFiles["../a"]', "has the component '..'", { additionalFiles: map(["../a", new Uint8Array()]) }],
  [
    'additionalFiles["build"]',
    "is in the way of a scratch path",
    { additionalFiles: map(["build", new Uint8Array()]) },
  ],
  ['additionalFiles["nix"]', "is in the way of a scratch path", { additionalFiles: map(["nix", new Uint8Array()]) }],
  [
    'additionalFiles["nix/store/in/x"]',
    'is where the input "in" is',
    { additionalFiles: map(["nix/store/in/x", new Uint8Array()]) },
  ],
  [
    "additionalFiles",
    "has more than 268435456 bytes",
    { additionalFiles: map(["a", { length: 2 ** 28 + 1 } as Uint8Array]) },
  ],
  ["needles[1]", "has not between 1 and 4096 bytes", { needles: ["a", ""] }],
  ["needles[0]", "is not a byte string", { needles: ["ā"] }],
] as const satisfies readonly (readonly [string, string, Partial<BuildRequest>])[]) {
  test(`refuses one whose ${field.slice(0, 40)} ${reason}`, () => {
    assert.throws(
      () => checkRequest({ ...VALID, ...changes }),
      (error) => {
        assert.ok(error instanceof BuildError)
        assert.deepEqual(error.problem, { code: "invalid", field, reason })
        return true
      },
    )
  })
}
