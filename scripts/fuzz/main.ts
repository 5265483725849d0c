/**
 * `npm run fuzz`: gives mutated programs to everything that reads programs (parser, linter, compiler, machine, builtins,
 * printers), mutated archives and records to everything that reads those (targets.ts), and fails if one makes a JavaScript
 * error, a problem that is in no place, or takes longer than it may.
 *
 *     npm run fuzz -- [--target NAME] [--seed N] [--inputs N] [--input N]
 *
 * Every target gets that many inputs, unless one is named. `--input` prints one input, by the number that a report gave it,
 * and checks it here.
 */
import process from "node:process"
import { parseArgs } from "node:util"
import { Worker } from "node:worker_threads"
import { isTargetName, TARGET_NAMES, TARGETS, type TargetName } from "./targets.ts"
import { inputOf, type Batch } from "./worker.ts"

/** Milliseconds for one input, on a slow machine. */
const PATIENCE = 20_000

export interface Finding {
  readonly index: number
  readonly wrong: string
}

/** Checks the inputs `[0, count)` of `seed`. */
export async function fuzz(target: TargetName, seed: number, count: number): Promise<Finding[]> {
  const findings: Finding[] = []
  const progress = new Int32Array(new SharedArrayBuffer(4))
  for (let from = 0; from < count;) {
    Atomics.store(progress, 0, from)
    const stopped = await runBatch({ target, seed, from, to: count, progress }, findings)
    if (stopped === undefined) break
    const index = Atomics.load(progress, 0)
    findings.push({ index, wrong: stopped })
    from = index + 1
  }
  return findings
}

/** Why it did not get to the end, if so. */
async function runBatch(batch: Batch, findings: Finding[]): Promise<string | undefined> {
  const worker = new Worker(new URL("worker.ts", import.meta.url), {
    workerData: batch,
    // The deepest nesting must not need a larger stack than programs have.
    resourceLimits: { maxOldGenerationSizeMb: 2000 },
  })
  let last = -1
  let since = Date.now()
  let late = false
  const watch = setInterval(() => {
    const index = Atomics.load(batch.progress, 0)
    if (index !== last) {
      last = index
      since = Date.now()
    } else if (Date.now() - since > PATIENCE) {
      late = true
      void worker.terminate()
    }
  }, 200)
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  worker.on("message", (finding: Finding) => findings.push(finding))
  worker.on("error", (error) => resolve(`ended the process: ${String(error)}`))
  worker.on("exit", () => resolve(late ? `still busy after ${PATIENCE / 1000} s` : undefined))
  const stopped = await promise
  clearInterval(watch)
  return stopped
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      target: { type: "string" },
      seed: { type: "string", default: "1" },
      inputs: { type: "string", default: "20000" },
      input: { type: "string" },
    },
  })
  const { target = "programs" } = values
  if (!isTargetName(target)) {
    console.error(`no such target: ${target}; there are ${TARGET_NAMES.join(", ")}`)
    process.exit(2)
  }
  const seed = Number(values.seed)
  if (values.input !== undefined) {
    const text = inputOf(target, seed, Number(values.input), TARGETS[target].seeds())
    console.log(text)
    console.log(TARGETS[target].check(text) ?? "nothing is wrong")
    return
  }
  const count = Number(values.inputs)
  const targets = values.target === undefined ? TARGET_NAMES : [target]
  let failed = 0
  for (const one of targets) {
    const started = performance.now()
    // oxlint-disable-next-line no-await-in-loop -- one after the other, so that times mean something
    const findings = await fuzz(one, seed, count)
    for (const { index, wrong } of findings) console.log(`--target ${one} --seed ${seed} --input ${index}: ${wrong}`)
    console.log(`${one}, seed ${seed}: ${count} inputs in ${((performance.now() - started) / 1000).toFixed(1)} s`)
    failed += findings.length
  }
  console.log(`${count * targets.length - failed} passed, ${failed} failed`)
  if (failed > 0) process.exitCode = 1
}

if (process.argv[1] === import.meta.filename) await main()
