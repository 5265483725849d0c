import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { checkLayers } from "./layers.ts"

const MANIFESTS = {
  bytes: { exports: { ".": {} }, dependencies: {} },
  syntax: { exports: { ".": {} }, dependencies: { "@tvix-ts/bytes": "0.1.0" } },
  eval: { exports: { ".": {}, "./node": {} }, dependencies: { "@tvix-ts/bytes": "0.1.0" } },
}
type Files = Readonly<Record<string, string>>
const check = (files: Files): string[] =>
  checkLayers(
    Object.entries(files).map(([path, text]) => ({ path: `packages/${path}`, text })),
    MANIFESTS,
  )

const REFUSED: { name: string; files: Files; problem: string }[] = [
  {
    name: "upwards",
    files: { "syntax/src/a.ts": 'import { x } from "@tvix-ts/eval"' },
    problem: "'syntax' may not import 'eval'",
  },
  {
    name: "upwards for a type",
    files: { "syntax/src/a.ts": 'import type { X } from "@tvix-ts/eval"' },
    problem: "may not import",
  },
  {
    name: "undeclared",
    files: { "eval/src/a.ts": 'import { x } from "@tvix-ts/syntax"' },
    problem: "does not declare",
  },
  {
    name: "past exports",
    files: { "eval/src/a.ts": 'import { x } from "@tvix-ts/bytes/src/a.ts"' },
    problem: "does not export",
  },
  {
    name: "by path",
    files: { "eval/src/a.ts": 'import { x } from "../../bytes/src/a.ts"' },
    problem: "reaches into another",
  },
  {
    name: "node:* in portable code",
    files: { "eval/src/a.ts": 'import fs from "node:fs"' },
    problem: "outside a node/ folder",
  },
  {
    name: "node/ from portable code",
    files: { "eval/src/a.ts": 'import { x } from "./node/b.ts"' },
    problem: "code for Node",
  },
  { name: "export *", files: { "eval/src/a.ts": 'export * from "./b.ts"' }, problem: "name it" },
  {
    name: "a statement of many lines",
    files: { "eval/src/a.ts": 'import {\n  a,\n  b,\n} from "node:fs"' },
    problem: "packages/eval/src/a.ts:1:",
  },
  { name: "unknown package", files: { "new/src/a.ts": "" }, problem: "no place" },
  {
    name: "a cycle",
    files: { "eval/src/a.ts": 'import "./b.ts"', "eval/src/b.ts": 'export { a } from "./a.ts"' },
    problem: "packages/eval/src/a.ts -> packages/eval/src/b.ts -> packages/eval/src/a.ts",
  },
]

const ALLOWED: { name: string; files: Files }[] = [
  { name: "downwards, declared", files: { "syntax/src/a.ts": 'import { x } from "@tvix-ts/bytes"' } },
  { name: "node:* in a node/ folder", files: { "eval/src/node/a.ts": 'import fs from "node:fs"' } },
  { name: "node:* in a test", files: { "eval/src/a.test.ts": 'import fs from "node:fs"' } },
  {
    name: "a cycle of types",
    files: { "eval/src/a.ts": 'import type { B } from "./b.ts"', "eval/src/b.ts": 'import { a } from "./a.ts"' },
  },
]

describe("layers", () => {
  for (const { name, files, problem } of REFUSED) {
    test(`refuses: ${name}`, () => {
      const problems = check(files)
      assert.equal(problems.length, 1, problems.join("\n"))
      assert.ok(problems[0]?.includes(problem))
    })
  }

  for (const { name, files } of ALLOWED) {
    test(`allows: ${name}`, () => assert.deepEqual(check(files), []))
  }
})
