/**
 * How fast files are read, lexed and parsed: `node src/parser/parse.bench.ts DIRECTORY…`, over every .nix file below.
 *
 * The first pass is the one that counts for a command run once (V8 has compiled nothing yet); the median of the others is
 * what an editor or a daemon sees. A file with problems is named: C++ Nix must refuse it too.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { END } from "../grammar/tokens.ts"
import { Lexer } from "../lexer/lexer.ts"
import { describe } from "../problem.ts"
import { SourceFile } from "../source.ts"
import { parse } from "./parser.ts"

const PASSES = 9

const files = process.argv.slice(2).flatMap((directory) =>
  readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".nix"))
    .map((name) => join(directory, name))
    .map((path) => new SourceFile(path, readFileSync(path, "latin1"))),
)
const megabytes = files.reduce((sum, file) => sum + file.text.length, 0) / 1e6

function lexAll(): number {
  let count = 0
  for (const { text } of files) {
    const lexer = new Lexer(text, () => {}, { pipeOperators: true })
    while (lexer.next() !== END) count++
  }
  return count
}

function parseAll(): number {
  let count = 0
  for (const file of files) {
    const { problems } = parse(file, { pipeOperators: true })
    if (problems.length === 0) count++
  }
  return count
}

function report(name: string, run: () => number, unit: string): void {
  const times: number[] = []
  let count = 0
  for (let pass = 0; pass < PASSES; pass++) {
    const started = performance.now()
    count = run()
    times.push(performance.now() - started)
  }
  const rate = (ms: number): string => `${(megabytes / (ms / 1000)).toFixed(0)} MB/s (${ms.toFixed(0)} ms)`
  const warm = times.slice(1).toSorted((a, b) => a - b)[(PASSES - 1) >> 1]!
  process.stdout.write(`${name}: cold ${rate(times[0]!)}, warm ${rate(warm)}, ${count} ${unit}\n`)
}

process.stdout.write(`${files.length} files, ${megabytes.toFixed(1)} MB\n`)
// Parsing first: lexing alone would warm the lexer up for it.
report("parse", parseAll, "without problems")
report("lex", lexAll, "tokens")
for (const file of files) {
  const [first] = parse(file, { pipeOperators: true }).problems
  if (first !== undefined) process.stdout.write(`${file.path}: ${describe(first, file)}\n`)
}
