/** The thread of an `Alarm`. */
import { lstatSync, writeSync } from "node:fs"
import { workerData } from "node:worker_threads"
import { encodeWakeUp } from "../reply.ts"
import { ALARM, type AlarmOptions } from "./alarm.ts"

/** How long a read may take before whoever waits for it is woken up. */
const PATIENCE_MS = 20

const { fd, path, state } = workerData as AlarmOptions

function wakeUp(): void {
  const id = (Atomics.load(state, 1) >>> 0) + Atomics.load(state, 2) * 2 ** 32
  try {
    writeSync(fd, encodeWakeUp(id))
  } catch {
    // Nothing is mounted any more: then the read ends by itself.
  }
}

function lookUp(): void {
  try {
    lstatSync(path)
  } catch {
    // It is mounted elsewhere, or not at all.
  }
}

for (let now = Atomics.load(state, 0); now !== ALARM.ended; now = Atomics.load(state, 0)) {
  if (now === ALARM.asleep) {
    Atomics.store(state, 3, 1)
    Atomics.wait(state, 0, now)
    Atomics.store(state, 3, 0)
  } else if (now === ALARM.lookUp) {
    lookUp()
    Atomics.compareExchange(state, 0, now, ALARM.asleep)
  } else if (Atomics.wait(state, 0, now, PATIENCE_MS) === "timed-out" && Atomics.load(state, 0) === now) {
    wakeUp()
  }
}
