import { CacheError } from "./problem.ts"

/** Addresses that are remembered; more would let strangers fill the memory. */
const ADDRESSES_MAX = 20_000

/** Counts requests of each address: so many a second on average, and as many as in `burstSeconds` at once. */
export class RateLimiter {
  readonly #perSecond: number
  readonly #burst: number
  readonly #clock: () => number
  /** The least recently seen first. */
  readonly #left = new Map<string, { requests: number; at: number }>()

  /** @param clock in ms */
  constructor(perSecond: number, burstSeconds: number, clock: () => number = () => performance.now()) {
    this.#perSecond = perSecond
    this.#burst = Math.max(1, perSecond * burstSeconds)
    this.#clock = clock
  }

  /** @throws {CacheError} `rate` */
  count(address: string): void {
    if (this.#perSecond === Infinity) return
    const at = this.#clock()
    const before = this.#left.get(address)
    const gained = before === undefined ? this.#burst : before.requests + ((at - before.at) / 1000) * this.#perSecond
    const requests = Math.min(this.#burst, gained)
    const passes = requests >= 1
    this.#left.delete(address)
    this.#left.set(address, { requests: passes ? requests - 1 : requests, at })
    if (this.#left.size > ADDRESSES_MAX) this.#left.delete(this.#left.keys().next().value!)
    if (passes) return
    const retryAfterSeconds = Math.max(1, Math.ceil((1 - requests) / this.#perSecond))
    throw new CacheError({ code: "rate", retryAfterSeconds })
  }
}

export interface GateOptions {
  /** For messages: "uploads". */
  readonly what: string
  /** That may be inside at the same time. */
  readonly insideMax: number
  /** That may wait outside. */
  readonly waitingMax: number
  /** How long they wait. */
  readonly waitMs: number
}

interface Waiting {
  readonly enter: () => void
  readonly fail: (error: unknown) => void
}

/** Lets so many in at the same time. */
export class Gate {
  readonly #options: GateOptions
  #inside = 0
  readonly #waiting = new Set<Waiting>()

  constructor(options: GateOptions) {
    this.#options = options
  }

  /**
   * Waits to be let in. Whoever was must call {@link leave}.
   *
   * @throws {CacheError} `busy`; the signal's reason
   */
  async enter(signal: AbortSignal): Promise<void> {
    const { insideMax, waitingMax, waitMs } = this.#options
    signal.throwIfAborted()
    if (this.#inside < insideMax) {
      this.#inside++
      return
    }
    if (this.#waiting.size >= waitingMax) throw this.#busy()
    await new Promise<void>((resolve, reject) => {
      const end = (then: () => void): void => {
        clearTimeout(timer)
        signal.removeEventListener("abort", gone)
        this.#waiting.delete(waiting)
        then()
      }
      const waiting: Waiting = { enter: () => end(resolve), fail: (error) => end(() => reject(error)) }
      const gone = (): void => waiting.fail(signal.reason)
      const timer = setTimeout(() => waiting.fail(this.#busy()), waitMs)
      signal.addEventListener("abort", gone)
      this.#waiting.add(waiting)
    })
  }

  leave(): void {
    const [next] = this.#waiting
    // Its place is taken over.
    if (next !== undefined) next.enter()
    else this.#inside--
  }

  #busy(): CacheError {
    const retryAfterSeconds = Math.max(1, Math.ceil(this.#options.waitMs / 1000))
    return new CacheError({ code: "busy", what: this.#options.what, retryAfterSeconds })
  }
}
