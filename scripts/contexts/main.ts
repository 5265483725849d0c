/**
 * `npm run contexts`: random programs about what strings refer to, here and in C++ Nix. Both must arrive at the same
 * value with the same contexts, or at the same problem.
 *
 *     npm run contexts -- [--programs N] [--seed FIRST] [--show N]
 *
 * Program N of a run is the one of seed FIRST + N - 1. `--programs 50000` takes some minutes.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { parseArgs } from "node:util"
import { byteStringOf, textOf } from "@tvix-ts/bytes"
import { LANG_TESTS } from "../lang-tests/fixtures.ts"
import { isBeyondEvaluation, isSameMessage } from "../side-by-side/compare.ts"
import { askRepl, type Reply } from "../side-by-side/repl.ts"
import { Session } from "../side-by-side/session.ts"
import { Tally } from "../side-by-side/tally.ts"
import { DEFINITIONS, generateProgram } from "./generate.ts"

const { values: options } = parseArgs({
  options: {
    programs: { type: "string", default: "3000" },
    seed: { type: "string", default: "1" },
    show: { type: "string", default: "5" },
  },
})
const shown = Number(options.show)
const programs = Array.from({ length: Number(options.programs) }, (_, index) => {
  const seed = Number(options.seed) + index
  return { seed, text: byteStringOf(`show ${generateProgram(seed)}`) }
})

const store = mkdtempSync(join(tmpdir(), "contexts-"))
try {
  const ours = new Session(LANG_TESTS)
  for (const [name, expression] of DEFINITIONS) ours.define(name, expression)
  const theirs = await askRepl(
    programs.map(({ text }) => text),
    { store, directory: LANG_TESTS, setup: DEFINITIONS.map(([name, expression]) => `${name} = ${expression}`) },
  )
  const values = new Tally("values with their contexts", shown)
  const failures = new Tally("programs that fail in both", shown)
  const messages = new Tally("failures with the same message", shown)
  let beyond = 0
  for (const [index, { seed, text }] of programs.entries()) {
    const their = theirs[index]!
    const our = ours.ask(text)
    if (isBeyondEvaluation(our, their)) {
      beyond++
      continue
    }
    const tell = (): string => `seed ${seed}: ${textOf(text)}\nours:    ${show(our)}\nC++ Nix: ${show(their)}\n`
    if ("value" in their) values.add("value" in our && our.value === their.value, tell)
    else {
      failures.add("error" in our, tell)
      if ("error" in our) messages.add(isSameMessage(our.error, their.error), tell)
    }
  }
  const tallies = [values, failures, messages]
  for (const tally of tallies) tally.print()
  console.log(`and ${beyond} programs that take more than evaluation`)
  const failed = tallies.reduce((sum, tally) => sum + tally.failed, 0)
  console.log(`${tallies.reduce((sum, tally) => sum + tally.passed, 0)} passed, ${failed} failed`)
  if (failed > 0) process.exitCode = 1
} finally {
  rmSync(store, { recursive: true })
}

function show(reply: Reply): string {
  return textOf("value" in reply ? reply.value : `error: ${reply.error}`)
}
