/**
 * `npm run corpus`: runs C++ Nix 2.26's language tests against bin/nix-instantiate and compares exit status, output and
 * error text with what the corpus expects. Fails when something not on the list of known failures fails, and when
 * something on it passes.
 *
 *     npm run corpus -- [--command "WORDS"] [--list FILE] [--corpus DIR] [--show] [--update] [NAME…]
 *
 * `--command` tests another binary, `--corpus` names a folder that holds `lang/`, `--show` prints what differs, NAME
 * runs only cases whose name contains it, `--update` rewrites the list.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { join, resolve } from "node:path"
import process from "node:process"
import { parseArgs } from "node:util"
import { ROOT } from "../toolchain.mjs"
import { CASE_KINDS, readCases, type Case, type CaseKind } from "./cases.ts"
import { fetchCorpus } from "./fetch.ts"
import { parseKnownFailures, printKnownFailures, updateKnownFailures } from "./known-failures.ts"
import { runCase, type Check, type Difference } from "./run.ts"

const { values: options, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    command: { type: "string", default: join(ROOT, "bin", "nix-instantiate") },
    list: { type: "string", default: join(ROOT, "lang-tests", "nix-2.26-known-failures.txt") },
    corpus: { type: "string" },
    show: { type: "boolean", default: false },
    update: { type: "boolean", default: false },
  },
})

const functional = options.corpus === undefined ? fetchCorpus() : resolve(options.corpus)
const command = options.command.trim().split(/\s+/)
const cases = readCases(functional).filter(
  ({ name }) => names.length === 0 || names.some((part) => name.includes(part)),
)
const known = existsSync(options.list) ? parseKnownFailures(readFileSync(options.list, "utf8")) : []

const differences = await runAll(cases)

if (options.update) {
  const failed = new Map([...differences].map(([{ name }, found]) => [name, found.map(({ check }) => check)] as const))
  writeFileSync(options.list, printKnownFailures(updateKnownFailures(known, failed)))
}
if (options.show) show(differences)
const surprises = options.update ? [] : compareWithList(differences)
printTable(differences)
for (const { name, what } of surprises) console.log(`${name}: ${what}`)
console.log(`corpus: ${cases.length} cases, ${known.length} known failures, ${surprises.length} surprises`)
console.log(`${cases.length - differences.size} passed, ${new Set(surprises.map(({ name }) => name)).size} failed`)
if (surprises.length > 0) process.exitCode = 1

/** Every case that differs from its expectation, in the order of the corpus. */
async function runAll(all: readonly Case[]): Promise<Map<Case, Difference[]>> {
  const found = new Map<Case, Difference[]>()
  const waiting = all.values()
  const worker = async (): Promise<void> => {
    for (const one of waiting) found.set(one, await runCase(one, command, functional))
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker))
  return new Map(all.flatMap((one) => (found.get(one)!.length > 0 ? [[one, found.get(one)!] as const] : [])))
}

interface Surprise {
  readonly name: string
  readonly what: string
}

function compareWithList(found: ReadonlyMap<Case, readonly Difference[]>): Surprise[] {
  const failsAt = (name: string, check: Check): boolean =>
    [...found].some(([one, list]) => one.name === name && list.some((difference) => difference.check === check))
  const excused = (name: string, check: Check): boolean => known.some((one) => one.name === name && one.check === check)

  const failures = [...found].flatMap(([{ name }, list]) =>
    list.filter(({ check }) => !excused(name, check)).map(({ check }) => ({ name, what: `${check} differs` })),
  )
  const stale = known.flatMap(({ name, check, reason }): Surprise[] => {
    const one = cases.find((other) => other.name === name)
    if (one === undefined) return names.length > 0 ? [] : [{ name, what: "is on the list, and there is no such case" }]
    return failsAt(name, check) ? [] : [{ name, what: `${check} passes now; take it off the list (${reason})` }]
  })
  return [...failures, ...stale]
}

function printTable(found: ReadonlyMap<Case, readonly Difference[]>): void {
  for (const kind of CASE_KINDS) {
    const ofKind = cases.filter((one) => one.kind === kind)
    for (const check of checksOf(kind)) {
      const judged = ofKind.filter((one) => one[check] !== undefined)
      const passed = judged.filter((one) => !found.get(one)?.some((difference) => difference.check === check))
      const share = judged.length === 0 ? "–" : `${((100 * passed.length) / judged.length).toFixed(1)} %`
      console.log(`${kind.padEnd(10)} ${check.padEnd(6)} ${share.padStart(7)}  ${passed.length}/${judged.length}`)
    }
  }
}

function checksOf(kind: CaseKind): readonly Check[] {
  return kind.endsWith("-okay") ? ["status", "stdout", "stderr"] : ["status", "stderr"]
}

function show(found: ReadonlyMap<Case, readonly Difference[]>): void {
  for (const [one, list] of found) {
    console.log(`\n=== ${one.name}: nix-instantiate ${one.args.join(" ")}`)
    for (const { check, expected, actual } of list) {
      console.log(`--- ${check}, expected\n${fromBytes(expected)}\n+++ ${check}, actual\n${fromBytes(actual)}`)
    }
  }
}

/** Undoes one char a byte, for people to read. */
function fromBytes(text: string): string {
  return Buffer.from(text, "latin1").toString()
}
