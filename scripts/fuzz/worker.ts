/** Checks inputs one after the other; {@link file:./main.ts} watches from outside, since some may never end. */
import { parentPort, workerData } from "node:worker_threads"
import { Random } from "../random.ts"
import { mutated } from "./mutate.ts"
import { TARGETS, type TargetName } from "./targets.ts"

export interface Batch {
  readonly target: TargetName
  readonly seed: number
  readonly from: number
  readonly to: number
  /** Index 0: the input being checked. */
  readonly progress: Int32Array
}

/** Input number `index` of a seed; the same for everybody. */
export function inputOf(target: TargetName, seed: number, index: number, seeds: readonly string[]): string {
  return mutated(new Random(Math.imul(seed, 0x9e3779b1) + index), seeds, TARGETS[target].dictionary)
}

if (parentPort !== null) {
  const { target, seed, from, to, progress } = workerData as Batch
  const { check, seeds: read } = TARGETS[target]
  const seeds = read()
  for (let index = from; index < to; index++) {
    Atomics.store(progress, 0, index)
    const wrong = check(inputOf(target, seed, index, seeds))
    if (wrong !== undefined) parentPort.postMessage({ index, wrong })
  }
}
