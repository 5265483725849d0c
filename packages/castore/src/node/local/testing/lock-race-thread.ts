/** One of several threads that try locks at the same moments, each time a new one, and count how often one of them got it. */
import { join } from "node:path"
import { workerData } from "node:worker_threads"
import { tryLock } from "../lock.ts"

const { folder, threads, rounds, shared } = workerData as {
  readonly folder: string
  readonly threads: number
  readonly rounds: number
  /** Numbers of 32 bits: threads that came to a line so far, and for each round how many got the lock. */
  readonly shared: SharedArrayBuffer
}
const counts = new Int32Array(shared)
let lines = 0
/** Goes on when all have come here. */
function line(): void {
  const all = ++lines * threads
  for (Atomics.add(counts, 0, 1); Atomics.load(counts, 0) < all;);
}

for (let round = 1; round <= rounds; round++) {
  line()
  const lock = tryLock(join(folder, `race-${round}`))
  if (lock !== undefined) Atomics.add(counts, round, 1)
  line()
  lock?.release()
}
