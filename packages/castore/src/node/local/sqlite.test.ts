import assert from "node:assert/strict"
import { once } from "node:events"
import { join } from "node:path"
import { test } from "node:test"
import { Worker } from "node:worker_threads"
import { folder } from "./testing/castore-folder.ts"

const THREADS = 2
const DATABASES = 60

test("several may make a database in the same moment", async (t) => {
  const dir = folder(t)
  const task = {
    paths: Array.from({ length: DATABASES }, (_, i) => join(dir, `${i}.sqlite`)),
    format: { applicationId: 1, version: 1, schema: "CREATE TABLE numbers (n INTEGER) STRICT;" },
    arrivals: new SharedArrayBuffer(4 * DATABASES),
    threads: THREADS,
  }
  const thread = new URL("testing/opening-thread.ts", import.meta.url)
  const workers = Array.from({ length: THREADS }, () => new Worker(thread, { workerData: task }))
  const failures = await Promise.all(workers.map(async (worker) => (await once(worker, "message"))[0]))
  assert.deepEqual(failures.flat(), [])
})
