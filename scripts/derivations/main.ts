/**
 * `npm run derivations`: makes random derivations here and in C++ Nix, and compares their paths, those of their outputs,
 * and the bytes of every file that either wrote to the store. Then derivations with something wrong: both must say the
 * same of them, at the same place.
 *
 *     npm run derivations -- [--count N] [--invalid N] [--seed FIRST]
 *
 * The first so many of those with something wrong are every single fault, the rest are pairs.
 * `--count 20000 --invalid 5000` takes a few minutes.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { parseArgs } from "node:util"
import { byteStringOf } from "@tvix-ts/bytes"
import { LANG_TESTS } from "../lang-tests/fixtures.ts"
import { compareFiles } from "../side-by-side/files.ts"
import { askRepl, type Reply } from "../side-by-side/repl.ts"
import { Session } from "../side-by-side/session.ts"
import { Tally } from "../side-by-side/tally.ts"
import { CHAIN_LENGTH, generateChain, printChain } from "./generate.ts"
import { compareProblems, FAULT_COUNT, generateInvalid } from "./invalid.ts"

const { values: options } = parseArgs({
  options: {
    count: { type: "string", default: "1000" },
    invalid: { type: "string", default: String(FAULT_COUNT + 200) },
    seed: { type: "string", default: "1" },
  },
})
const firstSeed = Number(options.seed)
/** Differences of a kind that are printed. */
const SHOWN = 5

const chains = Array.from({ length: Math.ceil(Number(options.count) / CHAIN_LENGTH) }, (_, index) => {
  const chain = generateChain(firstSeed + index)
  return { seed: firstSeed + index, chain, text: byteStringOf(printChain(chain)) }
})
const invalid = Array.from({ length: Number(options.invalid) }, (_, index) => {
  const text = generateInvalid(firstSeed + index)
  return { seed: firstSeed + index, text: byteStringOf(text) }
})

const store = mkdtempSync(join(tmpdir(), "derivations-"))
try {
  const ours = new Session(LANG_TESTS)
  const theirs = await askRepl(
    [...chains, ...invalid].map(({ text }) => text),
    { store, directory: LANG_TESTS },
  )
  const paths = new Tally("derivations: equal paths", SHOWN)
  for (const [index, { seed, chain, text }] of chains.entries()) {
    const their = rowsOf(theirs[index]!)
    const our = rowsOf(ours.ask(text))
    const wrong = chain.derivations.findIndex((_, nth) => their.length !== CHAIN_LENGTH || our[nth] !== their[nth])
    for (let nth = 0; nth < CHAIN_LENGTH; nth++) {
      // Those after the first may need it, and differ for no other reason.
      if (wrong >= 0 && nth > wrong) break
      paths.add(nth !== wrong, () => {
        const asked = `seed ${seed}, d${wrong} = ${chain.derivations[wrong]!.expression}`
        return `${asked}\nours:    ${our[wrong] ?? our[0]}\nC++ Nix: ${their[wrong] ?? their[0]}\n`
      })
    }
  }
  const problems = new Tally("with something wrong: same problem", SHOWN)
  for (const [index, { seed, text }] of invalid.entries()) {
    const difference = compareProblems(ours.ask(text), theirs[chains.length + index]!)
    problems.add(difference === undefined, () => `seed ${seed}: ${text}\n${difference}`)
  }
  const { files, copies } = await compareFiles(ours, store, SHOWN)
  const tallies = [paths, problems, files]
  for (const tally of tallies) tally.print()
  console.log(`and ${copies} copies of sources`)
  const failed = tallies.reduce((sum, tally) => sum + tally.failed, 0)
  console.log(`${tallies.reduce((sum, tally) => sum + tally.passed, 0)} passed, ${failed} failed`)
  if (failed > 0) process.exitCode = 1
} finally {
  rmSync(store, { recursive: true })
}

/** What is known of each derivation, as text; or what went wrong. */
function rowsOf(reply: Reply): string[] {
  if ("error" in reply) return [`error: ${reply.error}`]
  return (JSON.parse(reply.value) as unknown[]).map((row) => JSON.stringify(row))
}
