/**
 * Long work in short pieces. Calls of node:fs that block are several times faster for small files than those that do not,
 * but while they go on nothing else does: no signal arrives, no progress is drawn, no connection answers.
 */
const SLICE_MS = 12

export class TimeSlice {
  #until = performance.now() + SLICE_MS

  get over(): boolean {
    return performance.now() > this.#until
  }

  /** Lets everybody else have a turn. */
  async rest(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    this.#until = performance.now() + SLICE_MS
  }
}
