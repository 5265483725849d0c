/** The garbage of a process that evaluates again and again: what V8 would do with it later than it should. */

/** Bytes, garbage that is not collected yet included. */
export function heapUsed(): number {
  return process.memoryUsage().heapUsed
}

/** All of it, and with it some of what V8 has learned of what is not in use: not to be done between evaluations. */
export function collectGarbage(): void {
  const { setFlagsFromString } = process.getBuiltinModule("node:v8")
  const { runInNewContext } = process.getBuiltinModule("node:vm")
  setFlagsFromString("--expose-gc")
  const collect = runInNewContext("gc") as () => void
  collect()
}

/** What earlier evaluations have to have left, in bytes, for it to be worth the 25 ms. */
const LEFT_MIN = 48 * 2 ** 20
/** What an evaluation has made, in bytes, when it has begun to use what all of them use. */
const BEGUN_MIN = 16 * 2 ** 20
const LOOK_MS = 10

/**
 * Collects what earlier evaluations left when the one that begins now is on its way. V8 left to itself waits until the heap is full,
 * which sooner or later is at the end of an evaluation: all that it made is in use then and stays until the end of the next.
 *
 * @returns to be called when the evaluation is over
 */
export function collectOnTheWay(): () => void {
  const left = heapUsed()
  if (left < LEFT_MIN) return () => {}
  const timer = setInterval(() => {
    // If V8 has just done so, there is less than before.
    if (heapUsed() < left + BEGUN_MIN) return
    clearInterval(timer)
    collectGarbage()
  }, LOOK_MS)
  return () => clearInterval(timer)
}
