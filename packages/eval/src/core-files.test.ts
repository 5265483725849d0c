import assert from "node:assert/strict"
import { test } from "node:test"
import { IoError } from "./io.ts"
import { memoryIo } from "./memory-io.ts"
import { printed } from "./testing.ts"

const SHOWN = [
  { expression: "<nix/fetchurl.nix>", shown: "<nix/fetchurl.nix>" },
  { expression: 'builtins.findFile [ ] "nix/nothing.nix"', shown: "<nix/nothing.nix>" },
  { expression: "<nix/../a>", shown: "<nix/a>" },
  { expression: "toString <nix/fetchurl.nix>", shown: '"/fetchurl.nix"' },
  { expression: "baseNameOf <nix/fetchurl.nix>", shown: '"fetchurl.nix"' },
  { expression: "builtins.readDir (dirOf <nix/fetchurl.nix>)", shown: '{ "fetchurl.nix" = "regular"; }' },
  { expression: "builtins.pathExists <nix/fetchurl.nix>", shown: "true" },
  { expression: "builtins.pathExists <nix/nothing.nix>", shown: "false" },
  { expression: "builtins.functionArgs (import <nix/fetchurl.nix>) ? url", shown: "true" },
  { expression: "<nix/fetchurl.nix> == /fetchurl.nix", shown: "false" },
]
for (const pure of [false, true]) {
  for (const { expression, shown } of SHOWN) {
    test(`${expression} is ${shown}${pure ? ", also in pure mode" : ""}`, () => {
      assert.equal(printed(expression, { pure }), shown)
    })
  }
}

for (const { expression, message } of [
  { expression: "import <nix/nothing.nix>", message: /path '<nix\/nothing.nix>' does not exist/ },
  { expression: "builtins.readFile <nix/nothing.nix>", message: /file '<nix\/nothing.nix>' does not exist/ },
  { expression: "builtins.readDir <nix/fetchurl.nix>", message: /file '<nix\/fetchurl.nix>' is not a directory/ },
  { expression: "import (toString <nix/fetchurl.nix>)", message: /path '\/fetchurl.nix' does not exist/ },
]) {
  test(`refused: ${expression}`, () => {
    assert.match(printed(expression), message)
  })
}

test("a search path comes first", () => {
  const io = memoryIo({ "/own/fetchurl.nix": "1" })
  const searchPath = [{ prefix: "nix", path: "/own" }]
  assert.equal(printed("import <nix/fetchurl.nix>", { io, searchPath }), "1")
  assert.equal(printed("<nix/other.nix>", { io, searchPath }), "<nix/other.nix>")
})

test("an entry that is an address is fetched, once, or ignored", async () => {
  const asked: string[] = []
  const said: string[] = []
  const fetchArchive = (url: string): string => {
    asked.push(url)
    if (url.startsWith("channel:")) return "/fetched"
    throw new IoError("no network")
  }
  const options = {
    io: memoryIo({ "/fetched/x.nix": "1", "/own/y.nix": "2" }),
    fetchArchive,
    searchPath: [
      { prefix: "", path: "https://example.org/a.tar" },
      { prefix: "", path: "channel:c" },
      { prefix: "", path: "/own" },
    ],
    onMessage: (_: string, message: string) => said.push(message),
  }
  assert.equal(printed("[ <x.nix> (import <x.nix>) (import <y.nix>) ]", options), "[ /fetched/x.nix 1 2 ]")
  assert.deepEqual(asked, ["https://example.org/a.tar", "channel:c"])
  assert.deepEqual(said, [
    "Nix search path entry 'https://example.org/a.tar' cannot be downloaded, ignoring (no network)",
  ])
  assert.equal(printed("__nixPath == [ ]", { searchPath: [{ prefix: "a", path: "https://x" }] }), "false")
})
