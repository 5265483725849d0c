import { CacheError } from "./problem.ts"

/** Clients that are remembered; more would let strangers fill the memory. */
const CLIENTS_MAX = 20_000
/** Whom those are counted as that there is no room for: together. */
const OTHERS = "others"

interface Allowance {
  requests: number
  at: number
}

/** Counts requests of each client: so many a second on average, and as many as in `burstSeconds` at once. */
export class RateLimiter {
  readonly #perSecond: number
  readonly #burst: number
  readonly #clock: () => number
  /** The least recently seen first. */
  readonly #left = new Map<string, Allowance>()

  /** @param clock in ms */
  constructor(perSecond: number, burstSeconds: number, clock: () => number = () => performance.now()) {
    this.#perSecond = perSecond
    this.#burst = Math.max(1, perSecond * burstSeconds)
    this.#clock = clock
  }

  /**
   * @param client as `networkOf` has it
   * @throws {CacheError} `rate`
   */
  count(client: string): void {
    if (this.#perSecond === Infinity) return
    const at = this.#clock()
    const key = this.#hasRoomFor(client, at) ? client : OTHERS
    const requests = this.#requestsLeft(this.#left.get(key), at)
    const passes = requests >= 1
    this.#left.delete(key)
    this.#left.set(key, { requests: passes ? requests - 1 : requests, at })
    if (passes) return
    const retryAfterSeconds = Math.max(1, Math.ceil((1 - requests) / this.#perSecond))
    throw new CacheError({ code: "rate", retryAfterSeconds })
  }

  /** Whoever may ask as much as a newcomer need not be remembered. The others are, or newcomers would free them. */
  #hasRoomFor(client: string, at: number): boolean {
    if (this.#left.size < CLIENTS_MAX || this.#left.has(client)) return true
    const [oldest] = this.#left
    if (this.#requestsLeft(oldest?.[1], at) < this.#burst) return false
    this.#left.delete(oldest![0])
    return true
  }

  #requestsLeft(before: Allowance | undefined, at: number): number {
    if (before === undefined) return this.#burst
    return Math.min(this.#burst, before.requests + ((at - before.at) / 1000) * this.#perSecond)
  }
}

/** How much each client has of something at the moment. Of nobody in particular, "", it is not counted. */
export class Shares {
  readonly #max: number
  readonly #taken = new Map<string, number>()

  constructor(max: number) {
    this.#max = max
  }

  /** Whether `client` may take one more. */
  isFree(client: string): boolean {
    return client === "" || (this.#taken.get(client) ?? 0) < this.#max
  }

  take(client: string): void {
    if (client !== "") this.#taken.set(client, (this.#taken.get(client) ?? 0) + 1)
  }

  giveBack(client: string): void {
    const taken = this.#taken.get(client) ?? 0
    if (taken > 1) this.#taken.set(client, taken - 1)
    else this.#taken.delete(client)
  }
}

export interface GateOptions {
  /** For messages: "uploads". */
  readonly what: string
  /** That may be inside at the same time. */
  readonly insideMax: number
  /** Of one client; as many as there are places without. */
  readonly insidePerClientMax?: number
  /** That may wait outside. */
  readonly waitingMax: number
  /** How long they wait. */
  readonly waitMs: number
}

interface Waiting {
  readonly client: string
  readonly enter: () => void
  readonly fail: (error: unknown) => void
}

/** Lets so many in at the same time. Who has as many inside as one client may waits without keeping others from entering. */
export class Gate {
  readonly #options: GateOptions
  readonly #shares: Shares
  #inside = 0
  readonly #waiting = new Set<Waiting>()

  constructor(options: GateOptions) {
    this.#options = options
    this.#shares = new Shares(options.insidePerClientMax ?? options.insideMax)
  }

  /**
   * Waits to be let in.
   *
   * @param client as `networkOf` has it
   * @returns what is to be called, once, to leave
   * @throws {CacheError} `busy`; the signal's reason
   */
  async enter(signal: AbortSignal, client: string): Promise<() => void> {
    const { waitingMax, waitMs } = this.#options
    signal.throwIfAborted()
    if (!this.#letIn(client)) {
      if (this.#waiting.size >= waitingMax) throw this.#busy()
      await new Promise<void>((resolve, reject) => {
        const end = (then: () => void): void => {
          clearTimeout(timer)
          signal.removeEventListener("abort", gone)
          this.#waiting.delete(waiting)
          then()
        }
        const waiting: Waiting = { client, enter: () => end(resolve), fail: (error) => end(() => reject(error)) }
        const gone = (): void => waiting.fail(signal.reason)
        const timer = setTimeout(() => waiting.fail(this.#busy()), waitMs)
        signal.addEventListener("abort", gone)
        this.#waiting.add(waiting)
      })
    }
    return () => this.#leave(client)
  }

  #letIn(client: string): boolean {
    if (this.#inside >= this.#options.insideMax || !this.#shares.isFree(client)) return false
    this.#inside++
    this.#shares.take(client)
    return true
  }

  #leave(client: string): void {
    this.#inside--
    this.#shares.giveBack(client)
    for (const next of this.#waiting) {
      if (!this.#letIn(next.client)) continue
      next.enter()
      return
    }
  }

  #busy(): CacheError {
    const retryAfterSeconds = Math.max(1, Math.ceil(this.#options.waitMs / 1000))
    return new CacheError({ code: "busy", what: this.#options.what, retryAfterSeconds })
  }
}
