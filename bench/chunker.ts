/**
 * How fast are chunks found? Cutting in WebAssembly and in JavaScript, beside the floor: copying the same bytes once.
 *
 *     node --conditions=source bench/chunker.ts [--size MiB] [--runs N]
 *
 * Best of N runs (default 5) for each, in turns, since other programs can only make one slower. The first 128 KiB of each
 * chunk, more than a third of all, are never looked at. A scanner that finds other chunks than the other is a failure.
 */
import process from "node:process"
import { parseArgs } from "node:util"
import { cutWith } from "../packages/castore/src/chunker/cut.ts"
import { CHUNK_MIN } from "../packages/castore/src/chunker/gear.ts"
import { scriptScanner, wasmScanner, type Scanner } from "../packages/castore/src/chunker/scanner.ts"
import { noise } from "../packages/castore/src/testing/bytes.ts"

const { values } = parseArgs({
  options: { size: { type: "string", default: "128" }, runs: { type: "string", default: "5" } },
})
const size = Number(values.size) * 2 ** 20
const runs = Number(values.runs)
const bytes = noise(size)
const copy = new Uint8Array(2 ** 19)

function cutAll(scanner: Scanner): number {
  let chunks = 0
  for (let at = 0; at < size; chunks++) at = size - at <= CHUNK_MIN ? size : cutWith(scanner, bytes, at, size)
  return chunks
}

function copyAll(): number {
  for (let at = 0; at < size; at += copy.length) copy.set(bytes.subarray(at, at + copy.length))
  return copy[0]!
}

const wasm = wasmScanner()
if (wasm === undefined) throw new Error("no WebAssembly here")
const script = scriptScanner()
if (cutAll(wasm) !== cutAll(script)) throw new Error("the scanners disagree")

const contestants = { "copying (floor)": copyAll, WebAssembly: () => cutAll(wasm), JavaScript: () => cutAll(script) }
const best = new Map<string, number>()
for (let run = 0; run < runs; run++) {
  for (const [name, work] of Object.entries(contestants)) {
    const started = performance.now()
    work()
    best.set(name, Math.min(best.get(name) ?? Infinity, performance.now() - started))
  }
}
const floor = best.get("copying (floor)")!
for (const [name, ms] of best) {
  const rate = `${(size / 1e6 / ms).toFixed(2)} GB/s`
  process.stdout.write(`${name.padEnd(18)}${rate.padStart(12)}${(ms / floor).toFixed(1).padStart(8)} x floor\n`)
}
