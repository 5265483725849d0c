/** Work that is done as room becomes free; what is being done may add more. */
export class Pool {
  readonly #max: number
  readonly #waiting: (() => Promise<void>)[] = []
  /** Of `#waiting`, the one that is next. */
  #next = 0
  #running = 0
  #failure: { readonly error: unknown } | undefined
  #awaited = false
  readonly #ended = Promise.withResolvers<void>()

  /** @param max how much at once */
  constructor(max: number) {
    this.#max = max
  }

  /** Does `work` after what was added before it has begun. */
  add(work: () => Promise<void>): void {
    this.#waiting.push(work)
    this.#begin()
  }

  /** Resolves when nothing is left to do. If something fails, nothing more is begun, and what was is waited for. */
  async done(): Promise<void> {
    this.#awaited = true
    this.#endIfIdle()
    await this.#ended.promise
    if (this.#failure !== undefined) throw this.#failure.error
  }

  #begin(): void {
    while (this.#running < this.#max && this.#next < this.#waiting.length && this.#failure === undefined) {
      const work = this.#waiting[this.#next++]!
      this.#running++
      void this.#do(work)
    }
    if (this.#next < 1000) return
    this.#waiting.splice(0, this.#next)
    this.#next = 0
  }

  async #do(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#failure ??= { error }
    }
    this.#running--
    this.#begin()
    this.#endIfIdle()
  }

  #endIfIdle(): void {
    const isOver = this.#failure !== undefined || this.#next === this.#waiting.length
    if (this.#awaited && this.#running === 0 && isOver) this.#ended.resolve()
  }
}
