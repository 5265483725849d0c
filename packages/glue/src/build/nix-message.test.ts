import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { utf8 } from "@tvix-ts/bytes"
import { LogTail } from "./log-tail.ts"
import { nixMessage, type NixMessage } from "./nix-message.ts"

const other: NixMessage = { kind: "other" }
const CASES: readonly (readonly [line: string, message: NixMessage | undefined])[] = [
  ['@nix { "action": "setPhase", "phase": "buildPhase" }', { kind: "phase", phase: "buildPhase" }],
  ['@nix {"action":"setPhase","phase":"\\u001b[31m"}', other],
  ['@nix {"action":"setPhase"}', other],
  ['@nix {"action":"msg","level":1,"msg":"a \\u00e9"}', { kind: "text", text: "a \xc3\xa9" }],
  ['@nix {"action":"msg","level":4,"msg":"talk"}', other],
  ['@nix {"action":"start","id":1,"type":101}', other],
  ["@nix nonsense", undefined],
  ["@nix 1", undefined],
  ["@nix null", undefined],
  ["@nix {}", undefined],
  [`@nix {"action":"${"x".repeat(70_000)}"}`, undefined],
  ["@nixos", undefined],
  [" @nix {}", undefined],
  ["text", undefined],
]
describe("messages to Nix", () => {
  for (const [line, message] of CASES) {
    test(line.slice(0, 60), () => assert.deepEqual(nixMessage(line), message))
  }

  test("are not among the last lines of a log, but for what they say to people", () => {
    const phases: string[] = []
    const tail = new LogTail(3, (phase) => phases.push(phase))
    const lines = [
      "one",
      '@nix {"action":"setPhase","phase":"p"}',
      "two",
      '@nix {"action":"msg","level":0,"msg":"three"}',
    ]
    tail.add(utf8(`${lines.join("\n")}\n@nix {"action":`))
    tail.add(utf8('"setPhase","phase":"q"}\nfour\n@nix {"action":"stop","id":1}'))
    assert.deepEqual(tail.end(), { lines: ["two", "three", "four"], omitted: 1 })
    assert.deepEqual(phases, ["p", "q"])
  })
})
