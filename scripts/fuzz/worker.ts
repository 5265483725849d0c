/** Checks inputs one after the other; {@link file:./main.ts} watches from outside, since some may never end. */
import { readFileSync } from "node:fs"
import { parentPort, workerData } from "node:worker_threads"
import { check } from "./check.ts"
import { mutated, Random } from "./mutate.ts"

export interface Batch {
  readonly seed: number
  readonly seedFiles: readonly string[]
  readonly from: number
  readonly to: number
  /** Index 0: the input being checked. */
  readonly progress: Int32Array
}

/** Input number `index` of a seed; the same for everybody. */
export function inputOf(seed: number, index: number, seeds: readonly string[]): string {
  return mutated(new Random(Math.imul(seed, 0x9e3779b1) + index), seeds)
}

if (parentPort !== null) {
  const { seed, seedFiles, from, to, progress } = workerData as Batch
  const seeds = seedFiles.map((file) => readFileSync(file, "latin1"))
  for (let index = from; index < to; index++) {
    Atomics.store(progress, 0, index)
    const wrong = check(inputOf(seed, index, seeds))
    if (wrong !== undefined) parentPort.postMessage({ index, wrong })
  }
}
