/** Takes a lock again and again, and counts how often another thread had it at the same time. */
import { workerData } from "node:worker_threads"
import { folderLocks } from "../node/build/locks.ts"

const { dir, output, inside, times } = workerData as {
  readonly dir: string
  readonly output: string
  /** Two numbers of 32 bits: threads that have it now, and times that these were several. */
  readonly inside: SharedArrayBuffer
  readonly times: number
}
const counts = new Int32Array(inside)
const locks = folderLocks(dir)
const { signal } = new AbortController()
for (let i = 0; i < times; i++) {
  const release = await locks.acquire(output, signal, () => {})
  if (Atomics.add(counts, 0, 1) !== 0) Atomics.add(counts, 1, 1)
  await new Promise((resolve) => setImmediate(resolve))
  Atomics.sub(counts, 0, 1)
  release()
}
