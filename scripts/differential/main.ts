/**
 * `npm run differential`: evaluates random programs here and in C++ Nix. Both must print the same, or both must fail.
 * The first program that they disagree on is made as small as it gets, and printed with both answers.
 *
 *     npm run differential -- [--programs N] [--seed FIRST] [--all]
 *
 * Program N of a run is the one of seed FIRST + N - 1, so `--seed S --programs 1` is one program again. `--all` lists the
 * seeds of all differences.
 */
import process from "node:process"
import { parseArgs } from "node:util"
import { byteStringOf } from "@tvix-ts/bytes"
import { askOracle, type Answer } from "../lang-tests/ask-oracle.ts"
import { askOurs } from "../lang-tests/ask-ours.ts"
import { generateProgram } from "./generate.ts"
import { print, smaller, type Tree } from "./tree.ts"

const { values: options } = parseArgs({
  options: {
    programs: { type: "string", default: "2000" },
    seed: { type: "string", default: "1" },
    all: { type: "boolean", default: false },
  },
})
const count = Number(options.programs)
const firstSeed = Number(options.seed)

/** Programs of one comparison; the oracle asks about them in parallel halves. */
const BATCH = 500

/** Begins what no program may bring about: not a problem of the program, but an exception of ours. */
const BUG = "bug: "

let failing = 0
let sameMessage = 0
const differing: { readonly seed: number; readonly program: Tree }[] = []
for (let from = 0; from < count; from += BATCH) {
  const programs = Array.from({ length: Math.min(BATCH, count - from) }, (_, index) => {
    const seed = firstSeed + from + index
    return { seed, program: generateProgram(seed) }
  })
  const theirs = await answersOf(programs.map(({ program }) => print(program)))
  for (const [index, one] of programs.entries()) {
    const their = theirs[index]!
    const our = evaluate(print(one.program))
    if (!agree(our, their)) differing.push(one)
    else if ("error" in our && "error" in their) {
      failing++
      if (our.error === their.error) sameMessage++
    }
  }
  if (differing.length > 0 && !options.all) break
}

if (options.all) for (const { seed } of differing) console.log(`seed ${seed}`)
const [first] = differing
if (first !== undefined) {
  const program = await minimise(first.program)
  console.log(`seed ${first.seed}:\n\n${print(program)}\n`)
  console.log(`ours:    ${show(evaluate(print(program)))}`)
  console.log(`C++ Nix: ${show((await answersOf([print(program)]))[0]!)}\n`)
  process.exitCode = 1
}
console.log(`${failing} programs fail in both, ${sameMessage} of them with the same message`)
console.log(`${count - differing.length} passed, ${differing.length} failed`)

function agree(our: Answer, their: Answer): boolean {
  if ("value" in our && "value" in their) return our.value === their.value
  return "error" in our && "error" in their && !our.error.startsWith(BUG)
}

function evaluate(program: string): Answer {
  try {
    return askOurs(byteStringOf(program))
  } catch (bug) {
    return { error: `${BUG}${bug instanceof Error ? bug.stack : String(bug)}`, line: undefined }
  }
}

async function answersOf(programs: readonly string[]): Promise<Answer[]> {
  const half = programs.length >> 1
  const [left, right] = await Promise.all([askOracle(programs.slice(0, half)), askOracle(programs.slice(half))])
  return [...left, ...right]
}

/** The smallest program found by taking parts away that still makes a difference. */
async function minimise(program: Tree): Promise<Tree> {
  let smallest = program
  for (;;) {
    // What we make of a candidate costs nothing, so C++ Nix is only asked about the shortest, a few at a time.
    const candidates = smaller(smallest).filter((one) => print(one).length < print(smallest).length)
    let better: Tree | undefined
    for (let from = 0; from < candidates.length && better === undefined; from += 50) {
      const some = candidates.slice(from, from + 50)
      const theirs = await answersOf(some.map(print))
      better = some.find((one, index) => !agree(evaluate(print(one)), theirs[index]!))
    }
    if (better === undefined) return smallest
    smallest = better
  }
}

function show(answer: Answer): string {
  return "value" in answer ? answer.value : `error: ${answer.error}`
}
