export interface RememberedOptions {
  readonly countMax: number
  /** What all of them may weigh together; without, they weigh nothing. */
  readonly weightMax?: number
  /** For how long. */
  readonly ms: number
  /** ms since whenever. */
  readonly now: () => number
}

interface Entry<T> {
  readonly value: T
  readonly weight: number
  readonly until: number
}

/** A map that forgets: what is old, and what is oldest where there is too much. */
export class Remembered<T> {
  readonly #entries = new Map<string, Entry<T>>()
  readonly #options: RememberedOptions
  #weight = 0

  constructor(options: RememberedOptions) {
    this.#options = options
  }

  get(key: string): T | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    if (entry.until > this.#options.now()) return entry.value
    this.delete(key)
    return undefined
  }

  set(key: string, value: T, weight: number = 0): void {
    const { countMax, weightMax = Infinity, ms, now } = this.#options
    this.delete(key)
    this.#entries.set(key, { value, weight, until: now() + ms })
    this.#weight += weight
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= countMax && this.#weight <= weightMax) return
      this.delete(oldest)
    }
  }

  delete(key: string): void {
    this.#weight -= this.#entries.get(key)?.weight ?? 0
    this.#entries.delete(key)
  }
}
