import assert from "node:assert/strict"
import { test } from "node:test"
import type { RealiseEvent } from "@tvix-ts/glue/build"
import { BuildTree, type TreeStyle } from "./build-tree.ts"

const drv = (name: string): string => `/nix/store/${"0".repeat(32)}-${name}.drv`
const PLAIN: TreeStyle = { width: 60, height: 10, color: false }
const planned = (name: string, ...inputs: readonly string[]): RealiseEvent => ({
  kind: "build-planned",
  derivation: drv(name),
  inputs: inputs.map(drv),
})

function treeOf(...events: readonly RealiseEvent[]): BuildTree {
  const tree = new BuildTree(new Map([["zlib", 65_000]]))
  for (const event of events) tree.event(event, 1000)
  return tree
}

test("what runs is shown below what it runs for, each once", () => {
  const tree = treeOf(
    planned("app", "libs", "docs"),
    planned("libs", "zlib", "curl"),
    planned("docs", "zlib"),
    planned("zlib"),
    planned("curl"),
    planned("idle"),
    { kind: "build-started", derivation: drv("zlib") },
    { kind: "build-started", derivation: drv("curl") },
    { kind: "build-phase", derivation: drv("curl"), phase: "installPhase" },
    { kind: "fetch-started", path: `/nix/store/${"0".repeat(32)}-src`, narSize: 2048 },
  )
  assert.deepEqual(tree.lines(4000, PLAIN), [
    "↓ src  2 KiB  3 s",
    "⏸ app",
    "└─ ⏸ libs",
    "   └─ ⏵ zlib  3 s (last time 1:05 min)",
    "   └─ ⏵ curl  installPhase  3 s",
    "└─ ⏸ docs",
    "0 built  2 building  4 waiting  1 fetching",
  ])
  tree.event({ kind: "build-done", derivation: drv("zlib"), outputs: [] }, 5000)
  tree.event({ kind: "build-failed", derivation: drv("curl"), error: undefined }, 5000)
  tree.event({ kind: "fetch-done", path: `/nix/store/${"0".repeat(32)}-src` }, 5000)
  assert.equal(tree.elapsed(drv("zlib"), 5000), 4000)
  assert.deepEqual(tree.lines(5000, PLAIN), ["1 built  4 waiting  1 failed  1 fetched"])
})

test("no more lines than there is room for, and none that a terminal would break", () => {
  const names = Array.from({ length: 9 }, (_, i) => `package-with-a-long-name-${i}`)
  const tree = treeOf(
    ...names.map((name) => planned(name)),
    ...names.map((name): RealiseEvent => ({ kind: "build-started", derivation: drv(name) })),
  )
  const lines = tree.lines(1000, { width: 20, height: 5, color: true })
  assert.equal(lines.length, 5)
  assert.equal(lines[3], "… and 6 more")
  for (const line of lines) assert.ok(line.replaceAll(/\x1b\[\d*m/g, "").length <= 20, line)
})

test("where there is no room for all, it is what runs that is shown, and what waits for it at once", () => {
  const length = 20_000
  const name = (i: number): string => `link-${i}`
  const chain = Array.from({ length }, (_, i) => planned(name(i), ...(i + 1 < length ? [name(i + 1)] : [])))
  const tree = treeOf(...chain, { kind: "build-started", derivation: drv(name(length - 1)) })
  assert.deepEqual(tree.lines(3000, { ...PLAIN, height: 5 }), [
    "⏸ link-19997",
    "└─ ⏸ link-19998",
    "   └─ ⏵ link-19999  2 s",
    "… and 19997 more",
    "0 built  1 building  19999 waiting",
  ])
})

test("what another process builds is shown as that", () => {
  const tree = treeOf(planned("app", "zlib"), planned("zlib"), { kind: "build-elsewhere", derivation: drv("zlib") })
  assert.deepEqual(tree.lines(4000, PLAIN), [
    "⏸ app",
    "└─ ⏵ zlib  built by another process, for 3 s",
    "0 built  1 being built by another process  1 waiting",
  ])
  tree.event({ kind: "build-found", derivation: drv("zlib") }, 5000)
  assert.deepEqual(tree.lines(5000, PLAIN), ["1 built  1 waiting"])
})

test("before anything happens there is nothing to show", () => {
  assert.equal(treeOf().isEmpty, true)
  assert.equal(treeOf(planned("app")).isEmpty, false)
})
