import assert from "node:assert/strict"
import { test } from "node:test"
import { encodeHex } from "@tvix-ts/bytes"
import { digestLength, hexDigest } from "@tvix-ts/hash"
import { parse, SourceFile } from "@tvix-ts/syntax"
import { makeGlobals } from "../builtins/globals.ts"
import { Evaluation } from "../evaluation.ts"
import { COMPILER_VERSION } from "../unit-cache.ts"
import { compile } from "./compile.ts"
import { disassemble } from "./disassemble.ts"
import { encodeUnit } from "./unit-encoding.ts"

/** What {@link COMPILER_VERSION} stands for: a digest of all that these programs are compiled to. */
const KNOWN = { version: 3, digest: "e4e5dbaceae155bd7c801d012102727885ae3bfdad3e146994cf8993329a8b6e" }

/** Every kind of expression, and names that change what others mean. */
const PROGRAMS = [
  "{ a.b.c = 1; a.b.d = [ 1 2.5 ./x ~/y <z> /w ''i'' \"s\" ]; }",
  "{ a, b ? a, ... }@c: with c; a.b.c or d + e.${f} ? g",
  "let inherit (x) y; x = { y = z: z; }; in rec { __overrides = { }; inherit y; } // { }",
  "a: b: if a < b then !(a >= b) else a -> b && a || -b * 2 - 1 / 3 != 4",
  'let __sub = a: b: a; in assert 1 == 2; "x${toString (1 - 2)}" ++ [ __curPos ./a/${null} ]',
  "let { body = x: y: { z }: x y z; }",
  `${"[ (x: ".repeat(45)}${"!".repeat(90)}x${") ]".repeat(45)}`,
]

test("whoever changes what programs are compiled to counts the compiler's version up", () => {
  const { globals } = new Evaluation({}, makeGlobals)
  const units = PROGRAMS.map((text) => {
    const source = new SourceFile("/test.nix", text)
    const { expr, problems } = parse(source)
    assert.deepEqual(problems, [], text)
    const unit = compile(source, expr, {
      basePath: "/",
      home: "/home",
      isGlobal: (name) => globals.has(name) || name.length === 1,
    })
    return disassemble(unit, { places: true }) + encodeHex(encodeUnit(unit, new Uint8Array(digestLength.sha256)))
  })
  const digest = hexDigest("sha256", JSON.stringify(units))
  assert.deepEqual(
    { version: COMPILER_VERSION, digest },
    KNOWN,
    "the compiler's output has changed: increase COMPILER_VERSION in unit-cache.ts, and write both down here",
  )
})
