/**
 * `npm run fetchers`: fetches the same here and in C++ Nix, from files, a web server and repositories of this machine, and
 * compares what comes out: paths, hashes, what is told of commits, and what is said when it cannot be done.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { byteStringOf } from "@tvix-ts/bytes"
import { deeply, describe, Evaluation, Failure, makeGlobals, NixString, type Value } from "@tvix-ts/eval"
import { nodeIo } from "@tvix-ts/eval/node"
import { evaluationStore, fetchBuiltins, storeBuiltins, storeIo } from "@tvix-ts/glue"
import { nodeFetcher } from "@tvix-ts/glue/node"
import { memoryStore } from "@tvix-ts/store"
import { SourceFile } from "@tvix-ts/syntax"
import { askRepl, type Reply } from "../side-by-side/repl.ts"
import { Tally } from "../side-by-side/tally.ts"
import { PATHS, PROBLEMS, TREES } from "./cases.ts"
import { makeWorld } from "./world.ts"

/** Of a set with `outPath`, JSON shows nothing else. */
const SHOW = 'x: builtins.toJSON (map (n: [ n (if n == "outPath" then "${x}" else x.${n}) ]) (builtins.attrNames x))'
const SHOWN = 20

const folder = mkdtempSync(join(tmpdir(), "fetchers-"))
// Neither is to know the settings of whoever runs this.
Object.assign(process.env, { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" })
const world = await makeWorld(folder)
try {
  const filled = (expression: string): string =>
    byteStringOf(`builtins.${expression}`.replace(/\$([A-Z_]+)/g, (_, name: string) => world.variables[name]!))
  const questions = [
    ...PATHS.map((expression) => ({ expression: filled(expression), kind: "path" as const })),
    ...TREES.map((expression) => ({ expression: `show (${filled(expression)})`, kind: "tree" as const })),
    ...PROBLEMS.map((expression) => ({ expression: `"\${${filled(expression)}}"`, kind: "problem" as const })),
  ]
  const texts = questions.map(({ expression }) => expression)
  const setup = [`show = ${SHOW}`]
  const theirs = await askRepl(texts, { store: join(folder, "their-store"), directory: folder, setup })
  const ours = await askOurs(texts)
  const tallies = {
    path: new Tally("paths", SHOWN),
    tree: new Tally("trees", SHOWN),
    problem: new Tally("problems", SHOWN),
  }
  for (const [index, { expression, kind }] of questions.entries()) {
    const [our, their] = [comparable(ours[index]!), comparable(theirs[index]!)]
    const isAsAsked = (kind === "problem") === their.startsWith("error: ")
    tallies[kind].add(isAsAsked && our === their, () => `${expression}\nours:    ${our}\nC++ Nix: ${their}\n`)
  }
  for (const tally of Object.values(tallies)) tally.print()
  const all = Object.values(tallies)
  const failed = all.reduce((sum, tally) => sum + tally.failed, 0)
  console.log(`${all.reduce((sum, tally) => sum + tally.passed, 0)} passed, ${failed} failed`)
  if (failed > 0) process.exitCode = 1
} finally {
  world.close()
  rmSync(folder, { recursive: true, force: true })
}

async function askOurs(texts: readonly string[]): Promise<Reply[]> {
  const castore = memoryStore()
  const store = evaluationStore(async () => castore)
  const fetcher = nodeFetcher({ store: () => store.trees!(), cacheFolder: join(folder, "our-cache"), retryMs: 1 })
  const evaluation = new Evaluation(
    {
      io: storeIo(nodeIo(), store),
      builtins: [...storeBuiltins(store), ...fetchBuiltins(store, fetcher)],
      system: "x86_64-linux",
    },
    makeGlobals,
  )
  const load = (text: string, scope?: ReadonlyMap<string, Value>): Value =>
    evaluation.load(new SourceFile(byteStringOf("«string»"), text), folder, scope)
  const scope = new Map([["show", load(SHOW)]])
  const replies: Reply[] = []
  for (const text of texts) {
    try {
      const value = await evaluation.run(deeply(load(text, scope)))
      if (value instanceof NixString) replies.push({ value: value.bytes })
      else replies.push(typeof value === "string" ? { value } : { error: "not a string", trace: "" })
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      replies.push({ error: describe(error.problem, evaluation.positions), trace: "" })
    }
  }
  fetcher.close()
  await castore.close()
  return replies
}

/** What of an answer has to be the same. */
function comparable(reply: Reply): string {
  if ("value" in reply) return reply.value
  return (
    `error: ${reply.error}`
      .replace(/\s+/g, " ")
      // Theirs names the library that it uses, a time, and where in it the problem came up; ours what git has to say.
      .replace(/ \(libgit2 error code = \d+\)/, "")
      .replace(/Failed to open archive \(Source threw exception: error: (.*)\)$/, "$1")
      .replace(/(Failed to fetch git repository '[^']*').*/, "$1")
      .trim()
  )
}
