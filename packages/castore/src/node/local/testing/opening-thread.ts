/** Opens databases that are not there yet, each in the same moment as the other threads do. */
import { parentPort, workerData } from "node:worker_threads"
import { openDatabaseOf, type DatabaseFormat } from "../sqlite.ts"

interface Task {
  readonly paths: readonly string[]
  readonly format: DatabaseFormat
  /** How many threads have come to each path, 32 bits each. */
  readonly arrivals: SharedArrayBuffer
  readonly threads: number
}

const { paths, format, arrivals, threads } = workerData as Task
const arrived = new Int32Array(arrivals)
const failures: string[] = []
for (const [i, path] of paths.entries()) {
  Atomics.add(arrived, i, 1)
  // A thread that slept would wake too late.
  while (Atomics.load(arrived, i) < threads);
  try {
    openDatabaseOf(format, path).close()
  } catch (error) {
    failures.push(String(error))
  }
}
parentPort!.postMessage(failures)
