import type { IncomingMessage } from "node:http"
import { Transient } from "./retry.ts"

/** Bytes a second, below which a server counts as having stalled. */
const RATE_MIN = 100

/**
 * The bytes of an answer as they come. A server that sends next to nothing for `stalledTimeoutMs`, not counting the time that
 * our own caller takes, is not waited for any longer.
 *
 * @throws {Transient}
 */
export async function* bodyOf(
  response: IncomingMessage,
  stalledTimeoutMs: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const pieces = response[Symbol.asyncIterator]() as AsyncIterator<Uint8Array, undefined>
  let waitedMs = 0
  let received = 0
  try {
    for (;;) {
      const begun = performance.now()
      const { done, value } = await withTimeout(pieces.next(), stalledTimeoutMs, () => stalled(stalledTimeoutMs))
      if (done === true) break
      waitedMs += performance.now() - begun
      received += value.length
      if (waitedMs > stalledTimeoutMs) {
        if (received < (RATE_MIN * waitedMs) / 1000) throw stalled(stalledTimeoutMs)
        waitedMs = 0
        received = 0
      }
      yield value
    }
  } catch (error) {
    if (error instanceof Transient) throw error
    throw new Transient("the connection broke", { cause: error })
  } finally {
    response.destroy()
  }
  if (!response.complete) throw new Transient("the connection broke")
}

function stalled(ms: number): Transient {
  return new Transient(`the server sent next to nothing for ${ms / 1000} seconds`)
}

/** @throws {unknown} what `problem` makes, if it takes longer */
export async function withTimeout<T>(result: Promise<T>, ms: number, problem: () => Error): Promise<T> {
  const timeout = Promise.withResolvers<never>()
  const timer = setTimeout(() => timeout.reject(problem()), ms)
  result.catch(() => {})
  try {
    return await Promise.race([result, timeout.promise])
  } finally {
    clearTimeout(timer)
  }
}
