/**
 * `npm run store-vectors`: what C++ Nix 2.26's own tests have of archives, path infos, narinfos, content addresses, store
 * references and derivations, read and written by packages/nix-compat; then random trees, keys, signatures, a binary cache
 * and the derivations of a program, with the C++ Nix that scripts/oracle.ts finds.
 *
 *     npm run store-vectors -- [--trees N] [--seed FIRST]
 */
import process from "node:process"
import { parseArgs } from "node:util"
import { fetchStoreVectors } from "../corpus/fetch.ts"
import { requireOracle } from "../oracle.ts"
import { archiveCases } from "./archives.ts"
import { derivationCases } from "./derivations.ts"
import { interopCases } from "./interop.ts"
import { recordCases } from "./records.ts"

/** Throws if something is not as it should be. */
export interface Case {
  readonly name: string
  readonly run: () => void | Promise<void>
}

const { values: options } = parseArgs({
  options: { trees: { type: "string", default: "20" }, seed: { type: "string", default: "1" } },
})
const { archives, derivations, data } = fetchStoreVectors()
const cases: readonly Case[] = [
  ...archiveCases(archives),
  ...recordCases(data),
  ...derivationCases(data, derivations),
  ...interopCases(requireOracle(), { trees: Number(options.trees), seed: Number(options.seed) }),
]
let failed = 0
for (const { name, run } of cases) {
  try {
    await run()
  } catch (error) {
    failed++
    console.log(`${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  }
}
console.log(`${cases.length - failed} passed, ${failed} failed`)
if (failed > 0) process.exitCode = 1
