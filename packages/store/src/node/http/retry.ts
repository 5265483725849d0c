import { CastoreError } from "@tvix-ts/castore"
import type { HttpSettings } from "./settings.ts"

/** What may have passed when one asks again. */
export class Transient extends Error {
  override readonly name = "Transient"
  /** How long the server asks to wait, in ms. */
  readonly afterMs: number | undefined

  constructor(reason: string, options: ErrorOptions & { readonly afterMs?: number | undefined } = {}) {
    super(reason, options)
    this.afterMs = options.afterMs
  }
}

/** Attempts at one thing. */
export class Attempts {
  readonly #what: string
  readonly #settings: HttpSettings
  readonly #signal: AbortSignal | undefined
  #failed = 0

  /** @param what is attempted, for messages */
  constructor(what: string, settings: HttpSettings, signal: AbortSignal | undefined) {
    this.#what = what
    this.#settings = settings
    this.#signal = signal
  }

  /** It has got on: what fails now fails for the first time. */
  renew(): void {
    this.#failed = 0
  }

  /**
   * Waits for the time of the next attempt, longer each time.
   *
   * @throws {unknown} `error`, if nothing can be hoped of another one; `unavailable` if there were enough
   */
  async failed(error: unknown): Promise<void> {
    this.#signal?.throwIfAborted()
    if (!(error instanceof Transient)) throw error
    const { attemptsMax, retryMs, retryMsMax, retryAfterMsMax, random, wait } = this.#settings
    this.#failed++
    const afterMs = error.afterMs ?? 0
    if (this.#failed >= attemptsMax || afterMs > retryAfterMsMax) {
      const often = this.#failed === 1 ? "" : ` (${this.#failed} attempts)`
      throw new CastoreError(
        { code: "unavailable", reason: `${this.#what}: ${error.message}${often}` },
        { cause: error },
      )
    }
    const backoffMs = Math.min(retryMs * 2 ** (this.#failed - 1), retryMsMax)
    // Not all who were sent away come back at the same time.
    await wait(Math.max(afterMs, backoffMs * (0.5 + random() / 2)), this.#signal)
  }

  async run<T>(attempt: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        return await attempt()
      } catch (error) {
        // oxlint-disable-next-line no-await-in-loop
        await this.failed(error)
      }
    }
  }
}

/** How long a server asks to wait, in ms: its `Retry-After`, which is seconds or a date. */
export function retryAfterMs(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000
  const date = Date.parse(header)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}
