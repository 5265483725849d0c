/**
 * `npm run derivations`: makes random derivations here and in C++ Nix, and compares the paths of the derivations and of
 * all their outputs. A path is a hash of every byte of the derivation, so equal paths are equal files.
 *
 *     npm run derivations -- [--count N] [--seed FIRST]
 */
import process from "node:process"
import { parseArgs } from "node:util"
import { byteStringOf, textOf } from "@tvix-ts/bytes"
import { deeply, describe, Evaluation, Failure, makeGlobals, printValue } from "@tvix-ts/eval"
import { nodeIo } from "@tvix-ts/eval/node"
import { evaluationStore, storeBuiltins, storeIo } from "@tvix-ts/glue"
import { SourceFile } from "@tvix-ts/syntax"
import { askOracle } from "../lang-tests/ask-oracle.ts"
import { LANG_TESTS } from "../lang-tests/fixtures.ts"
import { CHAIN_LENGTH, generateChain, printChain } from "./generate.ts"

const { values: options } = parseArgs({
  options: { count: { type: "string", default: "1000" }, seed: { type: "string", default: "1" } },
})
const firstSeed = Number(options.seed)
const programs = Array.from({ length: Math.ceil(Number(options.count) / CHAIN_LENGTH) }, (_, index) => {
  const chain = generateChain(firstSeed + index)
  return { seed: firstSeed + index, chain, text: printChain(chain) }
})

const theirs = await askOracle(programs.map(({ text }) => text))
let passed = 0
let failed = 0
for (const [index, { seed, chain, text }] of programs.entries()) {
  const answer = theirs[index]!
  const their = "value" in answer ? rowsOf(answer.value) : [`error: ${answer.error}`]
  const our = rowsOf(evaluate(text))
  const wrong = chain.derivations.findIndex((_, nth) => our[nth] !== their[nth] || "error" in answer)
  passed += wrong < 0 ? CHAIN_LENGTH : wrong
  if (wrong < 0) continue
  failed += CHAIN_LENGTH - wrong
  // Those after it may need it, and differ for no other reason.
  console.log(`seed ${seed}, d${wrong} = ${chain.derivations[wrong]!.expression}`)
  console.log(`ours:    ${our[wrong] ?? our[0]}\nC++ Nix: ${their[wrong] ?? their[0]}\n`)
}
console.log(`${passed} passed, ${failed} failed`)
if (failed > 0) process.exitCode = 1

/** A list of lists on one line each. */
function rowsOf(printed: string): string[] {
  return printed.startsWith("[ [") ? printed.slice(2, -2).split(/(?<=\]) (?=\[)/) : [printed]
}

function evaluate(text: string): string {
  const directory = byteStringOf(LANG_TESTS)
  const store = evaluationStore()
  const evaluation = new Evaluation({ io: storeIo(nodeIo(), store), builtins: storeBuiltins(store) }, makeGlobals)
  try {
    const root = evaluation.load(new SourceFile("«string»", byteStringOf(text)), directory)
    return textOf(printValue(evaluation.runSync(deeply(root))))
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    return `error: ${textOf(describe(error.problem))}`
  }
}
