/**
 * `npm run lang-tests:oracle`: checks the expectations of lang-tests/ against C++ Nix, so that they are facts of the
 * language and not of this implementation. `-- --fill` writes the expectation of every snippet that has none yet.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { parseArgs } from "node:util"
import { askOracle, type Answer } from "./ask-oracle.ts"
import { codeOf, mayMean } from "./codes.ts"
import { LANG_TESTS, printFixtures, readFixtures, type Fixture } from "./fixtures.ts"

const { values: options } = parseArgs({ options: { fill: { type: "boolean", default: false } } })

const files = readFixtures()
const fixtures = [...files.values()].flat()
const utf8 = (bytes: string): string => Buffer.from(bytes, "latin1").toString()
const answers = await askOracle(fixtures.map(({ source }) => utf8(source)))
const answerTo = new Map(fixtures.map((fixture, index) => [fixture, answers[index]!]))

if (options.fill) {
  for (const [file, list] of files) {
    const filled = list.map((fixture) => (fixture.expect ? fixture : withMark(fixture, answerTo.get(fixture)!)))
    if (filled.some((fixture, index) => fixture !== list[index])) {
      writeFileSync(join(LANG_TESTS, file), printFixtures(filled), "latin1")
    }
  }
} else {
  const wrong = fixtures.flatMap((fixture) => {
    const problem = disagreement(fixture, answerTo.get(fixture)!)
    return problem === undefined ? [] : [`lang-tests/${fixture.file}:${fixture.line}: ${problem}`]
  })
  for (const line of wrong) console.log(line)
  console.log(`${fixtures.length - wrong.length} passed, ${wrong.length} failed`)
  if (wrong.length > 0) process.exitCode = 1
}

/** What C++ Nix says otherwise than the fixture, or `undefined`. */
function disagreement({ expect }: Fixture, answer: Answer): string | undefined {
  const said = "value" in answer ? answer.value : `error: ${answer.error} (line ${answer.line ?? "unknown"})`
  if (expect === undefined) return `no expectation; C++ Nix says ${said}`
  if ("value" in expect)
    return "value" in answer && answer.value === utf8(expect.value) ? undefined : `C++ Nix says ${said}`
  if ("value" in answer || !mayMean(expect.code, answer.error)) return `C++ Nix says ${said}`
  return answer.line === undefined || answer.line === expect.line ? undefined : `C++ Nix says it on line ${answer.line}`
}

/** The fixture with its mark at the end of the line it is about: the error's, else the last. */
function withMark(fixture: Fixture, answer: Answer): Fixture {
  const lines = fixture.source.split("\n")
  const at = "error" in answer && answer.line !== undefined ? answer.line - 1 : lines.length - 1
  const mark = "value" in answer ? `#> ${answer.value}` : `#! ${codeOf(answer.error)}`
  lines[at] = `${lines[at]} ${Buffer.from(mark).toString("latin1")}`
  return { ...fixture, source: lines.join("\n") }
}
