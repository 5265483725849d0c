import { CacheError } from "../problem.ts"

/** How slow a peer may be. */
export interface Pace {
  /** ms for which nothing at all may happen. */
  readonly stallMs: number
  /** Bytes that have to come or go on average. */
  readonly bytesPerSecond: number
}

/**
 * What a peer has left of our patience, in ms: waiting for it takes from it, bytes give to it. So whoever sends a byte now
 * and then gets as little as one who sends none, and our own slowness costs nobody anything.
 */
export class Patience {
  readonly #pace: Pace
  #leftMs: number

  constructor(pace: Pace) {
    this.#pace = pace
    this.#leftMs = pace.stallMs
  }

  moved(bytes: number): void {
    const { stallMs, bytesPerSecond } = this.#pace
    this.#leftMs = Math.min(stallMs, this.#leftMs + (bytes * 1000) / bytesPerSecond)
  }

  /**
   * Waits for something that the peer has to do.
   *
   * @param begin is to call the function when it has; the result gives up waiting
   * @throws {CacheError} `timeout`
   */
  async wait(begin: (done: () => void) => () => void): Promise<void> {
    const from = performance.now()
    await new Promise<void>((resolve, reject) => {
      const giveUp = begin(() => {
        clearTimeout(timer)
        resolve()
      })
      const timer = setTimeout(
        () => {
          giveUp()
          reject(new CacheError({ code: "timeout" }))
        },
        Math.max(0, this.#leftMs),
      )
    })
    this.#leftMs -= performance.now() - from
  }
}
